package openid4vp_test

import (
	"bufio"
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
)

// answerTime bounds one answer of a peer, on a slow machine that does other things beside.
const answerTime = 2 * time.Minute

// node skips a test unless the Node lane is switched on; under KHYER_REQUIRE=1 a skip is a failure.
func node(t testing.TB) {
	t.Helper()
	if os.Getenv("KHYER_NODE") == "1" {
		return
	}
	const why = "skipped: needs KHYER_NODE=1 and `npm ci` in testvectors/interop/openid4vp"
	if os.Getenv("KHYER_REQUIRE") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// process is a peer that speaks JSON lines (lines.mjs). It answers one question at a time.
type process struct {
	script  string
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	stderr  *tail
	mu      sync.Mutex
	broken  error // set when an answer did not come; what comes later would belong to another question

	Node     string            `json:"node"`
	URL      string            `json:"url"`   // of a peer that serves
	Plain    string            `json:"plain"` // the same without TLS
	Versions map[string]string `json:"versions"`
}

// processes are those that this run started, by script.
var processes struct {
	sync.Mutex
	all map[string]*process
}

// start returns the one process of a script, with its arguments, in this run.
func start(t testing.TB, script string) *process {
	t.Helper()
	node(t)
	processes.Lock()
	defer processes.Unlock()
	if p := processes.all[script]; p != nil {
		return p
	}
	p, err := newProcess(script, authority(t))
	if err != nil {
		t.Fatal(err)
	}
	if processes.all == nil {
		processes.all = map[string]*process{}
	}
	processes.all[script] = p
	return p
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, p := range processes.all {
		p.stop()
	}
	if ca.authority != nil {
		os.RemoveAll(ca.authority.dir)
	}
	os.Exit(code)
}

// newProcess starts a script in a Node that trusts this certificate authority beside the public ones.
func newProcess(script string, c *certifier) (*process, error) {
	p := &process{script: script, process: exec.Command("node", strings.Fields(script)...), stderr: &tail{}}
	p.process.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+c.file, "KHYER_TLS="+c.server)
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
		return nil, fmt.Errorf("%s does not say hello (was `npm ci` run?): %w\n%s", script, err, p.stderr)
	}
	return p, nil
}

// stop closes the peer's input, which ends it, and kills it if it does not.
func (p *process) stop() {
	p.in.Close()
	slow := time.AfterFunc(10*time.Second, func() { p.process.Process.Kill() })
	defer slow.Stop()
	p.process.Wait()
}

func (p *process) line() ([]byte, error) {
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
func (p *process) ask(t testing.TB, result any, op string, args map[string]any) error {
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
		t.Fatalf("%s broke down before: %v", p.script, p.broken)
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
		t.Fatalf("%s, op %s: %v\n%s", p.script, op, err, p.stderr)
	}
	if answer.Error != nil {
		return refusal(*answer.Error)
	}
	if err := json.Unmarshal(answer.OK, result); err != nil {
		t.Fatalf("%s, op %s: %v", p.script, op, err)
	}
	return nil
}

// must is ask where the peer has to agree.
func (p *process) must(t testing.TB, result any, op string, args map[string]any) {
	t.Helper()
	if err := p.ask(t, result, op, args); err != nil {
		t.Fatalf("%s refused op %s: %v\n%s", p.script, op, err, p.stderr)
	}
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

// Example prints which peers OpenID4VP is tried against, as package.json pins them.
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
	// @credo-ts/core 0.6.3
	// @credo-ts/node 0.6.0-alpha-20251127043254
	// @credo-ts/openid4vc 0.6.3
	// @openid4vc/oauth2 0.4.6
	// @openid4vc/openid4vp 0.4.6
	// express 5.3.0
	// jose 6.2.17
}

// TestPeersAreThePinnedOnes: what is installed is what the results are about, and nothing of it was compiled or run at install time.
func TestPeersAreThePinnedOnes(t *testing.T) {
	p := start(t, "credo.mjs")
	text, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	for name, version := range manifest.Dependencies {
		if p.Versions[name] != version {
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
