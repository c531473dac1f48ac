package openid4vp_test

import (
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/khyer/khyer/verifier/openid4vp"
)

// admission is the page of a hospital: it begins, shows the link or the QR code, and waits for the result.
var admission = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Admission</title>
{{with .Begun}}
<p>{{index .Why "en"}}</p>
{{if $.QR}}<img id="qr" src="data:image/png;base64,{{$.QR}}" alt="a QR code" data-link="{{.Link}}"><p id="result">waiting</p>
<script>
(async () => {
	for (;;) {
		const said = await (await fetch('/result?transaction={{.Handle}}')).json()
		if (said.Error.includes('no answer yet')) continue
		document.getElementById('result').textContent = said.Name ? said.Name + ', ' + said.Blood + ', ' + said.Village : 'refused: ' + said.Reason + said.Error
		if (said.Name) return
	}
})()
</script>
{{else if .DCAPI}}<button id="ask">Show your card</button><p id="result">waiting</p>
<script>
const asked = {{$.DCAPI}}, said = document.getElementById('result')
document.getElementById('ask').onclick = async () => {
	try {
		const got = await navigator.credentials.get({ digital: { requests: [asked] } })
		const body = JSON.stringify(got.data)
		await fetch({{.Answer}}, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
		const answer = await (await fetch('/result?transaction={{.Handle}}')).json()
		said.textContent = answer.Name ? got.protocol + ': ' + answer.Name : 'refused: ' + answer.Reason + answer.Error
	} catch (e) {
		said.textContent = 'the browser says ' + e.name
	}
}
</script>
{{else}}<a id="wallet" href="{{.Link}}">Open the wallet</a>{{end}}
{{end}}
{{with .Result}}<p id="result">{{.}}</p>{{end}}`))

// walletPage is a wallet that the browser reaches by an https link, as one on the same device or a cloud wallet: it lets Credo answer and sends
// the browser where the door says.
func walletPage(t testing.TB, c credo) *server {
	t.Helper()
	s := serve(t)
	s.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/wallet" {
			http.NotFound(w, r)
			return
		}
		var got answered
		if err := c.ask(t, &got, "answer", map[string]any{"request": "openid4vp://?" + r.URL.RawQuery, "roots": []string{authority(t).encoded()}}); err != nil || !got.OK {
			http.Error(w, "oops", http.StatusBadGateway)
			return
		}
		http.Redirect(w, r, got.Redirect, http.StatusSeeOther)
	}))
	return s
}

// pages makes a site of a desk: / begins, /result is the page to come back to.
func (d *desk) pages(t testing.TB) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/verify/", d.door)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		tx, err := d.door.Begin(w, r, "admission")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		data := map[string]any{"Begun": tx}
		if tx.DCAPI != nil {
			data["DCAPI"] = tx.DCAPI
		}
		if png, err := tx.QR(); err == nil {
			data["QR"] = base64.StdEncoding.EncodeToString(png)
		}
		admission.Execute(w, data)
	})
	mux.HandleFunc("GET /result", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("response_code") == "" {
			d.result(w, r) // for the script
			return
		}
		res, err := d.door.Wait(r, r.FormValue("transaction"))
		text := "refused"
		if err == nil {
			name, _ := res.Text("Full Name")
			text = name + " is admitted"
		}
		admission.Execute(w, map[string]any{"Result": text})
	})
	d.handle(mux)
}

// TestBrowserOnTheSameDevice: Chromium opens the hospital's page, follows its link to a wallet, in which Credo answers, is sent back with the response
// code, and shows the result. The same address in another browser shows nothing.
func TestBrowserOnTheSameDevice(t *testing.T) {
	b, r := browse(t), newRegistry(t)
	wallet := walletPage(t, withCard(t, r))
	way := ways(t)["decentralized_identifier"]
	way.Wallet = wallet.URL + "/wallet"
	d := newDesk(t, agency(t, r), way, openid4vp.Template{})
	d.pages(t)
	p, thief := b.open(t, d.URL+"/"), b.open(t, d.URL+"/")
	p.click("#wallet")
	p.wait("document.readyState === 'complete' && document.querySelector('#result') !== null")
	if got := strings.TrimSpace(p.text()); got != "Pema Lhaden is admitted" {
		t.Errorf("the page says %q", got)
	}
	at, err := url.Parse(p.location())
	if err != nil || at.Path != "/result" || at.Query().Get("response_code") == "" {
		t.Errorf("the browser is at %v", at)
	}
	thief.goTo(p.location())
	if got := strings.TrimSpace(thief.text()); got != "refused" {
		t.Errorf("another browser sees %q", got)
	}
	var seen string
	if err := p.eval(&seen, "document.cookie"); err != nil || seen != "" {
		t.Errorf("a script sees the cookie: %q, %v", seen, err)
	}
}

// TestBrowserShowsAQRCode: the page shows a QR code and waits; a wallet on another device answers, and the page shows the result, where no other
// browser sees it.
func TestBrowserShowsAQRCode(t *testing.T) {
	b, r := browse(t), newRegistry(t)
	c := withCard(t, r)
	d := newDesk(t, agency(t, r), ways(t)["x509_hash"], openid4vp.Template{CrossDevice: true})
	d.pages(t)
	p := b.open(t, d.URL+"/")
	p.wait("document.querySelector('#qr').naturalWidth > 100")
	var link string
	if err := p.eval(&link, "document.querySelector('#qr').dataset.link"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.answer(t, link); err != nil || !got.OK {
		t.Fatal(got, err)
	}
	p.wait("document.querySelector('#result').textContent !== 'waiting'")
	var said string
	if err := p.eval(&said, "document.querySelector('#result').textContent"); err != nil || said != "Pema Lhaden, B+, Changangkha" {
		t.Errorf("the page says %q, %v", said, err)
	}
}

// TestBrowserAsksByItsAPI: the page hands the door's request to navigator.credentials.get and posts what comes back. The browser takes the request as
// it is; its choice of a wallet is played by the virtual one of the DevTools, which hands back what Credo answers to that request for that page.
func TestBrowserAsksByItsAPI(t *testing.T) {
	b, r := browse(t), newRegistry(t)
	c, v := withCard(t, r), agency(t, r)
	for name, protocol := range map[string]string{"decentralized_identifier": "openid4vp-v1-signed", "x509_hash": "openid4vp-v1-signed", "redirect_uri": "openid4vp-v1-unsigned"} {
		for _, mode := range []string{"dc_api", "dc_api.jwt"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				d := newDesk(t, v, ways(t)[name], openid4vp.Template{Mode: mode})
				d.pages(t)
				p := b.open(t, d.URL+"/")
				var asked struct{ Data json.RawMessage }
				if err := p.eval(&asked, "asked"); err != nil {
					t.Fatal(err)
				}
				got := &answered{}
				c.must(t, got, "answer", map[string]any{"request": asked.Data, "roots": []string{authority(t).encoded()}, "origin": d.URL})
				result := func() string {
					p.click("#ask")
					p.wait("said.textContent !== 'waiting'")
					var text string
					if err := p.eval(&text, "said.textContent"); err != nil {
						t.Fatal(err)
					}
					p.eval(nil, "said.textContent = 'waiting'")
					return text
				}
				p.do(nil, "DigitalCredentials.setVirtualWalletBehavior", map[string]any{"action": "decline"})
				if said := result(); said != "the browser says NotAllowedError" {
					t.Errorf("the citizen declines, and the page says %q", said)
				}
				p.do(nil, "DigitalCredentials.setVirtualWalletBehavior", map[string]any{"action": "respond", "protocol": protocol, "response": got.Sent})
				if said := result(); said != protocol+": Pema Lhaden" {
					t.Errorf("the page says %q; %v", said, got.Sent)
				}
			})
		}
	}
}
