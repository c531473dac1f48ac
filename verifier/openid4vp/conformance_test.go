package openid4vp_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

// The modules of the OpenID Foundation's conformance suite for verifiers of OpenID4VP 1.0 (plans oid4vp-1final-verifier-test-plan and its HAIP twin), under
// their names and in both profiles. What the suite's wallet signs with keys of its own is made by hand here.

// suite is the suite's wallet: issuer and holder at once.
type suite struct {
	*rig
	card   []byte // compact, with the disclosure of one claim, ending in ~
	holder pubkey.Signer
}

var profiles = map[string]func(t *testing.T) *suite{
	"did":  func(t *testing.T) *suite { return newSuite(t, openid4vp.DID) },
	"haip": func(t *testing.T) *suite { return newSuite(t, openid4vp.HAIP) },
}

func newSuite(t *testing.T, profile openid4vp.Profile) *suite {
	t.Helper()
	s := &suite{}
	s.rig = newRig(t, nil, func(g *rig) {
		key, err := pubkey.Generate(pubkey.ES256)
		g.must(err)
		id, err := didjwk.FromKey(key.Public())
		g.must(err)
		issuer := credential.IssuerConfig{ID: id.String(), KeyID: "#0", Signer: key, Now: g.world.Now}
		entry := trust.Issuer{DIDs: []string{id.String()}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Registry"}}
		if profile == openid4vp.HAIP {
			withCertificate("")(g)
			leaf, root := certificates(t, g.world.Now())
			signer, err := pubkey.FromCrypto(leaf.key)
			g.must(err)
			issuer = credential.IssuerConfig{ID: "https://hospital.example", Signer: signer, Chain: []*x509.Certificate{leaf.cert}, Now: g.world.Now}
			entry.DIDs = nil
			entry.Certified = []trust.Certified{{Issuer: "https://hospital.example", Name: "hospital.example", Roots: []*x509.Certificate{root}}}
		}
		g.config.Profile = profile
		list, err := trust.NewList(entry)
		g.must(err)
		g.config.Verifier, err = verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: list, Now: g.world.Now})
		g.must(err)
		by, err := credential.NewIssuer(issuer)
		g.must(err)
		s.holder, err = pubkey.Generate(pubkey.ES256)
		g.must(err)
		s.card, err = by.Issue(t.Context(), credential.Card{
			Type: idCard, Claims: json.RawMessage(`{"Full Name":"` + marker + `"}`), Holder: s.holder.Public(), Expires: g.world.Now().AddDate(1, 0, 0),
			Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}}},
		})
		g.must(err)
	})
	return s
}

// binding is what a key binding says, for a module to change.
type binding struct {
	At              time.Time
	Audience, Nonce string
	Hash            []byte
}

// present makes a presentation by hand. broken changes what the key binding says before it is signed.
func (s *suite) present(ask *oid4vp.Request, card []byte, broken func(*binding)) []byte {
	s.t.Helper()
	h := sha256.Sum256(card)
	b := binding{s.world.Now(), ask.ClientID.String(), ask.Nonce, h[:]}
	if broken != nil {
		broken(&b)
	}
	payload, err := json.Marshal(map[string]any{"iat": b.At.Unix(), "aud": b.Audience, "nonce": b.Nonce, "sd_hash": base64.RawURLEncoding.EncodeToString(b.Hash)})
	s.must(err)
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256","typ":"kb+jwt"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sig, err := s.holder.Sign(s.t.Context(), pubkey.ES256, []byte(input))
	s.must(err)
	return []byte(string(card) + input + "." + base64.RawURLEncoding.EncodeToString(sig))
}

// module runs one module in both profiles: what the wallet presents, and the reason for which it is refused; empty means that it is accepted.
func module(t *testing.T, want verifier.Reason, make func(*suite, *oid4vp.Request) []byte) {
	t.Helper()
	for name, start := range profiles {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			b := s.browser()
			tx := b.begin()
			ask := s.fetch(tx.Link)
			res := s.answer(ask, &oid4vp.Response{Token: token(s.rig, ask, make(s, ask)), State: ask.State})
			if want == "" {
				status(t, res, http.StatusOK)
				got, err := b.wait(tx.Handle)
				if err != nil {
					t.Fatal(err)
				}
				if name, _ := got.Text("Full Name"); name != marker {
					t.Errorf("%q", name)
				}
				return
			}
			status(t, res, http.StatusBadRequest)
			if got := s.last(tx); got != "answer_rejected "+string(want) {
				t.Errorf("got %s, want %s", got, want)
			}
			var rejected *verifier.Rejection
			if _, err := b.wait(tx.Handle); !errors.As(err, &rejected) || rejected.Reason != want {
				t.Errorf("the page is told %v", err)
			}
			// The fault is the only one: the same wallet without it is accepted.
			status(t, s.answer(ask, &oid4vp.Response{Token: token(s.rig, ask, s.present(ask, s.card, nil)), State: ask.State}), http.StatusOK)
		})
	}
}

