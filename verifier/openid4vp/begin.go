package openid4vp

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"rsc.io/qr"

	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
)

// Transaction is a request that waits for its answer.
type Transaction struct {
	// ID is for the agency's own records, and never leaves them: Result gives the claims to whoever knows it.
	ID string
	// Handle names the transaction on the agency's pages: see Wait. It is worthless without the browser's cookie.
	Handle string
	// Link opens a wallet on this device. It is empty with the Digital Credentials API.
	Link string
	// DCAPI is one element of requests in navigator.credentials.get({digital: {requests: [...]}}), and Answer where the page posts the data of what that returns,
	// as JSON; in the mode fragment it posts there what followed the #, as a form.
	DCAPI  json.RawMessage
	Answer string
	// Why and Paper are those of the template, for the page.
	Why, Paper map[string]string
	Expires    time.Time

	crossDevice bool
}

// QR returns the link as a QR code: a PNG. The error is a *verifier.Misuse if the template is not CrossDevice.
func (t *Transaction) QR() ([]byte, error) {
	if !t.crossDevice {
		return nil, &verifier.Misuse{Detail: "a QR code needs Template.CrossDevice: without it the wallet must be where the browser is"}
	}
	code, err := qr.Encode(t.Link, qr.M)
	if err != nil {
		return nil, fmt.Errorf("openid4vp: the link is too long for a QR code: %w", err)
	}
	return code.PNG(), nil
}

// Begin makes a request by a template and binds it to the browser behind r, with a cookie on w: call it before the answer's body is written. Each of transactions
// is something that the holder is to authorize: a JSON object with type, one of those that the template names, and the members of that type (section 5.1);
// credential_ids may be left out. The error is a *verifier.Misuse, trust.ErrListLapsed or a *trust.OverAsking if the policy does not allow the request any
// more, or the store's.
func (d *Door) Begin(w http.ResponseWriter, r *http.Request, template string, transactions ...json.RawMessage) (*Transaction, error) {
	f := d.templates[template]
	if f == nil {
		return nil, &verifier.Misuse{Detail: "there is no template of this name"}
	}
	if err := d.policy.Load().Check(d.agency(f.mode), f.Purpose, d.now(), f.asked()...); err != nil {
		return nil, err
	}
	data, err := f.transactionData(transactions)
	if err != nil {
		return nil, err
	}
	t, err := d.newTransaction(f, d.bindBrowser(w, r))
	if err != nil {
		return nil, err
	}
	t.TransactionData = data
	if len(data) > 0 {
		if _, err := d.request(f, t).JSON(); err != nil { // a transaction that no wallet would take
			return nil, &verifier.Misuse{Detail: err.Error()}
		}
	}
	tx := &Transaction{
		ID: t.handle + "." + encode(t.Secret), Handle: t.handle, Why: f.Why, Paper: f.Paper, Expires: t.Until, crossDevice: f.CrossDevice,
	}
	if !f.mode.Posted() {
		tx.Answer = d.c.BaseURL + answerPath + "/" + t.handle
	}
	if f.mode.InBrowser() {
		tx.DCAPI, err = d.dcapi(r.Context(), f, t)
	} else {
		tx.Link, err = d.link(r.Context(), f, t)
	}
	if err != nil {
		return nil, err
	}
	d.note(t, Event{Step: Begun})
	sealed, err := d.keys.close(t.place, t.record)
	if err != nil {
		return nil, err
	}
	if err := d.store.Create(r.Context(), t.place, sealed, t.LogEnds); err != nil {
		return nil, err
	}
	d.observe(r.Context(), t)
	return tx, nil
}

func (d *Door) newTransaction(f *form, browser string) (*transaction, error) {
	t := &transaction{handle: encode(random(handleBytes))}
	t.place = d.keys.place(t.handle)
	until := d.now().Add(requestLife)
	t.record = &record{
		Secret: random(secretBytes), Browser: browserHash(t.handle, browser), Template: f.Name, Nonce: encode(random(32)),
		Until: until, LogEnds: until.Add(logLife),
	}
	if f.mode.Encrypted() {
		key, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		t.Key = key.Bytes()
	}
	return t, nil
}

