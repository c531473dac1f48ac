package verifier_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// traps stand around a verifier and write down who was asked, in order.
type traps struct {
	w      *world
	called []string
	list   *status.List
	types  credential.TypeDocuments
	used   bool
}

func (t *traps) note(what string) { t.called = append(t.called, what) }

func (t *traps) Accreditation(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
	t.note("trust")
	list, err := trust.NewList(t.w.issuer, trust.Issuer{DIDs: []string{other}, Types: []string{"https://health.example/card"}, Accreditation: trust.Accreditation{Name: "Example Health"}})
	if err != nil {
		return nil, err
	}
	return list.Accreditation(ctx, q)
}

func (t *traps) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	t.note("resolve")
	return t.w.resolver.Resolve(ctx, id, at)
}

func (t *traps) Document(context.Context, string) ([]byte, error) {
	t.note("document")
	return nil, errors.New("nothing there")
}

func (t *traps) TypeMetadata(ctx context.Context, vct, integrity string) ([]byte, error) {
	t.note("type")
	return t.types.TypeMetadata(ctx, vct, integrity)
}

func (t *traps) StatusList(context.Context, string, string, time.Time) (*status.List, error) {
	t.note("status")
	return t.list, nil
}

func (t *traps) Use(context.Context, [32]byte, time.Time) (bool, error) {
	t.note("replay")
	return !t.used, nil
}

