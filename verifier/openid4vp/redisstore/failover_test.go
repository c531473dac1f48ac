package redisstore_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/redisstore"
)

// The story of all tests here: a transaction is open, a wallet answers it, its answer is accepted, and the server forgets that. Without the
// record's history the second answer would be accepted too.

// A replica is promoted that had not yet heard of the answer.
func TestSecondAnswerAfterFailover(t *testing.T) {
	primary := newServer(t)
	link := newLink(t, primary.address) // between the two servers, so that it can be cut
	replica := newServer(t, "--replicaof", strings.ReplaceAll(link.address, ":", " "))
	replica.waitFor("replication", "master_link_status:up")

	s := open(t, primary.address, "")
	version := begin(t, s)
	replica.waitForKey()
	link.cut()
	answer(t, s, version)
	primary.kill()
	replica.do("REPLICAOF", "NO", "ONE")

	refusesSecondAnswer(t, replica, version)
}

// The server is killed, and comes back with what was on its disk.
func TestSecondAnswerAfterRestart(t *testing.T) {
	dir := t.TempDir()
	before := newServer(t, "--dir", dir)
	s := open(t, before.address, "")
	version := begin(t, s)
	before.do("SAVE")
	answer(t, s, version)
	before.kill()

	refusesSecondAnswer(t, newServer(t, "--dir", dir), version)
}

// The first primary is only thought to be dead, and comes back as the replica of its replica; it is promoted again later, as the very process
// that it was when it wrote the record.
func TestSecondAnswerAfterFailoverAndBack(t *testing.T) {
	first := newServer(t)
	second := newServer(t, "--replicaof", strings.ReplaceAll(first.address, ":", " "))
	second.waitFor("replication", "master_link_status:up")
	s := open(t, first.address, "")
	version := begin(t, s)
	second.waitForKey()

	second.do("REPLICAOF", "NO", "ONE") // now both believe that they are the primary
	answer(t, s, version)
	refusesSecondAnswer(t, second, version)
	host, port, _ := net.SplitHostPort(second.address)
	first.do("REPLICAOF", host, port)
	first.waitFor("replication", "master_link_status:up")
	if _, _, err := s.Load(t.Context(), "transaction"); !errors.Is(err, openid4vp.ErrUncertain) {
		t.Errorf("Load from a replica: %v", err)
	}
	if err := s.Replace(t.Context(), "transaction", version, []byte("answered twice"), soon()); !errors.Is(err, openid4vp.ErrUncertain) {
		t.Errorf("Replace on a replica: %v", err)
	}
	if err := s.Create(t.Context(), "another", nil, soon()); !errors.Is(err, openid4vp.ErrUncertain) {
		t.Errorf("Create on a replica: %v", err)
	}
	first.do("REPLICAOF", "NO", "ONE")

	refusesSecondAnswer(t, first, version)
}

// A replica that may be written to forgets its own writes at the next synchronisation.
func TestWritableReplica(t *testing.T) {
	primary, replica := newServer(t), newServer(t, "--replica-read-only", "no")
	onReplica := open(t, replica.address, "") // it was a primary then
	host, port, _ := net.SplitHostPort(primary.address)
	replica.do("REPLICAOF", host, port)
	replica.waitFor("replication", "master_link_status:up")
	s := open(t, primary.address, "")
	version := begin(t, s)
	replica.waitForKey()
	if err := onReplica.Replace(t.Context(), "transaction", version, []byte("answered"), soon()); !errors.Is(err, openid4vp.ErrUncertain) {
		t.Errorf("Replace: %v, want ErrUncertain", err)
	}
	if _, err := redisstore.Open(t.Context(), connect(t, replica.address), ""); !errors.Is(err, openid4vp.ErrUncertain) {
		t.Errorf("Open: %v, want ErrUncertain", err)
	}
	looksOpen(t, replica)
	answer(t, s, version)
}

