package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/internal/ethrpc"
)

func journal(t testing.TB, path string) *Journal {
	t.Helper()
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// reopen is the next process: the journal is read anew, and nothing is remembered.
func reopen(t testing.TB, r *Registry, cfg Config, path string) *Registry {
	t.Helper()
	if err := r.journal.Close(); err != nil {
		t.Fatal(err)
	}
	forget()
	cfg.Network = r.Network()
	cfg.Journal = journal(t, path)
	next, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// events counts the attribute events of an identity by the attribute's name.
func events(t testing.TB, r *Registry, identity didethr.Address) map[string]int {
	t.Helper()
	topic := keccak([]byte("DIDAttributeChanged(address,bytes32,bytes,uint256,uint256)"))
	who := addressWord(identity)
	var logs []struct{ Data hexBytes }
	filter := map[string]any{"address": r.network.Registry.String(), "fromBlock": "0x0", "topics": []any{hexHash(topic), hexHash(who)}}
	if err := r.node.Call(context.Background(), &logs, "eth_getLogs", filter); err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, l := range logs {
		out[strings.TrimRight(string(l.Data[:32]), "\x00")]++
	}
	return out
}

func once(n int) Op {
	return AddService(fmt.Sprintf("S%d", n), "https://a.example", time.Hour).Once(fmt.Sprint("operation ", n))
}

// TestRestart: a process ends while its transactions wait, the next one applies the same operations and gets the same transactions; and so
// does the one after that, when all is done.
func TestRestart(t *testing.T) {
	chain := start(t, ethrtest.Options{Manual: true})
	stop := mining(t, chain)
	path := filepath.Join(t.TempDir(), "journal")
	cfg := config(chain)
	cfg.Journal = journal(t, path)
	r := deploy(t, chain, cfg)
	stop()
	owner := person(t, chain, 0)
	ops := []Op{once(0), once(1), once(2)}
	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	before, err := r.Identity(owner.Address(), owner).Apply(short, ops...)
	wants(t, err, NoAnswer)

	r = reopen(t, r, cfg, path)
	stop = mining(t, chain)
	after, err := r.Identity(owner.Address(), owner).Apply(context.Background(), append(ops, once(3))...)
	if err != nil {
		t.Fatal(err)
	}
	for n := range ops {
		if before[n].State != Pending || after[n].State != Mined || after[n].Tx != before[n].Tx || after[n].ID != fmt.Sprint("operation ", n) {
			t.Errorf("operation %d: %+v, then %+v", n, before[n], after[n])
		}
	}
	r = reopen(t, r, cfg, path)
	again, err := r.Identity(owner.Address(), owner).Apply(context.Background(), append(ops, once(3))...)
	if err != nil || again[3].Tx != after[3].Tx || again[3].Block != after[3].Block {
		t.Errorf("%v, %+v", err, again)
	}
	stop()
	if got := events(t, r, owner.Address()); len(got) != 4 || got["did/svc/S0"] != 1 || got["did/svc/S3"] != 1 {
		t.Errorf("%v", got)
	}
	_, err = r.Identity(owner.Address(), owner).Apply(context.Background(), AddService("Other", "https://a.example", time.Hour).Once("operation 0"))
	wants(t, err, BadConfig)
	_, err = r.Identity(owner.Address(), person(t, chain, 1)).Apply(context.Background(), once(0))
	wants(t, err, BadConfig)
}

// TestResume: signed and written down, and the process ends before anything is sent. The next process sends it at once, numbers its own
// transactions behind it, and can ask what became of it.
func TestResume(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	path := filepath.Join(t.TempDir(), "journal")
	cfg := config(chain)
	cfg.Journal = journal(t, path)
	r := deploy(t, chain, cfg)
	owner := person(t, chain, 0)
	dying, die := context.WithCancel(context.Background())
	store := r.journal.store
	r.journal.store = storeFunc{store, func(record []byte) error { defer die(); return store.Append(record) }}
	got, err := r.Identity(owner.Address(), owner).Apply(dying, once(0), AddService("Unnamed", "https://a.example", time.Hour))
	if wants(t, err, NoAnswer); got[0].State != Pending || got[1].State != Unsent {
		t.Fatalf("%+v", got)
	}
	if n := mined(t, r, owner.Address()); n != 0 {
		t.Fatalf("%d are mined", n)
	}
	r.journal.store = store
	// What the dead process could still write down is cut off: it did not come that far.
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, l := range lines {
		if bytes.Contains(l, []byte("operation 0")) {
			text = bytes.Join(lines[:i+1], nil)
		}
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r = reopen(t, r, cfg, path)
	i := r.Identity(owner.Address(), owner)
	if _, err := i.Apply(context.Background(), AddService("New", "https://a.example", time.Hour)); err != nil {
		t.Fatal(err)
	}
	ended, err := r.Resume(context.Background(), owner)
	if err != nil || len(ended) != 2 || ended[0].State != Mined || ended[0].ID != "operation 0" || ended[1].State != Mined {
		t.Fatalf("%v, %+v", err, ended)
	}
	if ended, err := r.Resume(context.Background()); err != nil || len(ended) != 0 {
		t.Errorf("%v, %+v", err, ended)
	}
	if got := events(t, r, owner.Address()); len(got) != 3 || got["did/svc/S0"] != 1 || got["did/svc/Unnamed"] != 1 || got["did/svc/New"] != 1 {
		t.Errorf("%v", got)
	}
}

// TestUnfinishedComeFirst: the pool loses what a process before this one left, after it has been handed in again, and the node counts only
// what is mined. What is signed now is numbered behind it all the same, and brings it along when it finds that it cannot be mined before it.
func TestUnfinishedComeFirst(t *testing.T) {
	chain := start(t, ethrtest.Options{Manual: true})
	stop := mining(t, chain)
	path := filepath.Join(t.TempDir(), "journal")
	cfg := config(chain)
	cfg.Journal = journal(t, path)
	cfg.BumpAfter = 50 * time.Millisecond
	r := deploy(t, chain, cfg)
	stop()
	owner := person(t, chain, 0)
	short, cancel := context.WithCancel(context.Background())
	defer cancel()
	chain.Interfere(func(request, answer []byte) []byte {
		if bytes.Contains(request, []byte("eth_getTransactionReceipt")) { // both are handed in
			cancel()
		}
		return answer
	})
	_, err := r.Identity(owner.Address(), owner).Apply(short, once(0), once(1))
	wants(t, err, NoAnswer)
	chain.Interfere(nil)
	r = reopen(t, r, cfg, path)
	if err := chain.Rewind(chain.Head().Number); err != nil { // empties the pool
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	var got []Receipt
	go func() {
		defer close(done)
		got, err = r.Identity(owner.Address(), owner).Apply(ctx, once(2))
	}()
	mineUntil(t, chain, done)
	if err != nil || got[0].job.tx.nonce != 2 {
		t.Fatalf("%v, %+v", err, got)
	}
	if seen := events(t, r, owner.Address()); len(seen) != 3 {
		t.Errorf("%v", seen)
	}
}

type storeFunc struct {
	Store
	append func([]byte) error
}

func (s storeFunc) Append(record []byte) error { return s.append(record) }

// TestWithoutJournalNothingIsSent: a full disk stops what would be forgotten.
func TestWithoutJournalNothingIsSent(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	cfg := config(chain)
	cfg.Journal = journal(t, filepath.Join(t.TempDir(), "journal"))
	r := deploy(t, chain, cfg)
	owner := person(t, chain, 0)
	store := r.journal.store
	r.journal.store = storeFunc{store, func([]byte) error { return errors.New("no space left on device") }}
	i := r.Identity(owner.Address(), owner)
	got, err := i.Apply(context.Background(), once(0))
	if wants(t, err, JournalFailed); got[0].State != Unsent || mined(t, r, owner.Address()) != 0 {
		t.Errorf("%+v", got)
	}
	r.journal.store = store
	if _, err := i.Apply(context.Background(), once(0)); err != nil {
		t.Error("after the disk has space:", err)
	}
	_, err = deploy(t, chain, config(chain)).Identity(owner.Address(), owner).Apply(context.Background(), once(1))
	wants(t, err, BadConfig) // a name without a journal
}

// TestRefusedOperationsCanBeTriedAgain under their names.
func TestRefusedOperationsCanBeTriedAgain(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	path := filepath.Join(t.TempDir(), "journal")
	cfg := config(chain)
	cfg.Journal = journal(t, path)
	r := deploy(t, chain, cfg)
	owner := person(t, chain, 0)
	ctx := context.Background()
	cfg.MaxFee = gwei(1)
	lowEstimate := lying("eth_estimateGas", number(gwei(0).SetInt64(0x6200)))
	for _, tt := range []struct {
		fault func(request, answer []byte) []byte
		want  Reason
	}{
		{lying("eth_feeHistory", history(gwei(1e9))), FeeTooHigh},
		{lowEstimate, Reverted},
	} {
		chain.Interfere(tt.fault)
		_, err := r.Identity(owner.Address(), owner).Apply(ctx, once(0))
		wants(t, err, tt.want)
		chain.Interfere(nil)
	}
	cfg.MaxFee = nil
	r = reopen(t, r, cfg, path)
	if got, err := r.Identity(owner.Address(), owner).Apply(ctx, once(0)); err != nil || got[0].State != Mined {
		t.Errorf("%v, %+v", err, got)
	}
}

// TestOneNameAtOnce: many callers apply the same named operation at the same time, and all get the one transaction.
func TestOneNameAtOnce(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	cfg := config(chain)
	cfg.Journal = journal(t, filepath.Join(t.TempDir(), "journal"))
	r := deploy(t, chain, cfg)
	owner := person(t, chain, 0)
	type result struct {
		r   []Receipt
		err error
	}
	results := make(chan result)
	const callers = 20
	for range callers {
		go func() {
			got, err := r.Identity(owner.Address(), owner).Apply(context.Background(), once(0))
			results <- result{got, err}
		}()
	}
	hashes := map[[32]byte]bool{}
	for range callers {
		got := <-results
		if got.err != nil || got.r[0].State != Mined {
			t.Error(got.err, got.r)
		}
		hashes[got.r[0].Tx] = true
	}
	if len(hashes) != 1 || mined(t, r, owner.Address()) != 1 {
		t.Errorf("%d transactions", len(hashes))
	}
}

// TestJournalFile: a last line that a crash has cut off is dropped, any other damage is reported, and a second process is kept out.
func TestJournalFile(t *testing.T) {
	dir := t.TempDir()
	line := `{"signed":[{"job":"a","id":"x","chain":"0x539","genesis":"0x` + strings.Repeat("0", 64) + `","from":"0x` + strings.Repeat("1", 40) +
		`","to":"0x` + strings.Repeat("2", 40) + `","data":"0x","nonce":"0x0","gas":"0x1","tip":"0x1","feeCap":"0x1","raw":"0x02"}]}` + "\n"
	end := `{"ended":[{"job":"a","state":"mined"}]}` + "\n"
	for name, tt := range map[string]struct {
		text string
		want Reason
		open int
	}{
		"empty":           {"", "", 0},
		"one":             {line, "", 1},
		"ended":           {line + end, "", 0},
		"cut off":         {line + end[:20], "", 1},
		"cut off at once": {line[:20], "", 0},
		"damaged":         {line[:20] + "\n" + line, JournalFailed, 0},
		"an empty line":   {"\n" + line, JournalFailed, 0},
		"unknown member":  {strings.Replace(line, `"job"`, `"jab"`, 1), JournalFailed, 0},
		"no transaction":  {strings.Replace(line, `"raw":"0x02"`, `"raw":"0x"`, 1), JournalFailed, 0},
		"end of nothing":  {end, JournalFailed, 0},
		"two on a line":   {strings.TrimSuffix(line, "\n") + end, JournalFailed, 0},
	} {
		path := filepath.Join(dir, hex.EncodeToString([]byte(name)))
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(path)
		if tt.want != "" {
			if err == nil {
				t.Errorf("%s is accepted", name)
				continue
			}
			wants(t, err, tt.want)
			continue
		}
		if err != nil || len(j.open) != tt.open {
			t.Errorf("%s: %v, %d open", name, err, len(j.open))
			continue
		}
		// What is appended behind a line that was cut off must be readable.
		if err := j.append(record{Ended: nil}); err != nil {
			t.Error(err)
		}
		if _, err := OpenJournal(path); err == nil && locksFiles {
			t.Errorf("%s: opened twice", name)
		}
		j.Close()
		j, err = OpenJournal(path)
		if err != nil || len(j.open) != tt.open {
			t.Errorf("%s, opened again: %v", name, err)
			continue
		}
		j.Close()
	}
	_, err := OpenJournal(filepath.Join(dir, "nowhere", "journal"))
	if wants(t, err, JournalFailed); strings.Contains(err.Error(), "nowhere") {
		t.Error("the error names the path")
	}
}

const (
	childEnv    = "ANCHOR_TEST_CHILD"
	childOps    = 192
	childBatch  = 3
	leastKilled = 10
)

// TestKilledProcess kills a process that writes, again and again at random moments, and starts the same program anew each time until it
// says that it has done everything. Then each operation must have happened exactly once.
func TestKilledProcess(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		child(t)
		return
	}
	chain := start(t, ethrtest.Options{Manual: true})
	mining(t, chain)
	r := deploy(t, chain, config(chain))
	path := filepath.Join(t.TempDir(), "journal")
	owner := person(t, chain, 0)
	killed := 0
	for deadline := time.Now().Add(time.Minute); ; {
		if time.Now().After(deadline) {
			t.Fatal("the program does not come to its end")
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{chain.URL(), r.network.Registry.String(), path}, " "))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		// The first ones are killed too early to do everything; the later ones get more time.
		life := time.Duration(20+rand.IntN(80)) * time.Millisecond
		if killed >= leastKilled {
			life *= time.Duration(killed)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v\n%s", err, out.Bytes())
			}
			if killed < leastKilled {
				t.Errorf("the program came to its end after %d interruptions: they are to be more often", killed)
			}
			got := events(t, r, owner.Address())
			for n := range childOps {
				if name := fmt.Sprintf("did/svc/S%d", n); got[name] != 1 {
					t.Errorf("%s happened %d times", name, got[name])
				}
			}
			if n := mined(t, r, owner.Address()); n != childOps || len(got) != childOps {
				t.Errorf("%d transactions, %d entries", n, len(got))
			}
			t.Logf("killed %d times", killed)
			return
		case <-time.After(life):
			_ = cmd.Process.Kill() // SIGKILL: nothing is cleaned up
			<-done
			killed++
		}
	}
}

// child is the program: it knows nothing of earlier runs but the journal.
func child(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	args := strings.Split(os.Getenv(childEnv), " ")
	j, err := OpenJournal(args[2])
	if err != nil {
		t.Fatal(err)
	}
	registry, err := didethr.ParseAddress(args[1])
	if err != nil {
		t.Fatal(err)
	}
	node, err := ethrpc.Dial(args[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	defer node.CloseIdleConnections()
	r, err := Open(ctx, Config{Network: didethr.Network{Registry: registry, RPC: args[:1]}, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	key := keccak(fmt.Appendf(nil, "ethrtest account %d", 0))
	owner, err := NewSigner(key[:])
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < childOps; n += childBatch {
		if _, err := r.Identity(owner.Address(), owner).Apply(ctx, once(n), once(n+1), once(n+2)); err != nil {
			t.Fatal(err)
		}
	}
}
