package openid4vp_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
)

// oid4vc is @openid4vc/openid4vp.
type oid4vc struct {
	*process
	did  string
	jwk  json.RawMessage
	leaf *x509.Certificate // for its key, of localhost
}

func newOid4vc(t testing.TB) oid4vc {
	t.Helper()
	p := oid4vc{process: start(t, "oid4vc.mjs")}
	var self struct {
		DID string
		JWK json.RawMessage
	}
	p.must(t, &self, "self", nil)
	p.did, p.jwk = self.DID, self.JWK
	p.leaf = authority(t).certify(t, public(t, self.JWK), "localhost")
	return p
}

// understood is what the peer understands of a request.
type understood struct {
	Type, Provided, Prefix, ClientID, By string
	Version, TransactionData             int
	Header                               map[string]any
	Query, Request                       json.RawMessage
}

func (p oid4vc) read(t testing.TB, request any, wallet map[string]any) (*understood, error) {
	t.Helper()
	u := &understood{}
	return u, p.ask(t, u, "read", map[string]any{"request": request, "roots": []string{authority(t).encoded()}, "wallet": wallet})
}

// client is a verifier of ours by one of the ways to be known.
type client struct {
	id     oid4vp.ClientID
	signer oid4vp.Signer
}

func clients(t testing.TB) map[string]client {
	t.Helper()
	key, byKey := generate(t), generate(t)
	id := jwkDID(t, key)
	leaf := authority(t).certify(t, public(t, byKey.Public().JWK()), "localhost")
	chain := []*x509.Certificate{leaf}
	return map[string]client{
		"decentralized_identifier": {oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: id}, oid4vp.Signer{Key: key, KeyID: id + "#0"}},
		"x509_hash":                {oid4vp.ClientOfCertificate(leaf), oid4vp.Signer{Key: byKey, Chain: chain}},
		"x509_san_dns":             {oid4vp.ClientID{Prefix: oid4vp.X509SanDNS, Name: "localhost"}, oid4vp.Signer{Key: byKey, Chain: chain}},
	}
}

// requestOf is a request with everything that an ordinary one has.
func requestOf(t testing.TB, id oid4vp.ClientID, mode oid4vp.Mode, responseURI string) (*oid4vp.Request, *ecdh.PrivateKey) {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	r := &oid4vp.Request{
		ClientID: id, Mode: mode, ResponseURI: responseURI, Nonce: rand.Text(), State: rand.Text(), Audience: oid4vp.StaticAudience,
		DCQL: json.RawMessage(bloodGroup), Issued: now, Expires: now.Add(2 * time.Minute),
		Metadata: &oid4vp.Metadata{Formats: json.RawMessage(`{"dc+sd-jwt":{"sd-jwt_alg_values":["ES256"],"kb-jwt_alg_values":["ES256"]}}`)},
	}
	if mode.Encrypted() {
		r.Metadata.Keys = []oid4vp.EncryptionKey{{ID: "answers-1", Public: key.PublicKey()}}
		r.Metadata.Encs = []string{oid4vp.A128GCM, oid4vp.A256GCM}
	}
	return r, key
}

// TestPeersReadOurRequests: @openid4vc and Credo read request objects of ours, by value, by reference and by reference with POST, in both modes,
// of clients that are known in three ways, as OpenID4VP 1.0 and not as a draft.
func TestPeersReadOurRequests(t *testing.T) {
	peer, wallet, s := newOid4vc(t), newCredo(t), serve(t)
	var asked string // how the request object was fetched
	var object []byte
	s.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method
		w.Header().Set("Content-Type", oid4vp.MediaType)
		w.Write(object)
	}))
	for name, c := range clients(t) {
		for _, mode := range []oid4vp.Mode{oid4vp.DirectPost, oid4vp.DirectPostJWT} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				r, _ := requestOf(t, c.id, mode, s.URL+"/response")
				var err error
				if object, err = c.signer.Sign(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				payload, err := r.JSON()
				if err != nil {
					t.Fatal(err)
				}
				for _, l := range []oid4vp.Link{{Object: string(object)}, {Reference: s.URL + "/request"}, {Reference: s.URL + "/request", Post: true}} {
					l.Client = c.id.String()
					link := l.String("openid4vp://")
					asked = ""
					u, err := peer.read(t, link, nil)
					if err != nil {
						t.Fatal(err)
					}
					if u.Type != "jar" || u.Prefix != name || u.ClientID != l.Client || u.Version != 100 || u.Header["typ"] != "oauth-authz-req+jwt" {
						t.Errorf("@openid4vc: %+v", u)
					}
					if want := map[bool]string{true: "POST", false: "GET"}[l.Post]; l.Reference != "" && (asked != want || u.By != "reference") {
						t.Errorf("fetched by %q, want %q", asked, want)
					}
					same(t, "request", u.Request, payload)
					same(t, "query", u.Query, []byte(bloodGroup))
					read, err := wallet.read(t, link)
					if err != nil {
						t.Fatal(err)
					}
					if read.Prefix != name || read.ClientID != l.Client || !read.Signed {
						t.Errorf("Credo: %+v", read)
					}
				}
			})
		}
	}
}