// trapped is a world in which a good card asks everybody once.
func trapped(t testing.TB) (*world, *traps) {
	w := newWorld(t)
	list, err := status.NewList(8, []byte{0, 1}, now.Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	tr := &traps{w: w, list: list, types: credential.TypeDocuments{idCard: []byte(idType)}}
	w.claims, w.kb = map[string]any{}, map[string]any{}
	w.claims["status"] = map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://registry.example/lists/1"}}
	w.config.Resolver, w.config.Issuers, w.config.Documents, w.config.Types, w.config.Status, w.config.Replay = tr, tr, tr, tr, tr, tr
	return w, tr
}

// TestPublishedOrder holds the order that the package comment publishes: each fault, by the number of its step there, is found before anybody was asked
// whom a later step needs; and of two faults at once the earlier is the one that is told.
func TestPublishedOrder(t *testing.T) {
	pay := transaction("", "id")
	steps := []struct {
		step  string
		want  verifier.Reason
		fault func(*world, *traps)
		asked string
	}{
		{"1", disclosure.BadEncoding, func(w *world, _ *traps) { w.altered = func(s string) string { return s + "\n" } }, ""},
		{"2", verifier.TypeMismatch, func(w *world, _ *traps) { w.expect.Type += "-of-another-kind" }, ""},
		{"3", trust.TypeNotAccredited, func(w *world, _ *traps) { w.issuer.Types = []string{"https://registry.example/types/permit"} }, "trust"},
		{"4", credential.KeyIDMalformed, func(w *world, _ *traps) { w.kid = "key-1" }, "trust"},
		{"5 aud", credential.AudienceMismatch, func(w *world, _ *traps) { w.kb["aud"] = "https://other.example" }, "trust"},
		{"5 nonce", credential.NonceMismatch, func(w *world, _ *traps) { w.kb["nonce"] = "another" }, "trust"},
		{"5 age", credential.BindingTooOld, func(w *world, _ *traps) { w.kb["iat"] = now.Add(-time.Hour).Unix() }, "trust"},
		{"5 sd_hash", credential.HashMismatch, func(w *world, _ *traps) { w.kb["sd_hash"] = strings.Repeat("A", 43) }, "trust"},
		{"5 exp", credential.Expired, func(w *world, _ *traps) { w.claims["exp"] = now.Add(-time.Hour).Unix() }, "trust"},
		{"5 nbf", credential.NotYetValid, func(w *world, _ *traps) { w.claims["nbf"] = now.Add(time.Hour).Unix() }, "trust"},
		{"6", verifier.IssuerKeyRevoked, func(w *world, _ *traps) { w.subject.Keys[0].Revoked = now.Add(-time.Minute) }, "trust resolve"},
		{"7", credential.SignatureInvalid, func(w *world, _ *traps) { w.signer = w.other }, "trust resolve"},
		{"8", credential.MustBePlain, func(w *world, _ *traps) {
			w.hidden = map[string]any{"aka_vcts": []string{"https://registry.example/types/x"}}
		}, "trust resolve"},
		{"9", credential.BindingSignature, func(w *world, _ *traps) { w.holder = w.other }, "trust resolve"},
		{"9 transactions", verifier.TransactionDataMissing, func(w *world, _ *traps) { w.expect.TransactionData = []string{pay} }, "trust resolve"},
		{"10", verifier.ClaimMissing, func(w *world, _ *traps) { w.expect.Claims = append(w.expect.Claims, disclosure.Path{"Blood Group"}) }, "trust resolve"},
		{"10 surplus", verifier.SurplusClaims, func(w *world, _ *traps) {
			w.reveal, w.expect.RefuseSurplus = append(w.reveal, disclosure.Path{"Date of Birth"}), true
		}, "trust resolve"},
		{"11", credential.MandatoryMissing, func(_ *world, tr *traps) {
			tr.types[idCard] = []byte(`{"vct":"` + idCard + `","claims":[{"path":["Photograph"],"sd":"never","mandatory":true}]}`)
		}, "trust resolve type"},
		{"12", verifier.CardRevoked, func(w *world, _ *traps) {
			w.claims["status"] = map[string]any{"status_list": map[string]any{"idx": 1, "uri": "https://registry.example/lists/1"}}
		}, "trust resolve type status"},
		{"13", verifier.Replayed, func(_ *world, tr *traps) { tr.used = true }, "trust resolve type status replay"},
		{"accepted", "", func(*world, *traps) {}, "trust resolve type status replay"},
	}
	for i, first := range steps {
		for _, second := range steps[i:] {
			w, tr := trapped(t)
			first.fault(w, tr)
			if second.step != first.step {
				second.fault(w, tr)
			}
			_, err := w.verify()
			if first.want == "" && err != nil || first.want != "" && !errors.Is(err, first.want) {
				t.Errorf("step %s with %s: %v, want %s", first.step, second.step, err, first.want)
			}
			if got := strings.Join(tr.called, " "); got != first.asked {
				t.Errorf("step %s with %s: asked %q, want %q", first.step, second.step, got, first.asked)
			}
		}
	}
}

// TestStrangerCausesNoFetch: whatever somebody writes who has no issuer's signature, nothing is fetched for him beyond the DID of an issuer that is trusted
// for the type, and not even that before the cheap checks.
func TestStrangerCausesNoFetch(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *traps)
		asked  []string
	}{
		"a DID of his own":          {func(w *world, _ *traps) { w.claims["iss"], w.kid = "did:web:thief.example", "#key-1" }, []string{"trust"}},
		"a DID that begins as ours": {func(w *world, _ *traps) { w.claims["iss"], w.kid = registry+"x", "#key-1" }, []string{"trust"}},
		"an address of his own":     {func(w *world, _ *traps) { w.claims["iss"], w.kid = "https://thief.example", "key-1" }, []string{"trust"}},
		"an issuer of another type": {func(w *world, _ *traps) { w.claims["iss"], w.kid = other, "#key-1" }, []string{"trust"}},
		"a type of his own":         {func(w *world, _ *traps) { w.claims["vct"] = "https://thief.example/type" }, nil},
		"keys from elsewhere":       {func(w *world, _ *traps) { w.header = map[string]any{"jku": "https://thief.example/keys"} }, []string{"trust"}},
		"certificates from there":   {func(w *world, _ *traps) { w.header = map[string]any{"x5u": "https://thief.example/chain"} }, []string{"trust"}},
		"a kid that is an address":  {func(w *world, _ *traps) { w.kid = "https://thief.example/keys#1" }, []string{"trust"}},
		"another's key in the kid":  {func(w *world, _ *traps) { w.kid = "did:web:thief.example#key-1" }, []string{"trust"}},
		"a stolen presentation":     {func(w *world, _ *traps) { w.kb["aud"] = "https://other.example" }, []string{"trust"}},
		"his own signature": {func(w *world, _ *traps) {
			w.signer = w.other
			w.claims["status"] = map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://thief.example/lists/1"}}
			w.claims["vct#integrity"] = "sha256-AAAA"
		}, []string{"trust", "resolve"}},
	} {
		w, tr := trapped(t)
		c.change(w, tr)
		_, err := w.verify()
		var rej *verifier.Rejection
		if !errors.As(err, &rej) || !rej.Unauthenticated {
			t.Errorf("%s: %v, want a rejection that is unauthenticated", name, err)
		}
		if !slices.Equal(tr.called, c.asked) {
			t.Errorf("%s: asked %q, want %q", name, tr.called, c.asked)
		}
	}
	// Whoever has a card that an issuer did sign does not choose either where its list is.
	w, tr := trapped(t)
	w.claims["status"] = map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://thief.example/lists/1"}}
	w.inconclusive(verifier.StatusListNotAllowed)
	if slices.Contains(tr.called, "status") || slices.Contains(tr.called, "replay") {
		t.Errorf("asked %q", tr.called)
	}
}

