package openid4vp_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
)

// agencyProgram is examples/agency, as an agency builds it.
func agencyProgram(t testing.TB) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "agency")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/khyer/khyer/examples/agency").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// runAgency starts the service and waits until it is ready at an address.
func runAgency(t testing.TB, url func() string, program string, args ...string) *tail {
	t.Helper()
	cmd, out := exec.Command(program, args...), &tail{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("the agency does not end")
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("agency: %v\n%s", cmd.ProcessState, out)
		}
	})
	b := newBrowser(t)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("the agency ends: %v", cmd.ProcessState)
		default:
		}
		if at := url(); at != "" {
			if res, err := b.Get(at + "/readyz"); err == nil {
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					return out
				}
			}
		}
	}
	t.Fatal("the agency is never ready")
	return nil
}

// deploy writes what a hospital deploys: over https, asking for admission on another device and for medicines on the same.
func deploy(t testing.TB, r *registry) (config, url string) {
	t.Helper()
	folder, key := t.TempDir(), newPEM(t)
	write := func(name string, content any) {
		text, ok := content.([]byte)
		if !ok {
			var err error
			if text, err = json.Marshal(content); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := l.Addr().String()
	l.Close()
	url = "https://localhost" + listen[strings.LastIndexByte(listen, ':'):]
	bundle, err := os.ReadFile(authority(t).server)
	if err != nil {
		t.Fatal(err)
	}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority(t).root.Raw})
	leaf, private := split(t, bundle)
	write("tls.pem", append(leaf, root...)) // the browser looks for the root in what the server sends
	write("tls-key.pem", private)
	write("key.pem", key.pem)
	write("agency.json", map[string]any{
		"listen": listen, "base_url": url, "name": map[string]string{"en": "Example Hospital"}, "key": "key.pem", "key_id": key.did + "#0",
		"tls": map[string]string{"certificate": "tls.pem", "key": "tls-key.pem"}, "trust": "trust.json", "templates": "templates",
	})
	write("trust.json", map[string]any{
		"format": "khyer-trust/1", "sequence": 1, "issued": time.Now().UTC().Format(time.RFC3339), "expires": time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339),
		"issuers": []any{map[string]any{"name": "Example Registry", "dids": []string{r.id}, "types": []string{vct}}},
		"purposes": []any{map[string]any{"agency": "decentralized_identifier:" + key.did, "name": "admission", "basis": "an invented decision",
			"claims": map[string]any{vct: []any{[]string{"Full Name"}, []string{"Blood Group"}}}}},
	})
	if err := os.Mkdir(filepath.Join(folder, "templates"), 0o700); err != nil {
		t.Fatal(err)
	}
	template := map[string]any{
		"purpose": "admission", "type": vct, "claims": []any{[]string{"Full Name"}, []string{"Blood Group"}}, "cross_device": true,
		"why": map[string]string{"en": "So that you are given the right blood."}, "paper": map[string]string{"en": "The desk takes your paper card as well."},
	}
	write("templates/desk.json", template)
	phone := maps.Clone(template)
	delete(phone, "cross_device")
	write("templates/phone.json", phone)
	return filepath.Join(folder, "agency.json"), url
}

