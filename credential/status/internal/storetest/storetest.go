// Package storetest tests and measures a whole status.Registry on a store: what boltstore and pgstore have in common beyond verifiertest.StatusStore.
package storetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
)

const (
	uri       = "https://registry.example/status"
	killedEnv = "KHYER_STATUS_KILLED" // "folder begin" makes the test's own program a child of Killed
	revoker   = "by a process that was killed"
)

var secret = []byte("thirty-two bytes of a test's key.")

// Killed has pairs of processes allocate, revoke and publish at the same time, and kills them in the middle of it, again and again. No change is lost or there
// twice that a process had been told of, and the next who publishes puts a list in its place that has all of them and is newer than every other. open and
// the test that calls this are as for verifiertest.StatusStoreKilled.
func Killed(t *testing.T, open func(*testing.T) status.Store) {
	t.Helper()
	folder, begin := t.TempDir(), time.Now()
	if child := os.Getenv(killedEnv); child != "" {
		var at int64
		if _, err := fmt.Sscan(child, &folder, &at); err != nil {
			t.Fatal(err)
		}
		begin = time.Unix(0, at)
	}
	key, err := signer(folder)
	if err != nil {
		t.Fatal(err)
	}
	r, err := status.NewRegistry(status.RegistryConfig{Store: open(t), URI: uri, Key: secret, Cards: 200, Now: func() time.Time {
		return begin.Add(100 * time.Since(begin)) // each publication takes a second of it
	}})
	if err != nil {
		t.Fatal(err)
	}
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, Aggregation: uri, Put: func(_ context.Context, uri string, token []byte) error {
		return put(folder, uri, token)
	}}
	if os.Getenv(killedEnv) != "" {
		revokeForEver(t.Context(), r, c)
	}
	t.Setenv(killedEnv, fmt.Sprintf("%s %d", folder, begin.UnixNano()))
	told := map[status.Reference]bool{}
	newest := map[string]int64{}
	for round := range 6 {
		for _, out := range killedPair(t, time.Duration(300+90*round)*time.Millisecond) {
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				var ref status.Reference
				var issued int64
				if n, _ := fmt.Sscanf(lines.Text(), "revoked %s %d.", &ref.URI, &ref.Index); n == 2 && strings.HasSuffix(lines.Text(), ".") {
					told[ref] = true
				}
				if n, _ := fmt.Sscanf(lines.Text(), "put %s %d.", &ref.URI, &issued); n == 2 && strings.HasSuffix(lines.Text(), ".") {
					newest[ref.URI] = max(newest[ref.URI], issued)
				}
				if strings.HasPrefix(lines.Text(), "error") {
					t.Error(lines.Text())
				}
			}
		}
	}
	if len(told) < 20 || len(newest) == 0 {
		t.Errorf("%d revocations and tokens at %d places: too few to prove anything", len(told), len(newest))
	}
	mended(t, r, c, folder, key, told, newest)
	t.Logf("%d revocations and %d lists of twelve processes, all killed", len(told), len(newest))
}