func TestVP1FinalVerifierHappyFlow(t *testing.T) {
	module(t, "", func(s *suite, ask *oid4vp.Request) []byte { return s.present(ask, s.card, nil) })
}

// The holder's key in the card has nothing but what its type requires, as those that our issuer signs.
func TestVP1FinalVerifierMinimalCnfJwk(t *testing.T) {
	module(t, "", func(s *suite, ask *oid4vp.Request) []byte {
		part, _, _ := strings.Cut(string(s.card), "~")
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(part, ".")[1])
		s.must(err)
		var payload struct {
			Cnf struct{ JWK map[string]string }
		}
		s.must(json.Unmarshal(raw, &payload))
		members := map[string]bool{}
		for name := range payload.Cnf.JWK {
			members[name] = true
		}
		if !reflect.DeepEqual(members, map[string]bool{"kty": true, "crv": true, "x": true, "y": true}) {
			t.Errorf("cnf.jwk has %v", members)
		}
		return s.present(ask, s.card, nil)
	})
}

func TestVP1FinalVerifierInvalidCredentialSignature(t *testing.T) {
	module(t, credential.SignatureInvalid, func(s *suite, ask *oid4vp.Request) []byte {
		issued, rest, _ := bytes.Cut(s.card, []byte("~"))
		at := len(issued) - 10
		issued = bytes.Clone(issued)
		issued[at] = map[bool]byte{true: 'B', false: 'A'}[issued[at] == 'A']
		return s.present(ask, bytes.Join([][]byte{issued, rest}, []byte("~")), nil)
	})
}

func TestVP1FinalVerifierInvalidKbJwtSignature(t *testing.T) {
	module(t, credential.BindingSignature, func(s *suite, ask *oid4vp.Request) []byte {
		p := s.present(ask, s.card, nil)
		at := len(p) - 10
		p[at] = map[bool]byte{true: 'B', false: 'A'}[p[at] == 'A']
		return p
	})
}

func TestVP1FinalVerifierInvalidSdHash(t *testing.T) {
	module(t, credential.HashMismatch, func(s *suite, ask *oid4vp.Request) []byte {
		return s.present(ask, s.card, func(b *binding) { b.Hash[0] ^= 1 })
	})
}

func TestVP1FinalVerifierInvalidKbJwtNonce(t *testing.T) {
	module(t, credential.NonceMismatch, func(s *suite, ask *oid4vp.Request) []byte {
		return s.present(ask, s.card, func(b *binding) { b.Nonce += "1" })
	})
}

func TestVP1FinalVerifierInvalidKbJwtAud(t *testing.T) {
	module(t, credential.AudienceMismatch, func(s *suite, ask *oid4vp.Request) []byte {
		return s.present(ask, s.card, func(b *binding) { b.Audience = "https://example.com/" })
	})
}

// Always the full client identifier (section 14.8).
func TestAudienceWithoutPrefix(t *testing.T) {
	module(t, credential.AudienceMismatch, func(s *suite, ask *oid4vp.Request) []byte {
		return s.present(ask, s.card, func(b *binding) { b.Audience = ask.ClientID.Name })
	})
}

// The origin is the audience of the Digital Credentials API, and of nothing else.
func TestAudienceOfAnotherChannel(t *testing.T) {
	module(t, credential.AudienceMismatch, func(s *suite, ask *oid4vp.Request) []byte {
		return s.present(ask, s.card, func(b *binding) { b.Audience = "origin:" + origin })
	})
	g := newRig(t, func(f *openid4vp.Template) { f.Mode, f.CrossDevice = "dc_api", false }, nil)
	b := g.browser()
	tx := b.begin()
	ask := g.fromDCAPI(tx)
	for _, audience := range []string{ask.ClientID.String(), origin, "origin:" + origin + "/", "origin:https://other.example"} {
		e := expect(ask)
		e.Audience = audience
		r := b.request("POST", tx.Answer, g.dcData(ask, &oid4vp.Response{Token: token(g, ask, g.card.Present(e))}))
		r.Header.Set("Content-Type", "application/json")
		status(t, g.do(r), http.StatusBadRequest)
		if got := g.last(tx); got != "answer_rejected audience_mismatch" {
			t.Errorf("%s: %s", audience, got)
		}
	}
}

func TestVP1FinalVerifierKbJwtIatInPast(t *testing.T) {
	module(t, credential.BindingTooOld, func(s *suite, ask *oid4vp.Request) []byte {
		return s.present(ask, s.card, func(b *binding) { b.At = b.At.AddDate(-1, 0, 0) })
	})
}

func TestVP1FinalVerifierKbJwtIatInFuture(t *testing.T) {
	module(t, credential.BindingInFuture, func(s *suite, ask *oid4vp.Request) []byte {
		return s.present(ask, s.card, func(b *binding) { b.At = b.At.AddDate(1, 0, 0) })
	})
}