func TestFullServer(t *testing.T) {
	s := open(t, newServer(t, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction").address, "")
	if err := s.Create(t.Context(), "citizen", []byte("abc"), soon()); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		err = s.Create(t.Context(), fmt.Sprint("flood ", i), make([]byte, 100_000), soon())
	}
	if !errors.Is(err, openid4vp.ErrFull) {
		t.Fatalf("a full server: %v", err)
	}
	if got, _, err := s.Load(t.Context(), "citizen"); err != nil || string(got) != "abc" {
		t.Errorf("the citizen's transaction: %v", err)
	}
}

// A paused server answers nobody; what became of the call is unknown, and no error of the contract says otherwise.
func TestServerThatHangs(t *testing.T) {
	server := newServer(t)
	c := redis.NewClient(&redis.Options{Addr: server.address, MaxRetries: -1, ReadTimeout: 200 * time.Millisecond})
	t.Cleanup(func() { _ = c.Close() })
	s, err := redisstore.Open(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	version := begin(t, s)
	server.do("CLIENT", "PAUSE", "60000")
	err = s.Replace(t.Context(), "transaction", version, []byte("answered"), soon())
	if err == nil {
		t.Fatal("Replace: no error")
	}
	for _, other := range []error{openid4vp.ErrConflict, openid4vp.ErrNotFound, openid4vp.ErrLapsed, openid4vp.ErrTooLarge, openid4vp.ErrFull, openid4vp.ErrExists} {
		if errors.Is(err, other) {
			t.Errorf("Replace: %v", err)
		}
	}
}

// The connection breaks after the server did what it was asked and before it could say so, and the client asks again.
func TestLostReplyIsNoConflict(t *testing.T) {
	var lose atomic.Bool
	c := redis.NewClient(&redis.Options{Addr: newServer(t).address, Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &losing{conn, &lose}, err
	}})
	t.Cleanup(func() { _ = c.Close() })
	s, err := redisstore.Open(t.Context(), c, "")
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s) // the scripts are known now
	lose.Store(true)
	if err := s.Create(t.Context(), "k", []byte("open"), soon()); err != nil {
		t.Fatalf("Create: %v", err)
	}
	_, version, err := s.Load(t.Context(), "k")
	if err != nil || lose.Load() {
		t.Fatalf("Load: %v; no reply was lost: %v", err, lose.Load())
	}
	if err := s.Replace(t.Context(), "transaction", version, nil, soon()); !errors.Is(err, openid4vp.ErrConflict) { // this script too
		t.Fatal(err)
	}
	lose.Store(true)
	if err := s.Replace(t.Context(), "k", version, []byte("answered"), soon()); err != nil || lose.Load() {
		t.Fatalf("Replace: %v; no reply was lost: %v", err, lose.Load())
	}
	if got, _, err := s.Load(t.Context(), "k"); err != nil || string(got) != "answered" {
		t.Errorf("%q, %v", got, err)
	}
	if err := s.Replace(t.Context(), "k", version, []byte("answered twice"), soon()); !errors.Is(err, openid4vp.ErrConflict) {
		t.Errorf("the second answer: %v", err)
	}
}

// losing is a connection that breaks with a reply, once.
type losing struct {
	net.Conn
	lose *atomic.Bool
}

