package wallet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
	"github.com/khyer/khyer/verifier/trust"
)

// The object of one client under the link of another: the wallet would show one name and answer the other.
func TestRequestForAnotherClient(t *testing.T) {
	w := newTown(t)
	bank := generate(t)
	w.resolver.Put(didtest.Subject{ID: "did:example:bank", Keys: []did.Key{{Public: bank.Public()}}})
	object := w.sign(oid4vp.Signer{Key: bank, KeyID: "did:example:bank#key-1"}, w.request(func(r *oid4vp.Request) { r.ClientID.Name = "did:example:bank" }))
	w.object = func(string) []byte { return object }
	_, err := w.wallet(nil).Open(t.Context(), oid4vp.Link{Client: client, Reference: "https://hospital.example/request/1"}.String("openid4vp://"))
	refused(t, err, wallet.ClientIDMismatch)
	_, err = w.wallet(nil).Open(t.Context(), oid4vp.Link{Client: client, Object: string(object)}.String("openid4vp://"))
	refused(t, err, wallet.ClientIDMismatch)
}

// Parameters without a signature, in the name of an agency whose requests are signed.
func TestUnsignedRequestClaimsToBeAnAgency(t *testing.T) {
	w := newTown(t)
	q := url.Values{
		"client_id": {client}, "response_type": {"vp_token"}, "response_mode": {"direct_post"}, "response_uri": {"https://hospital.example/answer"},
		"nonce": {"a-nonce"}, "dcql_query": {query},
	}
	_, err := w.wallet(nil).Open(t.Context(), "openid4vp://?"+q.Encode())
	refused(t, err, wallet.RequestUnsigned)

	// alg none, with and without a signature.
	payload, err := w.request(nil).JSON()
	must(t, err)
	for _, sig := range []string{"", "AA"} {
		object := encode([]byte(`{"alg":"none","typ":"oauth-authz-req+jwt","kid":"#key-1"}`)) + "." + encode(payload) + "." + sig
		_, err = w.wallet(nil).Open(t.Context(), oid4vp.Link{Client: client, Object: object}.String("openid4vp://"))
		refused(t, err, wallet.RequestAlgorithm)
	}
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// A stranger's key under the agency's name.
func TestRequestSignedByAnotherKey(t *testing.T) {
	w := newTown(t)
	stranger := generate(t)
	object := w.sign(oid4vp.Signer{Key: stranger, KeyID: hospitalDID + "#key-1"}, w.request(nil))
	w.object = func(string) []byte { return object }
	_, err := w.wallet(nil).Open(t.Context(), oid4vp.Link{Client: client, Reference: "https://hospital.example/request/1"}.String("openid4vp://"))
	if r := refused(t, err, wallet.RequestSignature); r.Request != nil || r.Retry() {
		t.Errorf("%+v", r)
	}
	// One that the agency has revoked.
	w.resolver.Put(didtest.Subject{ID: hospitalDID, Keys: []did.Key{{Public: w.hospital.Key.Public(), Revoked: time.Now().Add(-time.Hour)}}})
	_, err = w.open(nil)
	refused(t, err, wallet.RequestKey)
}

// An agency's genuine signature, and an answer that would go elsewhere.
func TestResponseURIOfAStranger(t *testing.T) {
	w := newTown(t)
	for _, to := range []string{
		"https://stranger.example/answer", "https://hospital.example.stranger.example/answer", "https://hospital.example:8443/answer", "http://hospital.example/answer",
		"http://127.0.0.1/answer", "https://hospital.example./answer",
	} {
		_, err := w.open(func(r *oid4vp.Request) { r.ResponseURI = to })
		if r := refused(t, err, wallet.PlaceNotAccredited); r.Request != nil { // nothing may go there, not even a no
			t.Errorf("%s: %+v", to, r)
		}
	}
	for _, to := range []string{"https://hospital.example:443/answer", "https://HOSPITAL.example/answer"} {
		if _, err := w.open(func(r *oid4vp.Request) { r.ResponseURI = to }); err != nil {
			t.Errorf("%s: %v", to, err)
		}
	}
	_, err := w.open(func(r *oid4vp.Request) {
		r.Mode, r.ResponseURI, r.RedirectURI = oid4vp.Fragment, "", "https://stranger.example/back"
	})
	refused(t, err, wallet.PlaceNotAccredited)
}

// Whoever prints a QR code in the name of an agency makes the wallet ask no other host.
func TestRequestURIOfAStranger(t *testing.T) {
	w := newTown(t)
	w.object = func(string) []byte { return w.sign(w.hospital, w.request(nil)) }
	for _, from := range []string{"https://stranger.example/request/1", "http://hospital.example/request/1", "https://127.0.0.1/request/1"} {
		_, err := w.wallet(nil).Open(t.Context(), oid4vp.Link{Client: client, Reference: from}.String("openid4vp://"))
		refused(t, err, wallet.PlaceNotAccredited)
	}
	if len(w.asked) != 0 {
		t.Errorf("asked %v", w.asked)
	}
}

// Nothing is fetched and no DID is resolved for somebody whom the list does not know.
func TestNobodyIsLookedUpWhomTheListDoesNotKnow(t *testing.T) {
	w := newTown(t)
	stranger := generate(t)
	w.resolver.Put(didtest.Subject{ID: "did:example:stranger", Keys: []did.Key{{Public: stranger.Public()}}})
	of := "decentralized_identifier:did:example:stranger"
	object := w.sign(oid4vp.Signer{Key: stranger, KeyID: "did:example:stranger#key-1"}, w.request(func(r *oid4vp.Request) { r.ClientID.Name = "did:example:stranger" }))
	for _, l := range []oid4vp.Link{{Client: of, Reference: "https://hospital.example/request/1"}, {Client: of, Object: string(object)}} {
		_, err := w.wallet(nil).Open(t.Context(), l.String("openid4vp://"))
		refused(t, err, wallet.VerifierUnknown)
	}
	_, err := w.wallet(nil).OpenData(t.Context(), []byte(`{"request":"`+string(object)+`"}`), "https://hospital.example")
	refused(t, err, wallet.VerifierUnknown)
	if len(w.asked) != 0 || w.resolver.Resolved("") != 0 {
		t.Errorf("asked %v, resolved %d", w.asked, w.resolver.Resolved(""))
	}
	r, err := w.wallet(func(c *wallet.Config) { c.InsecureUnlisted = true }).Open(t.Context(), oid4vp.Link{Client: of, Object: string(object)}.String("openid4vp://"))
	if err != nil || r.Listed {
		t.Errorf("%v", err)
	}
}

// An agency asks for more than it was admitted for: the wallet says for what, and shows nothing.
func TestOverAskingIsSaid(t *testing.T) {
	w := newTown(t)
	much := strings.Replace(query, `{"path":["Blood Group"]}`, `{"path":["Blood Group"]},{"path":["ID Number"]},{"path":["Address","Village"]}`, 1)
	_, err := w.open(func(r *oid4vp.Request) { r.DCQL = json.RawMessage(much) })
	r := refused(t, err, trust.AsksTooMuch)
	if len(r.TooMuch) != 1 || len(r.TooMuch[0].Claims) != 2 || r.TooMuch[0].Claims[0].String() != disclosure.Path.String(disclosure.Path{"ID Number"}) {
		t.Errorf("%+v", r.TooMuch)
	}
	if r.Request == nil || r.Request.Agency["en"] != "Example Hospital" {
		t.Fatal("nobody is named")
	}
	if _, err := r.Request.Choose(w.card()); !errors.Is(err, trust.AsksTooMuch) {
		t.Errorf("%v", err)
	}
	if _, err := r.Request.Answer(t.Context(), &wallet.Choice{}); !errors.Is(err, trust.AsksTooMuch) {
		t.Errorf("%v", err)
	}
	if _, err := r.Request.Decline(t.Context()); err != nil || w.response().Error != "invalid_request" {
		t.Errorf("%v", err)
	}

	// Another type, any type, another purpose, none.
	for name, change := range map[string]func(*oid4vp.Request){
		"another type": func(r *oid4vp.Request) {
			r.DCQL = json.RawMessage(strings.Replace(query, idCard, "https://registry.example/types/tax", 1))
		},
		"any type": func(r *oid4vp.Request) {
			r.DCQL = json.RawMessage(strings.Replace(query, `{"vct_values":["`+idCard+`"]}`, `{}`, 1))
		},
		"every claim": func(r *oid4vp.Request) {
			r.DCQL = json.RawMessage(strings.Replace(query, `["Blood Group"]`, `[null]`, 1))
		},
	} {
		_, err := w.open(change)
		if r := refused(t, err, trust.AsksTooMuch); len(r.TooMuch) == 0 {
			t.Errorf("%s: nothing is named", name)
		}
	}
	_, err = w.open(func(r *oid4vp.Request) { r.VerifierInfo = nil })
	refused(t, err, trust.PurposeUnknown)
	_, err = w.open(func(r *oid4vp.Request) {
		r.VerifierInfo[0].Data = json.RawMessage(`{"purpose":"research"}`)
	})
	refused(t, err, trust.PurposeUnknown)
}

type certified struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func certify(t testing.TB, parent *certified, change func(*x509.Certificate)) *certified {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serial.String()}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{"hospital.example"},
	}
	if change != nil {
		change(c)
	}
	if parent == nil {
		parent = &certified{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent.cert, key.Public(), parent.key)
	must(t, err)
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return &certified{cert, key}
}