// The wallet posts to request_uri, with what it can and a nonce that comes back in the request object.
func TestVP1FinalVerifierRequestUriMethodPost(t *testing.T) {
	for name, start := range profiles {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			c := s.config
			c.RequestBy = "post"
			var err error
			s.door, err = openid4vp.New(c)
			s.must(err)
			b := s.browser()
			tx := b.begin()
			l, err := oid4vp.ParseLink(tx.Link)
			s.must(err)
			if !l.Post {
				t.Fatal("request_uri_method is not post")
			}
			nonce := "a wallet's own <nonce>"
			res := s.post(l.Reference, url.Values{"wallet_nonce": {nonce}, "wallet_metadata": {`{"vp_formats_supported":{"dc+sd-jwt":{}},"unknown":{"x":[1]}}`}, "other": {"x"}}.Encode())
			status(t, res, http.StatusOK)
			object, _ := io.ReadAll(res.Body)
			ask, err := oid4vp.Verify(t.Context(), object, l.Client, s.trust())
			s.must(err)
			if ask.WalletNonce != nonce || res.Header.Get("Content-Type") != "application/oauth-authz-req+jwt" {
				t.Errorf("wallet_nonce %q, %v", ask.WalletNonce, res.Header)
			}
			status(t, s.answer(ask, &oid4vp.Response{Token: token(s.rig, ask, s.present(ask, s.card, nil)), State: ask.State}), http.StatusOK)
			if _, err := b.wait(tx.Handle); err != nil {
				t.Error(err)
			}
			// A wallet that does not know the method uses GET (section 5.10).
			s.fetch(s.browser().begin().Link)
		})
	}
}

// A wallet may fetch the request again, after an error of the network or a reload: it is the same request.
func TestVP1FinalVerifierRequestUriFetchedTwice(t *testing.T) {
	for name, start := range profiles {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			b := s.browser()
			tx := b.begin()
			first, again := s.fetch(tx.Link), s.fetch(tx.Link)
			if first.Nonce != again.Nonce || !first.Metadata.Keys[0].Public.Equal(again.Metadata.Keys[0].Public) || first.ResponseURI != again.ResponseURI {
				t.Error("the second request is another one")
			}
			status(t, s.answer(again, &oid4vp.Response{Token: token(s.rig, again, s.present(first, s.card, nil)), State: again.State}), http.StatusOK)
			if _, err := b.wait(tx.Handle); err != nil {
				t.Error(err)
			}
			l, _ := oid4vp.ParseLink(tx.Link)
			status(t, s.do(httptest.NewRequest("GET", l.Reference, nil)), http.StatusNotFound) // after the answer
		})
	}
}

// What HAIP 1.0 forbids fails when the program starts.
func TestHAIPFailsAtStart(t *testing.T) {
	for name, c := range map[string]struct {
		shape  func(*openid4vp.Template)
		change func(*rig)
		want   string
	}{
		"a DID":                 {nil, func(g *rig) {}, "x509_hash"},
		"x509_san_dns":          {nil, withCertificate("x509_san_dns"), "x509_hash"},
		"a plain answer":        {func(f *openid4vp.Template) { f.Mode = "direct_post" }, withCertificate(""), "direct_post.jwt"},
		"a plain DC API":        {func(f *openid4vp.Template) { f.Mode, f.CrossDevice = "dc_api", false }, withCertificate(""), "dc_api.jwt"},
		"a fragment":            {func(f *openid4vp.Template) { f.Mode, f.CrossDevice = "fragment", false }, withCertificate(""), "direct_post.jwt"},
		"a request by value":    {nil, func(g *rig) { withCertificate("")(g); g.config.RequestBy = "value" }, "request_uri"},
		"the root in the chain": {nil, func(g *rig) { withCertificate("")(g); g.config.Chain = append(g.config.Chain, g.roots[0]) }, "self-signed"},
		"a self-signed leaf":    {nil, func(g *rig) { withCertificate("")(g); g.config.Chain = g.roots }, "self-signed"},
		"another's certificate": {nil, func(g *rig) {
			withCertificate("")(g)
			leaf, _ := certificates(t, g.world.Now())
			g.config.Chain = []*x509.Certificate{leaf.cert}
		}, "another key"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, c.shape, func(g *rig) {})
			c.change(g)
			g.config.Profile = openid4vp.HAIP
			g.config.Policy = g.policyFor(g.config)
			if _, err := openid4vp.New(g.config); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// A card of an issuer that is known by its DID is no card of HAIP 1.0 (section 6.1.1), whatever the trust list says.
func TestHAIPRefusesCardsWithoutCertificates(t *testing.T) {
	g := newRig(t, nil, func(g *rig) { withCertificate("")(g); g.config.Profile = openid4vp.HAIP })
	tx := g.browser().begin()
	ask := g.fetch(tx.Link)
	status(t, g.answer(ask, g.show(ask)), http.StatusBadRequest)
	if got := g.last(tx); got != "answer_rejected x5c_missing" {
		t.Error(got)
	}
}