// revokeForEver tells what was done in whole lines, each ended by a full stop.
func revokeForEver(ctx context.Context, r *status.Registry, c status.PublishConfig) {
	place := c.Put
	c.Put = func(ctx context.Context, uri string, token []byte) error {
		err := place(ctx, uri, token)
		if issued, isToken := iat(token); err == nil && isToken {
			fmt.Printf("put %s %d.\n", uri, issued)
		}
		return err
	}
	for n := 0; ; n++ {
		ref, err := r.Allocate(ctx, fmt.Sprint(os.Getpid(), "-", n))
		if err == nil {
			err = r.Set(ctx, ref, status.Revoked, revoker, "a test")
		}
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Printf("revoked %s %d.\n", ref.URI, ref.Index)
		if _, err := r.Publish(ctx, c); err != nil && !errors.Is(err, status.PublishFailed) && !errors.Is(err, status.ClockBehind) {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
}

func killedPair(t *testing.T, after time.Duration) (outs [2]*bytes.Buffer) {
	t.Helper()
	var children [2]*exec.Cmd
	for i := range children {
		outs[i] = &bytes.Buffer{}
		c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
		c.Stdout = outs[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		children[i] = c
	}
	time.Sleep(after)
	for i, c := range children {
		if err := c.Process.Kill(); err != nil {
			t.Fatalf("child %d: %v", i, err)
		}
		_ = c.Wait() // it was killed
	}
	return outs
}

// mended publishes once more, and looks at what is in place then.
func mended(t *testing.T, r *status.Registry, c status.PublishConfig, folder string, key pubkey.Signer, told map[status.Reference]bool, newest map[string]int64) {
	t.Helper()
	if _, err := r.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	lists := map[string]*status.List{}
	for uri, issued := range newest {
		raw, err := os.ReadFile(filepath.Join(folder, path.Base(uri)))
		if err != nil {
			t.Fatal(err)
		}
		token, err := status.ParseToken(raw)
		if err != nil {
			t.Fatal(err)
		}
		if lists[uri], err = token.Verify(key.Public(), status.Want{URI: uri, Now: time.Unix(issued, 0).Add(time.Hour), Skew: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if lists[uri].Issued.Unix() < issued {
			t.Errorf("%s: issued at %d is in place, and %d was there before", uri, lists[uri].Issued.Unix(), issued)
		}
	}
	for ref := range told {
		if lists[ref.URI] == nil {
			t.Errorf("%s was never published", ref.URI)
			continue
		}
		if v, err := lists[ref.URI].At(ref.Index); err != nil || v != status.Revoked {
			t.Errorf("card %d of %s is %v in the list in place, %v", ref.Index, ref.URI, v, err)
		}
		if h, err := r.History(t.Context(), ref); err != nil || len(h) != 1 || h[0].Value != status.Revoked || h[0].By != revoker {
			t.Errorf("card %d of %s: history %v, %v", ref.Index, ref.URI, h, err)
		}
	}
	doc, err := os.ReadFile(filepath.Join(folder, path.Base(uri)))
	if err != nil {
		t.Fatal(err)
	}
	for uri := range newest {
		if !strings.Contains(string(doc), strconv.Quote(uri)) {
			t.Errorf("%s is not listed: %s", uri, doc)
		}
	}
}

// put writes a whole file or none.
func put(folder, uri string, token []byte) error {
	f, err := os.CreateTemp(folder, "put-*")
	if err != nil {
		return err
	}
	_, err = f.Write(token)
	return errors.Join(err, f.Close(), os.Rename(f.Name(), filepath.Join(folder, path.Base(uri))))
}

// iat reads a token that this process has signed.
func iat(token []byte) (int64, bool) {
	parts := strings.Split(string(token), ".")
	if len(parts) != 3 {
		return 0, false
	}
	var claims struct {
		Issued int64 `json:"iat"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	return claims.Issued, err == nil && json.Unmarshal(payload, &claims) == nil && claims.Issued > 0
}

// Nation measures a registry of 800,000 cards in lists of 100,000: what allocating all of them in batches of a thousand, revoking one, suspending one in a
// hundred, and publishing cost; how much memory is in use while all lists are published; and that a second Publish signs nothing. Run it with -benchtime 1x.
func Nation(b *testing.B, store status.Store) {
	const cards, batch, perList = 800_000, 1000, 100_000
	b.Helper()
	ctx := b.Context()
	key, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	r, err := status.NewRegistry(status.RegistryConfig{Store: store, URI: uri, Key: secret, Cards: perList, Now: func() time.Time { return at }})
	if err != nil {
		b.Fatal(err)
	}
	bytesPut := 0
	c := status.PublishConfig{By: status.By{Signer: key, KeyID: "#key-1"}, Lifetime: 24 * time.Hour, TTL: time.Hour, Aggregation: uri, Put: func(_ context.Context, _ string, token []byte) error {
		bytesPut += len(token)
		return nil
	}}
	took := func(name string, per int, f func()) {
		begin := time.Now()
		f()
		b.ReportMetric(float64(time.Since(begin).Microseconds())/float64(per), name)
	}
	publish := func(want int) {
		if got, err := r.Publish(ctx, c); err != nil || len(got) != want {
			b.Fatalf("published %q, want %d: %v", got, want, err)
		}
	}
	for b.Loop() {
		refs := make([]status.Reference, 0, cards)
		took("µs/card-allocated", cards, func() {
			for n := 0; n < cards; n += batch {
				records := make([]string, batch)
				for i := range records {
					records[i] = strconv.FormatInt(10_000_000_000+int64(n+i), 10)
				}
				some, err := r.AllocateAll(ctx, records)
				if err != nil {
					b.Fatal(err)
				}
				refs = append(refs, some...)
			}
		})
		took("µs/first-publish", 1, func() { publish(cards / perList) })
		at = at.Add(time.Minute)
		const suspended = 200
		took("µs/card-suspended", suspended, func() {
			for n := range suspended {
				if err := r.Set(ctx, refs[n*cards/suspended], status.Suspended, "officer 12", "a test"); err != nil {
					b.Fatal(err)
				}
			}
		})
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		bytesPut = 0
		took("µs/publish-8-lists", 1, func() { publish(cards / perList) })
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "MiB/publish-8-lists")
		b.ReportMetric(float64(bytesPut)/1024, "KiB-put")
		at = at.Add(time.Minute)
		took("µs/revoke-one-and-publish", 1, func() {
			found, err := r.Find(ctx, strconv.FormatInt(10_000_000_000+123_456, 10))
			if err != nil || len(found) != 1 {
				b.Fatal(found, err)
			}
			if err := r.Set(ctx, found[0], status.Revoked, "officer 12", "a test"); err != nil {
				b.Fatal(err)
			}
			publish(1)
		})
		took("µs/publish-nothing", 1, func() { publish(0) })
	}
	b.ReportMetric(0, "ns/op")
}
