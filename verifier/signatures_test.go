package verifier_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// signature is one of several over a card: who makes it, and what its header says.
type signature struct {
	by   pubkey.Signer
	head string
}

// severally presents a card in the general JSON serialisation (RFC 9901 section 8.3).
func (w *world) severally(signatures ...signature) []byte {
	w.t.Helper()
	claims := map[string]any{"iss": registry, "vct": idCard, "iat": now.Unix(), "Full Name": "Pema Example", "ID Number": "10000000001",
		"cnf": map[string]any{"jwk": json.RawMessage(w.citizen.Public().JWK())}}
	raw, _ := json.Marshal(claims)
	payload, ds, err := disclosure.Conceal(raw, disclosure.ConcealOptions{Paths: w.reveal})
	if err != nil {
		w.t.Fatal(err)
	}
	var cards [][]byte
	for _, s := range signatures {
		card, err := credential.Sign(context.Background(), s.by, json.RawMessage(`{"typ":"dc+sd-jwt"`+s.head+`}`), payload, ds)
		if err != nil {
			w.t.Fatal(err)
		}
		cards = append(cards, card)
	}
	general, err := disclosure.General(cards...)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := credential.NewHolder(w.citizen).PresentSDJWT(context.Background(), general, credential.Showing{
		Reveal: w.reveal, Audience: w.expect.Audience, Nonce: w.expect.Nonce, At: now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// One good signature is enough, wherever it stands; what stands beside it may be for other readers, or forged.
func TestGoodSignatureBesideOthers(t *testing.T) {
	thief := generate(t, pubkey.ES384)
	for name, c := range map[string]struct {
		beside func(w *world) signature
		alone  verifier.Reason // if the other signature is the only one
	}{
		"unknown kid":    {func(w *world) signature { return signature{w.other, `,"kid":"#key-9"`} }, verifier.IssuerKeyUnknown},
		"kid of another": {func(w *world) signature { return signature{w.other, `,"kid":"` + other + `#key-1"`} }, credential.KeyIDForeign},
		"no kid":         {func(w *world) signature { return signature{w.other, ``} }, credential.KeyIDMissing},
		"with a key":     {func(w *world) signature { return signature{w.other, `,"kid":"#key-1","jwk":{}`} }, credential.HeaderForeignKey},
		"forged":         {func(w *world) signature { return signature{w.other, `,"kid":"#key-1"`} }, credential.SignatureInvalid},
		"of another key": {func(w *world) signature { return signature{thief, `,"kid":"` + registry + `#key-1"`} }, credential.AlgorithmMismatch},
		"revoked key":    {func(w *world) signature { return signature{w.other, `,"kid":"#old"`} }, verifier.IssuerKeyRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.subject.Keys = append(w.subject.Keys, did.Key{ID: "#old", Public: w.other.Public(), From: now.AddDate(-1, 0, 0), Revoked: now.AddDate(0, 0, -1)})
			v := w.verifier()
			odd, good := c.beside(w), signature{w.registry, `,"kid":"#key-1"`}
			for _, order := range [][]signature{{odd, good}, {good, odd}, {odd, odd, good}} {
				w.expect.Nonce = rand.Text()
				res, err := v.Verify(context.Background(), w.severally(order...), w.expect)
				if err != nil {
					t.Fatal(err)
				}
				if card := res.Cards[0]; card.KeyID != registry+"#key-1" || card.Issuer != registry {
					t.Errorf("accepted by %q of %q", card.KeyID, card.Issuer)
				}
			}
			for _, times := range []int{1, 2, 16} { // by itself it is refused for its reason, however often it is there
				w.expect.Nonce = rand.Text()
				_, err := v.Verify(context.Background(), w.severally(slices.Repeat([]signature{odd}, times)...), w.expect)
				var r *verifier.Rejection
				if !errors.As(err, &r) || r.Reason != c.alone || !r.Unauthenticated {
					t.Errorf("%d times: %v, want %s", times, err, c.alone)
				}
			}
		})
	}
}

// What is not about signatures is refused once, and not looked at again for each of them.
func TestManySignaturesUnderAWrongNonce(t *testing.T) {
	w := newWorld(t)
	w.subject.Keys = append(w.subject.Keys, did.Key{ID: "#key-2", Public: w.other.Public()})
	w.verifier() // fills in the list
	asked := &asker{Source: w.config.Issuers}
	w.config.Issuers = asked
	v := w.verifier()
	text := w.severally(signature{w.other, `,"kid":"#key-9"`}, signature{w.registry, `,"kid":"#key-1"`}, signature{w.other, `,"kid":"#key-2"`})
	w.expect.Nonce = "another nonce of the agency"
	_, err := v.Verify(context.Background(), text, w.expect)
	var r *verifier.Rejection
	if !errors.As(err, &r) || r.Reason != credential.NonceMismatch || !r.Unauthenticated {
		t.Errorf("%v", err)
	}
	if asked.times != 1 {
		t.Errorf("the trust source was asked %d times", asked.times)
	}
}

type asker struct {
	trust.Source
	times int
}

func (a *asker) Accreditation(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
	a.times++
	return a.Source.Accreditation(ctx, q)
}

// asking counts what a stranger makes the verifier ask for.
type asking struct {
	did.Resolver
	asked int
}

func (c *asking) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	c.asked++
	return c.Resolver.Resolve(ctx, id, at)
}

// Sixteen signatures under sixteen names are no way to make sixteen requests.
func TestManySignaturesResolveOnce(t *testing.T) {
	w := newWorld(t)
	r := &asking{Resolver: w.resolver}
	w.config.Resolver = r
	var all []signature
	for n := range 15 {
		all = append(all, signature{w.other, fmt.Sprintf(`,"kid":"#key-%d"`, n+2)})
	}
	all = append(all, signature{w.registry, `,"kid":"#key-1"`})
	if _, err := w.verifier().Verify(context.Background(), w.severally(all...), w.expect); err != nil {
		t.Error(err)
	}
	if r.asked != 1 {
		t.Errorf("the issuer was resolved %d times", r.asked)
	}
}

// A holder, too, takes a card of which one signature is good.
func TestReceiveCardOfSeveralSignatures(t *testing.T) {
	w := newWorld(t)
	payload, ds, err := disclosure.Conceal([]byte(`{"iss":"`+registry+`","vct":"`+idCard+`","Full Name":"Pema Example","cnf":{"jwk":`+string(w.citizen.Public().JWK())+`}}`),
		disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}}})
	if err != nil {
		t.Fatal(err)
	}
	var cards [][]byte
	for _, s := range []signature{{w.other, `#key-9`}, {w.registry, `#key-1`}} {
		card, err := credential.Sign(context.Background(), s.by, json.RawMessage(`{"typ":"dc+sd-jwt","kid":"`+s.head+`"}`), payload, ds)
		if err != nil {
			t.Fatal(err)
		}
		cards = append(cards, card)
	}
	general, err := disclosure.General(cards...)
	if err != nil {
		t.Fatal(err)
	}
	held, err := credential.NewHolder(w.citizen).Receive(general, w.registry.Public(), now)
	if err != nil || held.Verified.KeyID != "#key-1" {
		t.Errorf("%v", err)
	}
	if _, err := credential.NewHolder(w.citizen).Receive(general, generate(t, pubkey.ES256).Public(), now); !errors.Is(err, credential.SignatureInvalid) {
		t.Errorf("under a key that signed nothing: %v", err)
	}
}

// Each way to a key is looked at once, however many signatures name it.
func TestOthersAreDifferent(t *testing.T) {
	w := newWorld(t)
	one, two := signature{w.registry, `,"kid":"#key-1"`}, signature{w.other, `,"kid":"#key-2"`}
	for n, c := range []struct {
		signatures []signature
		others     int
	}{{[]signature{one}, 0}, {[]signature{one, one, one}, 0}, {[]signature{one, two, one, two, two}, 1}, {[]signature{one, two, {w.other, ``}}, 2}} {
		p, err := credential.Parse(w.severally(c.signatures...), credential.SDJWTVC, disclosure.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(p.Others(strictjson.Inside{})); got != c.others {
			t.Errorf("%d: %d others, want %d", n, got, c.others)
		}
	}
}