// TestPeersRefuseForgedRequests: what the acceptance above is worth.
func TestPeersRefuseForgedRequests(t *testing.T) {
	peer, wallet := newOid4vc(t), newCredo(t)
	for name, c := range clients(t) {
		r, _ := requestOf(t, c.id, oid4vp.DirectPost, "https://localhost/response")
		object, err := c.signer.Sign(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		other := clients(t)[name]
		if name == "x509_san_dns" {
			other.id.Name = "elsewhere.example"
		}
		link := func(object []byte, id oid4vp.ClientID) string {
			return oid4vp.Link{Client: id.String(), Object: string(object)}.String("openid4vp://")
		}
		stranger := *r // says that it is another's request, and is signed by this one
		stranger.ClientID = other.id
		forged, err := strangerObject(t, c.signer, &stranger)
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range map[string]string{
			"signature":     link(flip(object, len(object)-10), c.id),
			"payload":       link(flip(object, strings.IndexByte(string(object), '.')+200), c.id),
			"other link":    link(object, other.id),
			"other's claim": link(forged, other.id),
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				if u, err := peer.read(t, bad, nil); err == nil {
					t.Errorf("@openid4vc believes it: %+v", u)
				}
				if u, err := wallet.read(t, bad); err == nil {
					t.Errorf("Credo believes it: %+v", u)
				}
			})
		}
	}
}

// strangerObject signs a request as a client that the signer is not, which oid4vp.Signer does not do.
func strangerObject(t testing.TB, s oid4vp.Signer, r *oid4vp.Request) ([]byte, error) {
	t.Helper()
	header := map[string]any{"typ": "oauth-authz-req+jwt"}
	if s.KeyID != "" {
		header["kid"] = s.KeyID
	} else {
		header["x5c"] = []string{base64.StdEncoding.EncodeToString(s.Chain[0].Raw)}
	}
	payload, err := r.JSON()
	return []byte(sign(t, s.Key, header, json.RawMessage(payload))), err
}

// TestOursReadsThePeersRequests: request objects that @openid4vc makes. By its default their audience is the address of the request, where
// section 5.8 wants the wallet's or https://self-issued.me/v2: nothing is decided by it.
func TestOursReadsThePeersRequests(t *testing.T) {
	peer := newOid4vc(t)
	roots := []*x509.Certificate{authority(t).root}
	trust := oid4vp.Trust{Resolver: did.Mux{"jwk": didjwk.Resolver{}}, Roots: roots, Now: time.Now(), Skew: time.Minute}
	chain := []string{base64.StdEncoding.EncodeToString(peer.leaf.Raw)}
	const uri = "https://localhost/request"
	for name, c := range map[string]struct {
		id     string
		signer any
	}{
		"decentralized_identifier": {"decentralized_identifier:" + peer.did, "did"},
		"x509_hash":                {oid4vp.ClientOfCertificate(peer.leaf).String(), chain},
		"x509_san_dns":             {"x509_san_dns:localhost", chain},
		"redirect_uri":             {"redirect_uri:https://localhost/response", nil},
	} {
		for _, mode := range []string{"direct_post", "direct_post.jwt"} {
			t.Run(name+" "+mode, func(t *testing.T) {
				var key json.RawMessage
				peer.must(t, &key, "answerKey", nil)
				nonce := rand.Text()
				metadata := map[string]any{"vp_formats_supported": map[string]any{"dc+sd-jwt": map[string]any{}},
					"client_name": "unknown members are ignored", "jwks": map[string]any{"keys": []any{key}}, "encrypted_response_enc_values_supported": []string{"A256GCM"}}
				var made struct{ Link, Object string }
				peer.must(t, &made, "ask", map[string]any{"signer": c.signer, "requestUri": uri, "request": map[string]any{
					"client_id": c.id, "response_type": "vp_token", "response_mode": mode, "response_uri": "https://localhost/response", "nonce": nonce,
					"state": "s", "dcql_query": json.RawMessage(bloodGroup), "client_metadata": metadata}})
				link, err := oid4vp.ParseLink(made.Link)
				if err != nil {
					t.Fatal(err)
				}
				r := link.Request
				if c.signer != nil {
					if link.Reference != uri || link.Client != c.id {
						t.Errorf("link %+v", link)
					}
					if r, err = oid4vp.Verify(t.Context(), []byte(made.Object), link.Client, trust); err != nil {
						t.Fatal(err)
					}
					if r.Audience != uri {
						t.Errorf("the peer's default audience is now %q", r.Audience)
					}
				}
				if r == nil || r.ClientID.String() != c.id || r.Nonce != nonce || string(r.Mode) != mode || r.State != "s" || r.Query == nil {
					t.Errorf("%+v", r)
				}
				if len(r.Metadata.Keys) != 1 || !reflect.DeepEqual(r.Metadata.Encs, []string{"A256GCM"}) {
					t.Errorf("metadata %+v", r.Metadata)
				}
			})
		}
	}
}

