package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
)

// answerTime bounds one answer of the peer, on a slow machine that does other things beside.
const answerTime = 2 * time.Minute

// node skips a test unless the Node lane is switched on; under KHYER_REQUIRE=1 a skip is a failure.
func node(t testing.TB) {
	t.Helper()
	if os.Getenv("KHYER_NODE") == "1" {
		return
	}
	const why = "skipped: needs KHYER_NODE=1 and `npm ci` in testvectors/interop"
	if os.Getenv("KHYER_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// peer is the process of peer.mjs. It answers one question at a time.
type peer struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	stderr  *tail
	mu      sync.Mutex
	broken  error // set when an answer did not come; what comes later would belong to another question

	Node           string            `json:"node"`
	Versions       map[string]string `json:"versions"`
	Issuer, Holder json.RawMessage   // public JWKs
}

var thePeer struct {
	once sync.Once
	peer *peer
	err  error
}

// startPeer returns the one peer of the run.
func startPeer(t testing.TB) *peer {
	t.Helper()
	node(t)
	thePeer.once.Do(func() { thePeer.peer, thePeer.err = newPeer() })
	if thePeer.err != nil {
		t.Fatal(thePeer.err)
	}
	return thePeer.peer
}

func TestMain(m *testing.M) {
	code := m.Run()
	if thePeer.peer != nil {
		thePeer.peer.stop()
	}
	os.Exit(code)
}

func newPeer() (*peer, error) {
	p := &peer{process: exec.Command("node", "peer.mjs"), stderr: &tail{}}
	p.process.Stderr = p.stderr
	in, err := p.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.process.Start(); err != nil {
		return nil, fmt.Errorf("node does not start: %w", err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	line, err := p.line()
	if err == nil {
		err = json.Unmarshal(line, p)
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("peer.mjs does not say hello (was `npm ci` run?): %w\n%s", err, p.stderr)
	}
	return p, nil
}

// stop closes the peer's input, which ends it, and kills it if it does not.
func (p *peer) stop() {
	p.in.Close()
	slow := time.AfterFunc(10*time.Second, func() { p.process.Process.Kill() })
	defer slow.Stop()
	p.process.Wait()
}

func (p *peer) line() ([]byte, error) {
	type read struct {
		line []byte
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := p.out.ReadBytes('\n')
		done <- read{line, err}
	}()
	select {
	case r := <-done:
		return r.line, r.err
	case <-time.After(answerTime):
		return nil, fmt.Errorf("no answer in %v", answerTime)
	}
}

// refusal is what the peer said when it did not do what was asked.
type refusal string

func (r refusal) Error() string { return string(r) }

// ask sends one question and decodes the answer into result. A refusal of the peer is a refusal; anything else ends the test.
func (p *peer) ask(t testing.TB, result any, op string, args map[string]any) error {
	t.Helper()
	question := map[string]any{"op": op}
	for k, v := range args {
		question[k] = v
	}
	text, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		t.Fatal("the peer broke down before: ", p.broken)
	}
	var answer struct {
		OK    json.RawMessage `json:"ok"`
		Error *string         `json:"error"`
	}
	_, err = p.in.Write(append(text, '\n'))
	var line []byte
	if err == nil {
		line, err = p.line()
	}
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err == nil && answer.Error == nil && answer.OK == nil {
		err = errors.New("neither ok nor error")
	}
	if err != nil {
		p.broken = err
		t.Fatalf("peer, op %s: %v\n%s", op, err, p.stderr)
	}
	if answer.Error != nil {
		return refusal(*answer.Error)
	}
	if err := json.Unmarshal(answer.OK, result); err != nil {
		t.Fatalf("peer, op %s: %v", op, err)
	}
	return nil
}

// must is ask where the peer has to agree.
func (p *peer) must(t testing.TB, result any, op string, args map[string]any) {
	t.Helper()
	if err := p.ask(t, result, op, args); err != nil {
		t.Fatalf("the peer refused op %s: %v\n%s", op, err, p.stderr)
	}
}

func key(t testing.TB, jwk []byte) pubkey.Key {
	t.Helper()
	k, err := pubkey.ParseJWK(jwk)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// tail keeps the last that a process wrote to its standard error.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (w *tail) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, b...)
	if over := len(w.text) - 8<<10; over > 0 {
		w.text = w.text[over:]
	}
	return len(b), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(string(w.text))
}

// bounded gives a test a context that ends before the test binary's own time limit.
func bounded(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// Example prints which peers the library is tried against, as package.json pins them.
func Example() {
	text, err := os.ReadFile("package.json")
	if err != nil {
		panic(err)
	}
	var manifest struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		panic(err)
	}
	for name, version := range manifest.Dependencies {
		fmt.Println(name, version)
	}
	// Unordered output:
	// @foundry-rs/anvil 1.7.1
	// @sd-jwt/core 0.19.0
	// @sd-jwt/crypto-nodejs 0.19.0
	// @sd-jwt/sd-jwt-vc 0.19.0
	// did-resolver 6.0.0
	// ethr-did-registry 1.3.0
	// ethr-did-registry-legacy npm:ethr-did-registry@0.0.3
	// ethr-did-resolver 11.1.3
}

// TestPeersAreThePinnedOnes: what is installed is what the results are about.
func TestPeersAreThePinnedOnes(t *testing.T) {
	p := startPeer(t)
	text, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	for name, version := range manifest.Dependencies {
		if p.Versions[name] != version[strings.LastIndex(version, "@")+1:] {
			t.Errorf("%s is %s, pinned is %s", name, p.Versions[name], version)
		}
		t.Log(name, version)
	}
	t.Log("node", p.Node)
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Error("the lock file names hosts: .npmrc must hold omit-lockfile-registry-resolved=true")
	}
}