// request is what is asked, as wallets read it.
func (d *Door) request(f *form, t *transaction) *oid4vp.Request {
	q := &oid4vp.Request{
		ClientID: d.clientID(f.mode), Mode: f.mode, Nonce: t.Nonce, State: t.handle, DCQL: f.dcql, TransactionData: t.TransactionData, VerifierInfo: f.info,
		Metadata: &oid4vp.Metadata{Formats: formats},
	}
	switch {
	case f.mode.InBrowser():
		q.State = "" // not a parameter of this mode (appendix A.2)
	case f.mode.Posted():
		q.ResponseURI = d.c.BaseURL + answerPath
		if d.prefix != oid4vp.RedirectURI { // whose client identifier is the place, and stays the same
			q.ResponseURI += "/" + t.handle
		}
	default:
		q.RedirectURI = d.c.ReturnURL
	}
	if d.prefix != oid4vp.RedirectURI {
		q.Audience, q.Issued, q.Expires = oid4vp.StaticAudience, d.now(), t.Until
		if f.mode.InBrowser() {
			q.ExpectedOrigins = []string{d.origin}
		}
	}
	if f.mode.Encrypted() {
		if key, err := ecdh.P256().NewPrivateKey(t.Key); err == nil {
			q.Metadata.Keys = []oid4vp.EncryptionKey{{ID: t.handle, Public: key.PublicKey()}}
		}
		q.Metadata.Encs = []string{oid4vp.A128GCM, oid4vp.A256GCM} // both, as HAIP 1.0 section 5 demands
	}
	return q
}

// formats is vp_formats_supported (appendix B.3.4): what package pubkey verifies.
var formats = json.RawMessage(`{"dc+sd-jwt":{"sd-jwt_alg_values":["ES256","ES384","ES256K","EdDSA"],"kb-jwt_alg_values":["ES256","ES384","ES256K","EdDSA"]}}`)

// link is what opens a wallet (section 5.4).
func (d *Door) link(ctx context.Context, f *form, t *transaction) (string, error) {
	q := d.request(f, t)
	if d.prefix == oid4vp.RedirectURI {
		return plainLink(d.c.Wallet, q)
	}
	l := oid4vp.Link{Client: q.ClientID.String()}
	if d.c.RequestBy == "value" {
		signed, err := d.signer.Sign(ctx, q)
		if err != nil {
			return "", err
		}
		l.Object = string(signed)
	} else {
		l.Reference, l.Post = d.c.BaseURL+requestPath+"/"+t.handle, d.c.RequestBy == "post"
	}
	return l.String(d.c.Wallet), nil
}

// plainLink has every parameter of an unsigned request. Objects are written in JSON (section 5.1).
func plainLink(wallet string, q *oid4vp.Request) (string, error) {
	text, err := q.JSON()
	if err != nil {
		return "", err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return "", err
	}
	v := url.Values{}
	for name, raw := range members {
		var s string
		if json.Unmarshal(raw, &s) != nil {
			s = string(raw)
		}
		v.Set(name, s)
	}
	return wallet + "?" + v.Encode(), nil
}

// dcapi is a request for the Digital Credentials API (appendix A.1).
func (d *Door) dcapi(ctx context.Context, f *form, t *transaction) (json.RawMessage, error) {
	q := d.request(f, t)
	if d.prefix == oid4vp.RedirectURI {
		text, err := q.JSON()
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{"protocol": "openid4vp-v1-unsigned", "data": json.RawMessage(text)})
	}
	signed, err := d.signer.Sign(ctx, q)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"protocol": "openid4vp-v1-signed", "data": map[string]string{"request": string(signed)}})
}

// cookieName is bound to this host over https by its prefix: no other host can set it.
const cookieName = "__Host-openid4vp"

// bindBrowser returns the secret of the browser's cookie, which it sets. A browser keeps its secret from one transaction to the next, so that two of its tabs can
// wait at once.
func (d *Door) bindBrowser(w http.ResponseWriter, r *http.Request) string {
	secret := browserSecret(r)
	if secret == "" {
		secret = encode(random(secretBytes))
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: secret, Path: "/", MaxAge: int(d.cookieLife / time.Second), Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, // a wallet that sends the browser back is another site
	})
	return secret
}

// browserSecret is empty if there is no cookie of ours, or several.
func browserSecret(r *http.Request) string {
	all := r.CookiesNamed(cookieName)
	if len(all) != 1 || len(all[0].Value) != len(encode(make([]byte, secretBytes))) {
		return ""
	}
	return all[0].Value
}

func browserHash(handle, secret string) []byte { return hashOf(handle + "." + secret) }

// begun tells whether the browser behind r began the transaction.
func (t *transaction) begun(r *http.Request) bool {
	secret := browserSecret(r)
	return secret != "" && same(t.Browser, browserHash(t.handle, secret))
}