// TestBrowserAtTheAgency: examples/agency as a program over https, a browser on its page, Credo as the citizen's wallet: by the QR code on another device
// and by the link on the same one, and what the page says of a forged card.
func TestBrowserAtTheAgency(t *testing.T) {
	b, r := browse(t), newRegistry(t)
	c := newCredo(t)
	k := c.key(t)
	config, url := deploy(t, r)
	out := runAgency(t, func() string { return url }, agencyProgram(t), "-config", config)
	hold := func(card []byte) {
		c.must(t, new(any), "forget", nil)
		c.hold(t, card, k)
	}
	ask := func(p *page, template string) (link string) {
		p.goTo(url + "/")
		p.click("#begin-" + template)
		p.wait("document.querySelector('#link') !== null && document.readyState === 'complete'")
		if err := p.eval(&link, "document.querySelector('#link').href"); err != nil || !strings.HasPrefix(link, "openid4vp://?") {
			t.Fatalf("link %q, %v", link, err)
		}
		return link
	}
	const frame = "document.querySelector('#answer').contentDocument"
	p, thief := b.open(t, url+"/"), b.open(t, url+"/")

	t.Run("another device", func(t *testing.T) {
		link := ask(p, "desk")
		p.wait("document.querySelector('img.qr').naturalWidth > 100")
		p.wait(frame + ".querySelector('#waiting') !== null")
		hold(otherSignature(t, r.issue(t, k.public(t))))
		if got, err := c.answer(t, link); err != nil || got.OK {
			t.Fatal(got, err)
		}
		p.wait(frame + ".querySelector('#refused') !== null")
		hold(r.issue(t, k.public(t)))
		if got, err := c.answer(t, link); err != nil || !got.OK {
			t.Fatal(got, err)
		}
		p.wait(frame + ".querySelector('#accepted') !== null")
		var claims []string
		if err := p.eval(&claims, "[..."+frame+".querySelectorAll('.claim')].map(e => e.textContent)"); err != nil || len(claims) != 2 {
			t.Errorf("claims %q, %v", claims, err)
		}
		if text := strings.Join(claims, " "); !strings.Contains(text, "Pema Lhaden") || !strings.Contains(text, "B+") {
			t.Errorf("claims %q", claims)
		}
	})

	t.Run("the same device", func(t *testing.T) {
		link := ask(p, "phone")
		hold(r.issue(t, k.public(t)))
		got, err := c.answer(t, link)
		if err != nil || !got.OK || !strings.HasPrefix(got.Redirect, url+"/") {
			t.Fatal(got, err)
		}
		thief.goTo(got.Redirect)
		if text := thief.text(); strings.Contains(text, "Pema") {
			t.Errorf("another browser sees %q", text)
		}
		p.goTo(got.Redirect)
		p.wait("document.querySelector('#accepted') !== null")
		if text := p.text(); !strings.Contains(text, "Pema Lhaden") || !strings.Contains(text, "B+") || strings.Contains(text, "10000000001") {
			t.Errorf("the page says %q", text)
		}
	})

	if log := out.String(); strings.Contains(log, "Pema") || strings.Contains(log, "B+") {
		t.Errorf("the log has claims:\n%s", log)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		res, err := newBrowser(t).Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		text.ReadFrom(res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusOK || strings.Contains(text.String(), "Pema") {
			t.Errorf("%s: %d %s", path, res.StatusCode, &text)
		}
	}
}

// TestBrowserAtTheDemo: what a newcomer starts, on http://localhost. Credo takes the citizen's key and card.
func TestBrowserAtTheDemo(t *testing.T) {
	b, c, folder := browse(t), openCredo(t, "credo.mjs --insecure"), t.TempDir()
	var config struct {
		BaseURL string `json:"base_url"`
	}
	read := func(name string, into any) bool {
		text, err := os.ReadFile(filepath.Join(folder, name))
		return err == nil && json.Unmarshal(text, into) == nil
	}
	runAgency(t, func() string { read("agency.json", &config); return config.BaseURL }, agencyProgram(t), "-demo", "-folder", folder)
	var citizen struct {
		Key   string
		Cards []string
	}
	if !read("wallet.json", &citizen) || len(citizen.Cards) != 1 {
		t.Fatal("no card in wallet.json")
	}
	var keyID string
	c.must(t, &keyID, "import", map[string]any{"pem": citizen.Key})
	c.hold(t, []byte(citizen.Cards[0]), credoKey{KeyID: keyID})
	p := b.open(t, config.BaseURL+"/")
	p.click("#begin-hospital-admission")
	p.wait("document.querySelector('#link') !== null && document.readyState === 'complete'")
	var link string
	if err := p.eval(&link, "document.querySelector('#link').href"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.answer(t, link); err != nil || !got.OK {
		t.Fatal(got, err)
	}
	p.wait("document.querySelector('#answer').contentDocument.querySelector('#accepted') !== null")
	var text string
	if err := p.eval(&text, "document.querySelector('#answer').contentDocument.body.innerText"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, "Pema Example") || !strings.Contains(text, "O+") || strings.Contains(text, "penicillin") {
		t.Errorf("the page says %q", text)
	}
}

// pemKey is a key as an agency keeps it.
type pemKey struct {
	pem []byte
	did string
}

func newPEM(t testing.TB) pemKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := pubkey.FromCrypto(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemKey{pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), jwkDID(t, s)}
}

// split takes a certificate and its key apart.
func split(t testing.TB, bundle []byte) (certificate, key []byte) {
	t.Helper()
	block, rest := pem.Decode(bundle)
	if block == nil || len(rest) == 0 {
		t.Fatal("no certificate with its key")
	}
	return pem.EncodeToMemory(block), rest
}
