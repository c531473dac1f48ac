package openid4vp_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a headless browser that speaks the Chrome DevTools Protocol over a pair of pipes: messages of JSON, each ended by a zero byte.
// No driver program and no port is needed.
type chromium struct {
	process *exec.Cmd
	in      io.WriteCloser
	stderr  *tail

	mu      sync.Mutex
	last    int
	waiting map[int]chan reply
	gone    error // why nothing comes any more
}

type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// browse starts a browser of the test's own, with nothing kept. It trusts the servers of this run and otherwise what it always trusts.
func browse(t testing.TB) *chromium {
	t.Helper()
	node(t) // the same lane
	name := os.Getenv("KHYER_CHROMIUM")
	if name == "" {
		name = "chromium"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		const why = "skipped: needs Debian's chromium, or another in KHYER_CHROMIUM"
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	root := sha256.Sum256(authority(t).root.RawSubjectPublicKeyInfo)
	b := &chromium{stderr: &tail{}, waiting: map[int]chan reply{}}
	b.process = exec.Command(path, "--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-sandbox", // one page of our own; containers have no sandbox
		"--user-data-dir="+filepath.Join(t.TempDir(), "profile"),
		"--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(root[:]), "about:blank")
	b.process.Stderr = b.stderr
	toIt, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromIt, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	b.process.ExtraFiles = []*os.File{toIt, fromIt} // 3 and 4
	err = b.process.Start()
	toIt.Close()
	fromIt.Close()
	if err != nil {
		t.Fatal(err)
	}
	b.in = in
	read := make(chan struct{})
	go func() { defer close(read); b.read(out) }()
	t.Cleanup(func() {
		slow := time.AfterFunc(10*time.Second, func() { b.process.Process.Kill() })
		defer slow.Stop()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		b.call(ctx, nil, "", "Browser.close", nil)
		in.Close()
		b.process.Wait()
		out.Close()
		<-read
	})
	return b
}

func (b *chromium) read(out io.Reader) {
	r := bufio.NewReader(out)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			b.mu.Lock()
			b.gone = fmt.Errorf("the browser is gone: %w\n%s", err, b.stderr)
			for id, c := range b.waiting {
				close(c)
				delete(b.waiting, id)
			}
			b.mu.Unlock()
			return
		}
		var got reply
		if json.Unmarshal(text[:len(text)-1], &got) != nil || got.ID == 0 {
			continue // an event
		}
		b.mu.Lock()
		if c := b.waiting[got.ID]; c != nil {
			c <- got
			delete(b.waiting, got.ID)
		}
		b.mu.Unlock()
	}
}

// call makes one call of the protocol, in a session of a page unless that is empty.
func (b *chromium) call(ctx context.Context, result any, session, method string, params map[string]any) error {
	if params == nil {
		params = map[string]any{}
	}
	done := make(chan reply, 1)
	b.mu.Lock()
	if b.gone != nil {
		b.mu.Unlock()
		return b.gone
	}
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if session != "" {
		message["sessionId"] = session
	}
	b.waiting[b.last] = done
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.in.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case got, open := <-done:
		switch {
		case !open:
			return b.gone
		case got.Error != nil:
			return fmt.Errorf("%s: %s", method, got.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(got.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w\n%s", method, ctx.Err(), b.stderr)
	}
}

// page is one tab.
type page struct {
	*chromium
	t       testing.TB
	ctx     context.Context
	session string
}

// open opens a page in a tab of its own, in a profile of its own: two pages share no cookie.
func (b *chromium) open(t testing.TB, url string) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	t.Cleanup(cancel)
	p := &page{chromium: b, t: t, ctx: ctx}
	var got struct{ BrowserContextID, TargetID, SessionID string }
	p.do(&got, "Target.createBrowserContext", nil)
	p.do(&got, "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": got.BrowserContextID})
	p.do(&got, "Target.attachToTarget", map[string]any{"targetId": got.TargetID, "flatten": true})
	p.session = got.SessionID
	p.do(nil, "Page.enable", nil)
	p.goTo(url)
	return p
}

func (p *page) do(result any, method string, params map[string]any) {
	p.t.Helper()
	if err := p.call(p.ctx, result, p.session, method, params); err != nil {
		p.t.Fatal(err)
	}
}

// goTo is what a person does who types an address.
func (p *page) goTo(url string) {
	p.t.Helper()
	var got struct{ ErrorText string }
	p.do(&got, "Page.navigate", map[string]any{"url": url})
	if got.ErrorText != "" {
		p.t.Fatalf("the browser does not open %s: %s", url, got.ErrorText)
	}
	p.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
}

// eval is the value of an expression of JavaScript in the page. A promise is waited for.
func (p *page) eval(result any, expression string) error {
	var got struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	err := p.call(p.ctx, &got, p.session, "Runtime.evaluate",
		map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true})
	if err != nil {
		return err
	}
	if e := got.ExceptionDetails; e != nil {
		return fmt.Errorf("%s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(got.Result.Value, result)
}

// wait waits until an expression is true. While a page goes away, an expression may fail.
func (p *page) wait(expression string) {
	p.t.Helper()
	var last error
	for {
		var yes bool
		if last = p.eval(&yes, expression); last == nil && yes {
			return
		}
		select {
		case <-p.ctx.Done():
			p.t.Fatalf("never true: %s (%v)\nthe page says: %.2000s", expression, last, p.text())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// click presses what a selector names.
func (p *page) click(selector string) {
	p.t.Helper()
	js, _ := json.Marshal(selector)
	if err := p.eval(nil, "document.querySelector("+string(js)+").click()"); err != nil {
		p.t.Fatal(err)
	}
}

// text is what a person reads on the page.
func (p *page) text() (text string) {
	p.eval(&text, "document.body.innerText")
	return text
}

func (p *page) location() (url string) {
	p.t.Helper()
	if err := p.eval(&url, "location.href"); err != nil {
		p.t.Fatal(err)
	}
	return url
}

// TestBrowserHarness: the browser opens a page of ours over https, keeps its cookie, follows a link, and two profiles share nothing.
func TestBrowserHarness(t *testing.T) {
	b, s := browse(t), serve(t)
	s.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch _, err := r.Cookie("__Host-who"); {
		case r.URL.Path == "/":
			http.SetCookie(w, &http.Cookie{Name: "__Host-who", Value: "me", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
			io.WriteString(w, `<a href="/second">go on</a>`)
		case errors.Is(err, http.ErrNoCookie):
			io.WriteString(w, "a stranger")
		default:
			io.WriteString(w, "known")
		}
	}))
	p := b.open(t, s.URL+"/")
	p.click("a")
	p.wait("location.pathname === '/second' && document.readyState === 'complete'")
	if got := strings.TrimSpace(p.text()); got != "known" {
		t.Errorf("the page says %q", got)
	}
	if got := strings.TrimSpace(b.open(t, s.URL+"/second").text()); got != "a stranger" {
		t.Errorf("another profile is %q", got)
	}
}