func (c *certified) signer(t testing.TB) oid4vp.Signer {
	t.Helper()
	s, err := pubkey.FromCrypto(c.key)
	must(t, err)
	return oid4vp.Signer{Key: s, Chain: []*x509.Certificate{c.cert}}
}

// Anybody can make a certificate for himself, and its hash is a client identifier. The list may know it: the root still decides (HAIP 1.0 section 5).
func TestSelfSignedLeafInX5C(t *testing.T) {
	w := newTown(t)
	root := certify(t, nil, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	leaf, own := certify(t, root, nil), certify(t, nil, nil)
	for _, c := range []*certified{leaf, own} {
		of := oid4vp.ClientOfCertificate(c.cert)
		policy, err := trust.NewPolicy(trust.Purpose{
			Agency: of.String(), Name: "hospital-admission", Hosts: []string{"hospital.example"}, Claims: map[string][]disclosure.Path{idCard: {{"Blood Group"}}},
		})
		must(t, err)
		object := w.sign(c.signer(t), w.request(func(r *oid4vp.Request) { r.ClientID = of }))
		r, err := w.wallet(func(c *wallet.Config) { c.Policy, c.Roots = policy, []*x509.Certificate{root.cert} }).
			Open(t.Context(), oid4vp.Link{Client: of.String(), Object: string(object)}.String("haip-vp://"))
		if c == own {
			refused(t, err, wallet.RequestKey)
			continue
		}
		must(t, err)
		if _, err := r.Answer(t.Context(), w.choose(r)); err != nil {
			t.Fatal(err)
		}
		w.shown(w.response().Token, of.String())
	}
}

// A request object that was made for somebody else's question.
func TestWalletNonceNotEchoed(t *testing.T) {
	w := newTown(t)
	link := oid4vp.Link{Client: client, Reference: "https://hospital.example/request/1", Post: true}.String("openid4vp://")
	var asked []string
	w.object = func(nonce string) []byte {
		asked = append(asked, nonce)
		return w.sign(w.hospital, w.request(func(r *oid4vp.Request) { r.WalletNonce = nonce }))
	}
	if _, err := w.wallet(nil).Open(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"", asked[0]} {
		w.object = func(nonce string) []byte {
			asked = append(asked, nonce)
			return w.sign(w.hospital, w.request(func(r *oid4vp.Request) { r.WalletNonce = other }))
		}
		_, err := w.wallet(nil).Open(t.Context(), link)
		refused(t, err, wallet.WalletNonceMismatch)
	}
	if len(asked) != 3 || len(asked[0]) < 22 || asked[0] == asked[1] || asked[1] == asked[2] {
		t.Errorf("nonces %q", asked)
	}
}

// A request that asks for encryption gets no plain answer, whatever it makes impossible.
func TestPlaintextAnswerToEncryptedRequest(t *testing.T) {
	w := newTown(t)
	r := w.opened(nil)
	if _, err := r.Answer(t.Context(), w.choose(r)); err != nil {
		t.Fatal(err)
	}
	if form := w.got[0]; len(form) != 1 || form.Get("response") == "" || strings.Contains(form.Encode(), "vp_token") {
		t.Errorf("parameters %d", len(form))
	}
	w.got = nil
	_, err := w.open(func(r *oid4vp.Request) { r.Metadata.Encs = []string{"A128CBC-HS256"} })
	refusal := refused(t, err, wallet.NothingInCommon)
	if _, err := refusal.Request.Answer(t.Context(), &wallet.Choice{}); !errors.Is(err, wallet.NothingInCommon) {
		t.Errorf("%v", err)
	}
	if _, err := refusal.Request.Decline(t.Context()); err != nil || len(w.got) != 1 || w.got[0].Get("error") == "" || w.got[0].Get("vp_token") != "" {
		t.Errorf("%v, %v", err, w.got)
	}
	// No key at all, or one that is no key.
	for _, jwks := range []string{`{}`, `{"jwks":{"keys":[]}}`, `{"jwks":{"keys":[{"kty":"EC","crv":"P-256","kid":"a","alg":"ECDH-ES","x":"AA","y":"AA"}]}}`} {
		payload, err := w.request(func(r *oid4vp.Request) { r.Mode, r.Metadata = oid4vp.DirectPost, nil }).JSON()
		must(t, err)
		text := strings.Replace(string(payload), `"direct_post"`, `"direct_post.jwt","client_metadata":`+jwks, 1)
		_, err = w.wallet(nil).Open(t.Context(), oid4vp.Link{Client: client, Object: w.jws(text)}.String("openid4vp://"))
		refused(t, err, wallet.RequestMalformed)
	}
}

// jws signs any text with the hospital's key.
func (w *town) jws(text string) string {
	w.t.Helper()
	input := encode([]byte(`{"alg":"ES256","typ":"oauth-authz-req+jwt","kid":"#key-1"}`)) + "." + encode([]byte(text))
	sig, err := w.hospital.Key.Sign(w.t.Context(), pubkey.ES256, []byte(input))
	must(w.t, err)
	return input + "." + encode(sig)
}

// A page that has copied an agency's signed request.
func TestSignedRequestOnAnotherPage(t *testing.T) {
	w := newTown(t)
	object := w.sign(w.hospital, w.request(func(r *oid4vp.Request) {
		r.Mode, r.ResponseURI, r.State, r.ExpectedOrigins = oid4vp.DCAPIJWT, "", "", []string{"https://hospital.example"}
	}))
	data, err := json.Marshal(map[string]string{"request": string(object)})
	must(t, err)
	for _, origin := range []string{"https://stranger.example", "https://hospital.example.", "https://hospital.example:8443", "http://hospital.example", "https://hospital.example/", "", "null"} {
		_, err := w.wallet(nil).OpenData(t.Context(), data, origin)
		refused(t, err, wallet.OriginMismatch)
	}
	none := w.sign(w.hospital, w.request(func(r *oid4vp.Request) { r.Mode, r.ResponseURI, r.State = oid4vp.DCAPIJWT, "", "" }))
	_, err = w.wallet(nil).OpenData(t.Context(), []byte(`{"request":"`+string(none)+`"}`), "https://hospital.example")
	refused(t, err, wallet.OriginMismatch)
	// Through a link there is no page.
	_, err = w.wallet(nil).Open(t.Context(), oid4vp.Link{Client: client, Object: string(object)}.String("openid4vp://"))
	refused(t, err, wallet.ModeUnsupported)
}

// An unsigned request that says whose it is: only the origin counts.
func TestUnsignedDataNamesAClient(t *testing.T) {
	w := newTown(t)
	payload, err := w.request(func(r *oid4vp.Request) { r.Mode, r.ResponseURI, r.State = oid4vp.DCAPIJWT, "", "" }).JSON()
	must(t, err)
	_, err = w.wallet(nil).OpenData(t.Context(), payload, "https://stranger.example")
	refused(t, err, wallet.VerifierUnknown)
	r, err := w.wallet(nil).OpenData(t.Context(), payload, "https://hospital.example")
	if err != nil || r.Client != "origin:https://hospital.example" {
		t.Errorf("%v", err)
	}
}

// What the agency's server says afterwards leads nowhere but to the agency.
func TestRedirectToAStranger(t *testing.T) {
	w := newTown(t)
	for to, want := range map[string]string{
		"https://hospital.example/back#response_code=1": "https://hospital.example/back#response_code=1", "https://stranger.example/": "", "javascript:alert(1)": "",
		"http://hospital.example/": "", "/relative": "",
	} {
		w.answer = func(rw http.ResponseWriter, _ url.Values) {
			json.NewEncoder(rw).Encode(map[string]string{"redirect_uri": to})
		}
		r := w.opened(nil)
		if out, err := r.Answer(t.Context(), w.choose(r)); err != nil || out.Follow != want {
			t.Errorf("%s: %+v, %v", to, out, err)
		}
	}
	for _, ask := range w.asked {
		if strings.Contains(ask, "back") || strings.Contains(ask, "stranger") {
			t.Errorf("%s: the wallet followed", ask)
		}
	}
}

// The agency's own server sends the answer on to another place.
func TestAnswerIsNotSentOn(t *testing.T) {
	w := newTown(t)
	w.answer = func(rw http.ResponseWriter, _ url.Values) {
		rw.Header().Set("Location", "https://stranger.example/answer")
		rw.WriteHeader(http.StatusTemporaryRedirect)
	}
	r := w.opened(nil)
	_, err := r.Answer(t.Context(), w.choose(r))
	refused(t, err, wallet.NotAccepted)
	if len(w.got) != 1 {
		t.Errorf("%d posts", len(w.got))
	}
}

// A transaction that the wallet cannot explain is not signed.
func TestTransactionOfAnUnknownType(t *testing.T) {
	w := newTown(t)
	for name, data := range map[string]string{
		"another type": `{"type":"sell-the-house","credential_ids":["card"]}`,
		"another hash": `{"type":"consent","credential_ids":["card"],"transaction_data_hashes_alg":["md5"]}`,
	} {
		_, err := w.open(func(r *oid4vp.Request) { r.TransactionData = []string{encode([]byte(data))} })
		r := refused(t, err, wallet.TransactionUnknown)
		if _, err := r.Request.Decline(t.Context()); err != nil || w.response().Error != "invalid_transaction_data" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
