package main

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// programs are the two, built once.
var programs = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "khyer-agency-test-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", folder, ".", "./wallet").CombinedOutput()
	if err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return folder, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, err := programs(); err == nil {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

func program(t testing.TB, name string) string {
	t.Helper()
	folder, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, name)
}

// running is the demo, as a newcomer starts it.
type running struct {
	t            *testing.T
	folder, page string
	issuer       string
	log          *output
	process      *exec.Cmd
}

type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func startDemo(t *testing.T) *running {
	t.Helper()
	d := &running{t: t, folder: filepath.Join(t.TempDir(), "country"), log: &output{}}
	d.process = exec.Command(program(t, "agency"), "-demo", "-folder", d.folder)
	d.process.Stdout, d.process.Stderr = d.log, d.log
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.process.Process.Kill(); d.process.Wait() })
	for range 200 {
		if m := regexp.MustCompile(`Open (http://localhost:\d+)(?s:.*)POST (http://[^/]+)/revoke`).FindStringSubmatch(d.log.String()); m != nil {
			d.page, d.issuer = m[1], m[2]
			if res, err := http.Get(d.page + "/readyz"); err == nil {
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					return d
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the demo is not ready:\n%s", d.log)
	return nil
}

// browser keeps cookies, Secure ones on localhost too as browsers do.
type browser struct {
	d       *running
	cookies map[string]*http.Cookie
}

func (b *browser) get(path string) (int, string) {
	r, err := http.NewRequest("GET", b.d.page+path, nil)
	if err != nil {
		b.d.t.Fatal(err)
	}
	return b.do(r)
}

func (b *browser) do(r *http.Request) (int, string) {
	b.d.t.Helper()
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.d.t.Fatal(err)
	}
	defer res.Body.Close()
	for _, c := range res.Cookies() {
		b.cookies[c.Name] = c
	}
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// ask presses a button, and returns the link and where the page waits.
func (b *browser) ask(template string) (link, wait string) {
	b.d.t.Helper()
	r, _ := http.NewRequest("POST", b.d.page+"/ask", strings.NewReader(url.Values{"template": {template}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	code, text := b.do(r)
	l := regexp.MustCompile(`id="link" href="([^"]+)"`).FindStringSubmatch(text)
	w := regexp.MustCompile(`id="answer" src="/wait\?first=1&amp;(transaction=[^"]+)"`).FindStringSubmatch(text)
	if code != http.StatusOK || l == nil || w == nil {
		b.d.t.Fatalf("%d %s", code, text)
	}
	return html.UnescapeString(l[1]), "/wait?" + w[1]
}

func (d *running) browser() *browser { return &browser{d, map[string]*http.Cookie{}} }

func (d *running) wallet(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program(d.t, "wallet"), append([]string{"-folder", d.folder}, args...)...).CombinedOutput()
	return string(out), err
}

// want looks for texts that must be there, and with a minus before them for those that must not.
func (d *running) want(text string, parts ...string) {
	d.t.Helper()
	text = html.UnescapeString(text)
	for _, p := range parts {
		if absent, not := strings.CutPrefix(p, "-"); not == strings.Contains(text, absent) {
			d.t.Errorf("%q in %s", p, text)
		}
	}
}

// TestNewcomer is the whole exchange on this machine, in two programs: asked, shown, read once, by the browser that began; then declined.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := d.browser()
	_, text := b.get("/")
	d.want(text, "Example Hospital", "begin-hospital-admission", "paper health card")
	link, wait := b.ask("hospital-admission")
	_, text = b.get(wait + "&first=1")
	d.want(text, "waiting")

	said, err := d.wallet("-yes", link)
	if err != nil {
		t.Fatal(said, err)
	}
	d.want(said, "Example Hospital asks, for the purpose hospital-admission", "Blood Group: \"O+\"", "Shown.", "-penicillin")
	if code, text := d.browser().get(wait); code != http.StatusForbidden || strings.Contains(text, "O+") {
		t.Errorf("another browser: %d %s", code, text)
	}
	_, text = b.get(wait)
	d.want(text, "accepted", "Pema Example", "O+", "valid, by a list", "-penicillin", "-02/06/1960")
	if code, text := b.get(wait); code != http.StatusGone || strings.Contains(text, "O+") {
		t.Errorf("read twice: %d %s", code, text)
	}
	if said, err := d.wallet("-yes", link); err == nil {
		t.Error("the link was answered twice:", said)
	}

	link, wait = b.ask("medicines")
	said, err = d.wallet("-no", link)
	if err != nil {
		t.Fatal(said, err)
	}
	d.want(said, "Nothing was shown", "A nurse asks you the same.")
	_, text = b.get(wait)
	d.want(text, "refused", "-penicillin")

	_, text = b.get("/metrics")
	d.want(text, `khyer_verifications_total{verdict="accepted",reason=""} 1`, "-Pema", "-health-card")
	d.want(d.log.String(), "-Pema", "-penicillin")
}

// TestDemoOfALostCard revokes the card at the issuer: the hospital looks at the list again within its ttl.
func TestDemoOfALostCard(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for a status list's ttl of a minute")
	}
	d := startDemo(t)
	res, err := http.Post(d.issuer+"/revoke", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for range 30 {
		b := d.browser()
		link, wait := b.ask("hospital-admission")
		d.wallet("-yes", link)
		if _, text := b.get(wait); strings.Contains(text, "withdrawn") {
			d.want(text, "AGENCY", "refused", "-Pema")
			return
		}
		time.Sleep(3 * time.Second)
	}
	t.Fatal("a revoked card is accepted after a minute and a half")
}

// TestWalletRefuses: an agency that the list does not know, and one whose answers would go elsewhere.
func TestWalletRefuses(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	link, _ := d.browser().ask("hospital-admission")
	change := func(name string, edit func(map[string]any)) {
		var list map[string]any
		file := filepath.Join(d.folder, "trust.json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		edit(list["purposes"].([]any)[0].(map[string]any))
		changed, _ := json.Marshal(list)
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := d.wallet("-yes", link)
		if err == nil || !strings.Contains(said, name) || strings.Contains(said, "Shown.") {
			t.Errorf("%s: %s, %v", name, said, err)
		}
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	change("verifier_unknown", func(p map[string]any) { p["agency"] = "decentralized_identifier:did:jwk:other" })
	change("place_not_accredited", func(p map[string]any) { p["hosts"] = []string{"hospital.example"} })
	change("asks_too_much", func(p map[string]any) { p["claims"] = map[string]any{healthCard: [][]string{{"Full Name"}}} })
}

// TestStopIsGraceful: a page that waits gets its answer, and the program ends soon with 0.
func TestStopIsGraceful(t *testing.T) {
	t.Parallel()
	d := startDemo(t)
	b := d.browser()
	_, wait := b.ask("hospital-admission")
	answered := make(chan string)
	go func() {
		_, text := b.get(wait)
		answered <- text
	}()
	time.Sleep(300 * time.Millisecond)
	begin := time.Now()
	d.process.Process.Signal(syscall.SIGTERM)
	select {
	case text := <-answered:
		d.want(text, "waiting")
	case <-time.After(15 * time.Second):
		t.Fatal("the page still waits")
	}
	if err := d.process.Wait(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestConfigurationsThatAreRefused names what is wrong; a template that asks too much is among it.
func TestConfigurationsThatAreRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "country")
	n, err := newCountry(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer n.lists.Close()
	good, err := os.ReadFile(filepath.Join(folder, "agency.json"))
	if err != nil {
		t.Fatal(err)
	}
	start := func(file string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, program(t, "agency"), "-config", file).CombinedOutput()
		return string(out), err
	}
	for want, edit := range map[string]func(map[string]any){
		`unknown field "listn"`:            func(c map[string]any) { c["listn"] = "x" },
		"trust is missing":                 func(c map[string]any) { delete(c, "trust") },
		"loopback address only":            func(c map[string]any) { c["listen"] = "0.0.0.0:8443" },
		"base_url is a scheme and a host":  func(c map[string]any) { c["base_url"] = "https://hospital.example/x" },
		"known by key_id or by":            func(c map[string]any) { delete(c, "key_id") },
		"redis needs seal_key":             func(c map[string]any) { c["redis"] = "redis://127.0.0.1:1" },
		"agency-key.json: no such file":    func(c map[string]any) { c["key"] = "agency-key.json" },
		`networks: "nowhere" is not known`: func(c map[string]any) { c["networks"] = []any{map[string]any{"known": "nowhere"}} },
	} {
		var c map[string]any
		json.Unmarshal(good, &c)
		edit(c)
		text, _ := json.Marshal(c)
		file := filepath.Join(folder, "other.json")
		os.WriteFile(file, text, 0o600)
		if said, err := start(file); err == nil || !strings.Contains(said, want) {
			t.Errorf("want %q, got %s, %v", want, said, err)
		}
	}
	greedy := strings.Replace(demoTemplates["medicines"], `["Allergies"]`, `["Allergies"], ["Emergency Contact"]`, 1)
	os.WriteFile(filepath.Join(folder, "templates", "medicines.json"), []byte(greedy), 0o600)
	if said, err := start(filepath.Join(folder, "agency.json")); err == nil || !strings.Contains(said, "asks_too_much") || !strings.Contains(said, "Emergency Contact") {
		t.Errorf("an over-asking template: %s, %v", said, err)
	}
}