// TestEncryptedAnswersBothWays: what our side encrypts the peer reads, in both encryptions, and what the peer encrypts, with apu and apv in the
// header, our side reads.
func TestEncryptedAnswersBothWays(t *testing.T) {
	peer, s := newOid4vc(t), serve(t)
	token := json.RawMessage(`{"citizen":["a.b.c~d~e.f.g"]}`)
	for _, enc := range []string{oid4vp.A128GCM, oid4vp.A256GCM} {
		t.Run("ours "+enc, func(t *testing.T) {
			var jwk json.RawMessage
			peer.must(t, &jwk, "answerKey", nil)
			var of struct{ Kid string }
			if err := json.Unmarshal(jwk, &of); err != nil {
				t.Fatal(err)
			}
			to, err := public(t, jwk).ECDH()
			if err != nil {
				t.Fatal(err)
			}
			text, err := (&oid4vp.Response{Token: token, State: "s"}).JSON()
			if err != nil {
				t.Fatal(err)
			}
			jwe, err := jose.Encrypt(to, of.Kid, enc, text)
			if err != nil {
				t.Fatal(err)
			}
			request := map[string]any{"client_id": "redirect_uri:https://localhost/response", "response_type": "vp_token", "response_mode": "direct_post.jwt",
				"response_uri": "https://localhost/response", "nonce": rand.Text(), "state": "s", "dcql_query": json.RawMessage(bloodGroup),
				"client_metadata": map[string]any{"jwks": map[string]any{"keys": []any{jwk}}, "encrypted_response_enc_values_supported": []string{enc}}}
			var got struct {
				Type, Encrypted string
				VPToken         json.RawMessage
				Header          struct{ Alg, Enc, Kid string }
			}
			peer.must(t, &got, "understand", map[string]any{"request": request, "answer": map[string]any{"response": jwe}})
			if got.Type != "dcql" || got.Encrypted != "Encrypted" || got.Header.Alg != "ECDH-ES" || got.Header.Enc != enc || got.Header.Kid != of.Kid {
				t.Errorf("%+v", got)
			}
			same(t, "vp_token", got.VPToken, token)
			if err := peer.ask(t, &got, "understand", map[string]any{"request": request, "answer": map[string]any{"response": string(flip([]byte(jwe), len(jwe)-5))}}); err == nil {
				t.Error("the peer reads what was changed")
			}
			if err := peer.ask(t, &got, "understand", map[string]any{"request": request, "answer": map[string]any{"vp_token": token, "state": "s"}}); err == nil {
				t.Error("the peer reads plaintext where it asked for encryption")
			}
		})
		t.Run("the peer's "+enc, func(t *testing.T) {
			var body string
			s.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := r.ParseForm(); err == nil {
					body = r.PostForm.Encode()
				}
				w.Header().Set("Content-Type", "application/json")
				w.Write([]byte(`{}`))
			}))
			c := clients(t)["decentralized_identifier"]
			r, key := requestOf(t, c.id, oid4vp.DirectPostJWT, s.URL+"/response")
			object, err := c.signer.Sign(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			var done struct {
				OK     bool
				Header map[string]any
			}
			peer.must(t, &done, "answer", map[string]any{"vpToken": token, "encs": []string{enc},
				"request": oid4vp.Link{Client: c.id.String(), Object: string(object)}.String("openid4vp://")})
			if !done.OK || done.Header["enc"] != enc || done.Header["apv"] == nil || done.Header["apu"] == nil {
				t.Errorf("%+v", done)
			}
			_, jwe, err := oid4vp.ParseForm(body)
			if err != nil {
				t.Fatal(err)
			}
			text, err := jose.Decrypt(key, "answers-1", jwe, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			response, err := oid4vp.ParseResponse(text)
			if err != nil {
				t.Fatal(err)
			}
			if response.State != r.State {
				t.Errorf("state %q", response.State)
			}
			same(t, "vp_token", response.Token, token)
		})
	}
}