func (l *losing) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if err == nil && l.lose.CompareAndSwap(true, false) {
		_ = l.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

func soon() time.Time { return time.Now().Add(time.Minute) }

func begin(t *testing.T, s openid4vp.Store) (version uint64) {
	t.Helper()
	if err := s.Create(t.Context(), "transaction", []byte("open"), soon()); err != nil {
		t.Fatal(err)
	}
	_, version, err := s.Load(t.Context(), "transaction")
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func answer(t *testing.T, s openid4vp.Store, version uint64) {
	t.Helper()
	if err := s.Replace(t.Context(), "transaction", version, []byte("answered"), soon()); err != nil {
		t.Fatalf("the first answer: %v", err)
	}
}

// looksOpen checks that the server itself has the record as it was before the answer: otherwise the test would prove nothing.
func looksOpen(t *testing.T, server *server) {
	t.Helper()
	if raw := server.do("GET", "khyer:openid4vp:transaction"); !strings.HasSuffix(fmt.Sprint(raw), "open") {
		t.Fatal("the answer was not lost")
	}
}

func refusesSecondAnswer(t *testing.T, server *server, version uint64) {
	t.Helper()
	looksOpen(t, server)
	s := open(t, server.address, "")
	if _, _, err := s.Load(t.Context(), "transaction"); !errors.Is(err, openid4vp.ErrUncertain) {
		t.Errorf("Load: %v, want ErrUncertain", err)
	}
	if err := s.Replace(t.Context(), "transaction", version, []byte("answered twice"), soon()); !errors.Is(err, openid4vp.ErrUncertain) {
		t.Errorf("the second answer: %v, want ErrUncertain", err)
	}
	if err := s.Create(t.Context(), "transaction", nil, soon()); !errors.Is(err, openid4vp.ErrExists) {
		t.Errorf("Create: %v, want ErrExists", err)
	}
	looksOpen(t, server)

	// New transactions go on.
	next := rand.Text()
	if err := s.Create(t.Context(), next, []byte("1"), soon()); err != nil {
		t.Fatal(err)
	}
	_, version, err := s.Load(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), next, version, []byte("2"), soon()); err != nil {
		t.Error(err)
	}
}

// server is a redis-server of this test's own.
type server struct {
	t       *testing.T
	address string
	client  *redis.Client
	cmd     *exec.Cmd
	once    sync.Once
}

func newServer(t *testing.T, args ...string) *server {
	t.Helper()
	address(t)
	program, err := exec.LookPath("redis-server")
	if err != nil {
		missing(t, "redis-server, the program")
	}
	for try := 0; ; try++ {
		s := &server{t: t, address: freeAddress(t)}
		host, port, _ := net.SplitHostPort(s.address)
		s.cmd = exec.Command(program, append([]string{"--bind", host, "--port", port, "--save", "", "--dir", t.TempDir(),
			"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"}, args...)...)
		if err := s.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		s.client = connect(t, s.address)
		t.Cleanup(s.kill)
		if s.up() {
			return s
		}
		s.kill() // somebody else may have taken the port
		if try == 3 {
			t.Fatal("redis-server does not start")
		}
	}
}

func (s *server) up() bool {
	for range 200 {
		if s.client.Ping(context.Background()).Err() == nil {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// kill ends the server at once, as a power cut does.
func (s *server) kill() {
	s.once.Do(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // it was killed
	})
}

func (s *server) do(args ...any) any {
	s.t.Helper()
	v, err := s.client.Do(context.Background(), args...).Result()
	if err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
	return v
}

func (s *server) waitFor(section, line string) {
	s.t.Helper()
	for range 500 {
		if strings.Contains(fmt.Sprint(s.do("INFO", section)), line) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatalf("the server never said %s", line)
}

func (s *server) waitForKey() {
	s.t.Helper()
	for range 500 {
		if s.do("EXISTS", "khyer:openid4vp:transaction") == int64(1) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.t.Fatal("the replica never had the transaction")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// link forwards connections to a server until it is cut.
type link struct {
	address string
	l       net.Listener
	mu      sync.Mutex
	conns   []net.Conn
	done    bool
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &link{address: l.Addr().String(), l: l}
	t.Cleanup(k.cut)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil || !k.keep(in, out) {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(in, out) }()
			go func() { _, _ = io.Copy(out, in) }()
		}
	}()
	return k
}

func (k *link) keep(conns ...net.Conn) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns = append(k.conns, conns...)
	return !k.done
}

func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done = true
	_ = k.l.Close()
	for _, c := range k.conns {
		_ = c.Close()
	}
}