// TestAccreditationForOtherType: the key, the DID and the signature are good, and the issuer's business is another type.
func TestAccreditationForOtherType(t *testing.T) {
	for name, change := range map[string]func(*world){
		"a trusted issuer of health cards issues an identity": func(w *world) {
			w.claims["iss"], w.kid, w.signer = other, other+"#key-1", w.other
		},
		"a type that begins as the accredited one": func(w *world) { w.issuer.Types = []string{strings.TrimSuffix(idCard, "d")} },
		"the accredited one with a slash":          func(w *world) { w.issuer.Types = []string{idCard + "/"} },
		"the accredited one in another case":       func(w *world) { w.issuer.Types = []string{strings.ToUpper(idCard)} },
		"what it extends is accredited":            func(w *world) { w.issuer.Types = []string{"https://registry.example/types/base"} },
		"a card that says what else it is": func(w *world) {
			w.issuer.Types, w.claims["aka_vcts"] = []string{"https://registry.example/types/x"}, []string{"https://registry.example/types/x"}
		},
		"an accreditation that begins in an hour":   func(w *world) { w.issuer.From = now.Add(time.Hour) },
		"an accreditation that ended this second":   func(w *world) { w.issuer.Until = now },
		"an accreditation that ended when it began": func(w *world) { w.issuer.From, w.issuer.Until = now, now },
	} {
		w, tr := trapped(t)
		change(w)
		_, err := w.verify()
		if !errors.Is(err, trust.TypeNotAccredited) || !slices.Equal(tr.called, []string{"trust"}) {
			t.Errorf("%s: %v, asked %q", name, err, tr.called)
		}
	}
}

// TestSignerNotTheTrustedIssuer: the name of one issuer and the key of another, trusted or not.
func TestSignerNotTheTrustedIssuer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   verifier.Reason
	}{
		"signed by another trusted issuer":            {func(w *world) { w.signer = w.other }, credential.SignatureInvalid},
		"signed by the holder":                        {func(w *world) { w.signer = w.citizen }, credential.SignatureInvalid},
		"whose kid is named too":                      {func(w *world) { w.signer, w.kid = w.other, other+"#key-1" }, credential.KeyIDForeign},
		"whose key stands in the header":              {func(w *world) { w.signer, w.header = w.other, map[string]any{"jwk": jwkOf(w.other)} }, credential.HeaderForeignKey},
		"whose key is in the document, of itself":     {func(w *world) { foreignController(w) }, verifier.IssuerKeyUnknown},
		"a key of the document that is not for cards": {func(w *world) { w.subject.Keys[0].Purposes = []did.Purpose{did.Authentication} }, verifier.IssuerKeyWrongPurpose},
		"a key that the document never had":           {func(w *world) { w.kid = registry + "#key-9" }, verifier.IssuerKeyUnknown},
	} {
		w := newWorld(t)
		w.claims = map[string]any{}
		c.change(w)
		_, err := w.verify()
		var rej *verifier.Rejection
		if !errors.As(err, &rej) || rej.Reason != c.want || !rej.Unauthenticated {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func jwkOf(s pubkey.Signer) any {
	return map[string]any{"kty": "EC", "of": string(s.Public().Thumbprint())}
}

// foreignController names a key by another DID's URL, in the registry's document.
func foreignController(w *world) {
	w.signer, w.kid = w.other, registry+"#key-2"
	w.subject = didtest.Subject{ID: registry, Keys: []did.Key{{ID: "#key-1", Public: w.registry.Public()}, {ID: other + "#key-1", Public: w.other.Public()}}}
}
