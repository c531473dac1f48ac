package redisstore_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/trust"
)

const idCard = "https://registry.example/types/foundational-id"

// agency is what every process of the service is configured with.
type agency struct {
	Issuer string // a did:jwk
	Key    []byte // signs requests; PKCS #8
	Seal   []byte
	Prefix string // of the store
}

func newAgency(t *testing.T, issuer pubkey.Signer) agency {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	id, err := didjwk.FromKey(issuer.Public())
	must(t, err)
	seal := make([]byte, 32)
	rand.Read(seal)
	return agency{id.String(), der, seal, prefix(t)}
}

// door is that of one process.
func (a agency) door(t *testing.T) *openid4vp.Door {
	t.Helper()
	parsed, err := x509.ParsePKCS8PrivateKey(a.Key)
	must(t, err)
	signer, err := pubkey.FromCrypto(parsed.(*ecdsa.PrivateKey))
	must(t, err)
	self, err := didjwk.FromKey(signer.Public())
	must(t, err)
	issuers, err := trust.NewList(trust.Issuer{DIDs: []string{a.Issuer}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example Civil Registry"}})
	must(t, err)
	policy, err := trust.NewPolicy(trust.Purpose{
		Agency: "decentralized_identifier:" + self.String(), Name: "admission", Claims: map[string][]disclosure.Path{idCard: {{"Blood Group"}}},
	})
	must(t, err)
	v, err := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})
	must(t, err)
	d, err := openid4vp.New(openid4vp.Config{
		Verifier: v, Policy: policy, Signer: signer, KeyID: self.String() + "#0", BaseURL: "https://hospital.example/verify",
		Store: open(t, address(t), a.Prefix), Key: a.Seal,
		Templates: []openid4vp.Template{{
			Name: "admission", Type: idCard, Claims: []disclosure.Path{{"Blood Group"}}, CrossDevice: true,
			Why: map[string]string{"en": "For your treatment."}, Paper: map[string]string{"en": "The desk takes your paper card."},
		}},
	})
	must(t, err)
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Two hundred answers to one transaction, each of them good and none like another, are posted to two processes of an agency at the same time. One is accepted, and
// a third process gives its claims to the browser that began.
func TestTwoHundredAnswersOverTwoProcesses(t *testing.T) {
	const env, answers = "KHYER_REDISSTORE_AGENCY", 200
	if text := os.Getenv(env); text != "" {
		answerInChild(t, text)
		return
	}
	address(t)
	registry, err := pubkey.Generate(pubkey.ES256)
	must(t, err)
	a := newAgency(t, registry)
	text, err := json.Marshal(a)
	must(t, err)
	door := a.door(t)
	children := [2]*child{start(t, env+"="+string(text)), start(t, env+"="+string(text))}
	for round := range 3 {
		w := httptest.NewRecorder()
		tx, err := door.Begin(w, httptest.NewRequest("POST", "https://hospital.example/", nil), "admission")
		must(t, err)
		ask := fetch(t, door, tx.Link)
		for i, body := range wallets(t, registry, a.Issuer, ask, answers) {
			children[i%2].say(ask.ResponseURI + " " + base64.StdEncoding.EncodeToString([]byte(body)))
		}
		for _, c := range children {
			c.say("ready?")
			c.hear("ready")
		}
		for _, c := range children {
			c.say("go")
		}
		total := map[int]int{}
		for i, c := range children {
			var said map[int]int
			must(t, json.Unmarshal([]byte(c.hear("said ")), &said))
			t.Logf("round %d: process %d answers %v", round, i, said)
			for status, n := range said {
				total[status] += n
			}
		}
		if total[http.StatusOK] != 1 || total[http.StatusOK]+total[http.StatusBadRequest]+total[http.StatusTooManyRequests] != answers {
			t.Errorf("round %d: %v of %d answers, want one accepted and the others refused or put off", round, total, answers)
		}
		wait := httptest.NewRequest("GET", "https://hospital.example/", nil)
		wait.AddCookie(w.Result().Cookies()[0])
		res, err := door.Wait(wait, tx.Handle)
		must(t, err)
		if group, err := res.Text("Blood Group"); err != nil || !strings.HasPrefix(group, "B+") {
			t.Errorf("round %d: %v", round, err)
		}
		if _, err := door.Wait(wait, tx.Handle); err != openid4vp.ErrExpired {
			t.Errorf("round %d: given out twice: %v", round, err)
		}
	}
}

// answerInChild posts the answers that it is told, all at once.
func answerInChild(t *testing.T, text string) {
	var a agency
	must(t, json.Unmarshal([]byte(text), &a))
	door := a.door(t)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	var posts []*http.Request
	for in.Scan() {
		switch in.Text() {
		case "ready?":
			fmt.Println("child: ready")
		case "go":
			said, mu := map[int]int{}, sync.Mutex{}
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for _, p := range posts {
				wg.Go(func() {
					<-begin
					w := httptest.NewRecorder()
					door.ServeHTTP(w, p)
					mu.Lock()
					defer mu.Unlock()
					said[w.Code]++
				})
			}
			close(begin)
			wg.Wait()
			text, err := json.Marshal(said)
			must(t, err)
			fmt.Printf("child: said %s\n", text)
			posts = nil
		default:
			target, encoded, _ := strings.Cut(in.Text(), " ")
			body, err := base64.StdEncoding.DecodeString(encoded)
			must(t, err)
			r := httptest.NewRequest("POST", target, strings.NewReader(string(body)))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			posts = append(posts, r)
		}
	}
}

func fetch(t *testing.T, door http.Handler, link string) *oid4vp.Request {
	t.Helper()
	l, err := oid4vp.ParseLink(link)
	must(t, err)
	w := httptest.NewRecorder()
	door.ServeHTTP(w, httptest.NewRequest("GET", l.Reference, nil))
	ask, err := oid4vp.Verify(t.Context(), w.Body.Bytes(), l.Client, oid4vp.Trust{Resolver: didjwk.Resolver{}, Now: time.Now(), Skew: time.Minute})
	must(t, err)
	return ask
}

// wallets answers with a card of its own each.
func wallets(t *testing.T, registry pubkey.Signer, issuer string, ask *oid4vp.Request, count int) (bodies []string) {
	t.Helper()
	by, err := credential.NewIssuer(credential.IssuerConfig{ID: issuer, KeyID: "#0", Signer: registry})
	must(t, err)
	for i := range count {
		key, err := pubkey.Generate(pubkey.ES256)
		must(t, err)
		sdjwt, err := by.Issue(t.Context(), credential.Card{
			Type: idCard, Claims: json.RawMessage(fmt.Sprintf(`{"Blood Group":"B+%d"}`, i)), Holder: key.Public(),
			Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Blood Group"}}},
		})
		must(t, err)
		holder := credential.NewHolder(key)
		card, err := holder.Receive(sdjwt, registry.Public(), time.Now())
		must(t, err)
		shown, err := holder.Present(t.Context(), card, credential.Showing{
			Reveal: []disclosure.Path{{"Blood Group"}}, Audience: ask.ClientID.String(), Nonce: ask.Nonce, At: time.Now(),
		})
		must(t, err)
		token, err := verifier.Answer{ask.Query.Credentials[0].ID: {shown}}.MarshalJSON()
		must(t, err)
		text, err := (&oid4vp.Response{Token: token, State: ask.State}).JSON()
		must(t, err)
		to := ask.Metadata.Keys[0]
		jwe, err := jose.Encrypt(to.Public, to.ID, "A256GCM", text)
		must(t, err)
		bodies = append(bodies, url.Values{"response": {jwe}}.Encode())
	}
	return bodies
}
