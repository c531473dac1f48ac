package redisstore_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/redisstore"
	"github.com/khyer/khyer/verifier/openid4vp/storetest"
)

func Example() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: os.Getenv("KHYER_REDIS")}) // such as redis.hospital.example:6379, with TLSConfig
	defer client.Close()
	store, err := redisstore.Open(ctx, client, "hospital:")
	if err != nil {
		panic(err)
	}
	fmt.Println(store.Create(ctx, "a random key", []byte("a sealed record"), time.Now().Add(2*time.Minute)))
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("KHYER_REQUIRE") == "1" {
		t.Fatalf("KHYER_REQUIRE=1 and there is no %s", what)
	}
	t.Skipf("skipped: needs %s", what)
}

// address is that of the server that KHYER_REDIS names.
func address(t *testing.T) string {
	t.Helper()
	a := os.Getenv("KHYER_REDIS")
	if a == "" {
		missing(t, "KHYER_REDIS, host and port of a Redis server")
	}
	return a
}

func connect(t *testing.T, address string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func open(t *testing.T, address, prefix string) openid4vp.Store {
	t.Helper()
	s, err := redisstore.Open(t.Context(), connect(t, address), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func prefix(t *testing.T) string { return "khyer-test:" + t.Name() + ":" + rand.Text() + ":" }

func TestContract(t *testing.T) {
	address, prefix := address(t), prefix(t)
	storetest.Run(t, func(t *testing.T) openid4vp.Store { return open(t, address, prefix) })
}

// Two services on one server do not see each other.
func TestPrefixesAreApart(t *testing.T) {
	address := address(t)
	a, b := open(t, address, prefix(t)), open(t, address, prefix(t))
	if err := a.Create(t.Context(), "k", []byte("a"), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Load(t.Context(), "k"); !errors.Is(err, openid4vp.ErrNotFound) {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Load(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
}

// Nothing stays on the server: each key has an end, even after many changes.
func TestEveryKeyLapses(t *testing.T) {
	address, prefix := address(t), prefix(t)
	client, s := connect(t, address), open(t, address, prefix)
	life := func() time.Duration { return client.PTTL(t.Context(), prefix+"k").Val() }
	if err := s.Create(t.Context(), "k", nil, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if d := life(); d <= 50*time.Second || d > time.Minute {
		t.Errorf("after Create the key lives for %v", d)
	}
	_, version, _ := s.Load(t.Context(), "k")
	if err := s.Replace(t.Context(), "k", version, nil, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if d := life(); d <= 50*time.Minute || d > time.Hour {
		t.Errorf("after Replace the key lives for %v", d)
	}
}

func TestServerThatIsGone(t *testing.T) {
	address(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	if _, err := redisstore.Open(t.Context(), connect(t, nobody), ""); err == nil {
		t.Error("Open: no error")
	}
}

// Two hundred wallets post an answer to one transaction, through two processes: one is accepted.
func TestTwoProcessesAcceptOne(t *testing.T) {
	const env, posts, rounds = "KHYER_REDISSTORE_CHILD", 100, 10
	if prefix := os.Getenv(env); prefix != "" {
		s := open(t, address(t), prefix)
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() { // a key
			record, version, err := s.Load(t.Context(), in.Text())
			if err != nil || string(record) != "open" {
				t.Fatalf("child: %q, %v", record, err)
			}
			fmt.Println("child: ready")
			in.Scan() // the start
			fmt.Println("child: won", race(t, s, in.Text(), version, posts))
		}
		return
	}
	address, prefix := address(t), prefix(t)
	s := open(t, address, prefix)
	var children [2]*child
	for i := range children {
		children[i] = start(t, env+"="+prefix)
	}
	sides := [2]int{}
	for round := range rounds {
		key := fmt.Sprint("transaction-", round)
		if err := s.Create(t.Context(), key, []byte("open"), time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			c.say(key)
			c.hear("ready")
		}
		for _, c := range children {
			c.say(key)
		}
		won := 0
		for i, c := range children {
			var n int
			if _, err := fmt.Sscan(c.hear("won "), &n); err != nil {
				t.Fatal(err)
			}
			won, sides[i] = won+n, sides[i]+n
		}
		if won != 1 {
			t.Errorf("round %d: %d of %d posts were accepted", round, won, 2*posts)
		}
	}
	t.Logf("%d rounds of %d posts: the processes won %d and %d", rounds, 2*posts, sides[0], sides[1])
}

// race has many goroutines replace one version and returns how many did.
func race(t *testing.T, s openid4vp.Store, key string, version uint64, posts int) int64 {
	var won atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range posts {
		wg.Go(func() {
			<-start
			switch err := s.Replace(t.Context(), key, version, []byte("answered"), time.Now().Add(time.Minute)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, openid4vp.ErrConflict):
				t.Errorf("child: %v", err)
			}
		})
	}
	close(start)
	wg.Wait()
	return won.Load()
}

// child is this test once more, in a process of its own.
type child struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func start(t *testing.T, env string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), env)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("a child failed: %v", err)
		}
	})
	return &child{t, in, bufio.NewScanner(out)}
}

func (c *child) say(line string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, line); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) hear(what string) string {
	c.t.Helper()
	for c.out.Scan() {
		if rest, ok := strings.CutPrefix(c.out.Text(), "child: "+what); ok {
			return rest
		}
	}
	c.t.Fatalf("a child ended before it said %q", what)
	return ""
}

// One transaction's life in the store: made, loaded twice, changed twice, deleted; with records as large as the door's are.
func BenchmarkTransaction(b *testing.B) {
	address := os.Getenv("KHYER_REDIS")
	if address == "" {
		b.Skip("skipped: needs KHYER_REDIS, host and port of a Redis server")
	}
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	s, err := redisstore.Open(b.Context(), client, "khyer-test:"+rand.Text()+":")
	if err != nil {
		b.Fatal(err)
	}
	record := make([]byte, 4<<10)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			key, until := rand.Text(), time.Now().Add(time.Minute)
			err := s.Create(b.Context(), key, record, until)
			for range 2 {
				var version uint64
				if err == nil {
					_, version, err = s.Load(b.Context(), key)
				}
				if err == nil {
					err = s.Replace(b.Context(), key, version, record, until)
				}
			}
			if err == nil {
				err = s.Delete(b.Context(), key)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}
