package verifier_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// A developer wants to see everything that is wrong with what a wallet sent, and not the first fault alone.
func ExampleVerifier_Explain() {
	ctx := context.Background()
	registry, _ := pubkey.Generate(pubkey.ES256)
	citizen, _ := pubkey.Generate(pubkey.ES256)
	issuer, _ := didjwk.FromKey(registry.Public())
	const idCard = "https://registry.example/types/foundational-id"
	issuers, err := trust.NewList(trust.Issuer{DIDs: []string{issuer.String()}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example Civil Registry"}})
	if err != nil {
		panic(err)
	}
	v, err := verifier.New(verifier.Config{Resolver: didjwk.Resolver{}, Issuers: issuers})
	if err != nil {
		panic(err)
	}
	expect := verifier.Expect{
		Audience: "https://licensing.example", Nonce: "fresh-for-every-request",
		Type: idCard, Claims: []disclosure.Path{{"ID Number"}},
	}
	presentation := showIDNumber(ctx, registry, citizen, issuer.String(), idCard, expect)
	fmt.Println(len(v.Explain(ctx, presentation, expect)), "findings")

	expect.Audience, expect.Nonce = "https://hospital.example", "of-another-request"
	expect.Claims = []disclosure.Path{{"ID Number"}, {"Blood Group"}}
	for _, f := range v.Explain(ctx, presentation, expect) {
		fmt.Println(f.Reason, f.Path, "("+f.Section+")")
	}
	// Output:
	// 0 findings
	// audience_mismatch  (RFC 9901 7.3 step 5.6, 7.1 step 6)
	// nonce_mismatch  (RFC 9901 7.3 step 5.6)
	// claim_missing "Blood Group" (the verifier's request)
}

// faults are single ones, in the order of checks: each is found beside each of the others that it does not rule out.
var faults = []struct {
	reason verifier.Reason
	make   func(w *world)
	needs  string // what the fault can only be found with: a trusted issuer, its key, or its signature; what it takes away has a minus
}{
	{verifier.TypeMismatch, func(w *world) { w.expect.Type += "-of-another-kind" }, ""},
	{trust.IssuerNotTrusted, func(w *world) { w.issuer.DIDs = []string{"did:example:somebody"} }, "-trust"},
	{credential.KeyIDMalformed, func(w *world) { w.kid = "key-1" }, "trust -method"},
	{credential.AudienceMismatch, func(w *world) { w.kb["aud"] = "https://other.example" }, ""},
	{credential.NonceMismatch, func(w *world) { w.kb["nonce"] = "another" }, ""},
	{credential.BindingTooOld, func(w *world) { w.kb["iat"] = now.Add(-time.Hour).Unix() }, ""},
	{credential.HashMismatch, func(w *world) { w.kb["sd_hash"] = strings.Repeat("A", 43) }, ""},
	{credential.Expired, func(w *world) { w.claims["exp"] = now.Add(-time.Hour).Unix() }, ""},
	{credential.NotYetValid, func(w *world) { w.claims["nbf"] = now.Add(time.Hour).Unix() }, ""},
	{verifier.IssuerKeyRevoked, func(w *world) { w.subject.Keys[0].Revoked = now.Add(-time.Minute) }, "trust method -key"},
	{credential.SignatureInvalid, func(w *world) { w.signer = w.other }, "trust method key -signature"},
	{disclosure.NotReferenced, func(w *world) { w.altered = withForeignDisclosure }, "-body"},
	{credential.BindingSignature, func(w *world) { w.holder = w.other }, "body"},
	{verifier.ClaimMissing, func(w *world) { w.expect.Claims = append(w.expect.Claims, disclosure.Path{"Blood Group"}) }, "body"},
	{verifier.SurplusClaims, func(w *world) {
		w.reveal, w.expect.RefuseSurplus = append(w.reveal, disclosure.Path{"Date of Birth"}), true
	}, "body"},
	{verifier.CardRevoked, revoke, "trust method key signature body"},
}

// withForeignDisclosure puts a disclosure of nothing behind the others; the key binding is over what it finds.
func withForeignDisclosure(shown string) string {
	end := strings.LastIndexByte(shown, '~')
	return shown[:end+1] + base64.RawURLEncoding.EncodeToString([]byte(`["salt","Blood Group","A"]`)) + shown[end:]
}

func revoke(w *world) {
	l, _ := status.NewList(8, []byte{1}, now.Add(-time.Minute))
	w.config.Status = &lists{list: l}
	w.claims["status"] = map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://registry.example/lists/1"}}
}

func (w *world) explain() []verifier.Finding {
	w.t.Helper()
	return w.verifier().Explain(context.Background(), w.present(), w.expect)
}

func reasons(found []verifier.Finding) (out []verifier.Reason) {
	for _, f := range found {
		out = append(out, f.Reason)
	}
	return out
}

// Each fault beside each other one: both are found, in the published order of checks, and the earlier one is Verify's.
func TestExplainFindsBothOfTwoFaults(t *testing.T) {
	pairs := 0
	for i, first := range faults {
		for _, second := range faults[i:] {
			w := newWorld(t)
			w.claims, w.kb = map[string]any{}, map[string]any{}
			first.make(w)
			want := []verifier.Reason{first.reason}
			if second.reason != first.reason {
				second.make(w)
				if !ruledOut(first.needs, second.needs) {
					want = append(want, second.reason)
					pairs++
				}
			}
			if strings.Contains(first.needs+second.needs, "-body") {
				want = append(want, credential.HashMismatch) // what was added stands in no key binding
			}
			got := reasons(w.explain())
			slices.SortFunc(want, inOrder)
			if want = slices.Compact(want); !slices.Equal(got, want) {
				t.Errorf("%s and %s: found %v", first.reason, second.reason, got)
			}
			// The first is what Verify says.
			_, err := w.verify()
			if !errors.Is(err, got[0]) {
				t.Errorf("%s and %s: Verify says %v, Explain %v", first.reason, second.reason, err, got)
			}
		}
	}
	if pairs < 80 {
		t.Errorf("only %d pairs", pairs)
	}
}

// inOrder compares two reasons by the published order of checks.
func inOrder(a, b verifier.Reason) int {
	place := func(r verifier.Reason) int {
		for i, f := range faults {
			if f.reason == r {
				return i
			}
		}
		return -1
	}
	return place(a) - place(b)
}

// ruledOut tells whether a fault takes away what a later one can only be found with.
func ruledOut(first, second string) bool {
	for need := range strings.FieldsSeq(second) {
		if slices.Contains(strings.Fields(first), "-"+need) {
			return true
		}
	}
	return false
}

func TestExplainFindsMany(t *testing.T) {
	w := newWorld(t)
	w.issuer.DIDs = []string{"did:example:somebody"}
	w.claims = map[string]any{"exp": now.Add(-time.Hour).Unix()}
	w.kb = map[string]any{"aud": "https://other.example", "nonce": "another"}
	w.expect.Claims = append(w.expect.Claims, disclosure.Path{"Blood Group"}, disclosure.Path{"Home", "Gewog"})
	got := w.explain()
	want := []verifier.Reason{trust.IssuerNotTrusted, credential.AudienceMismatch, credential.NonceMismatch, credential.Expired, verifier.ClaimMissing, verifier.ClaimMissing}
	if !slices.Equal(reasons(got), want) {
		t.Fatalf("%v", got)
	}
	if got[5].Path.String() != `"Home"."Gewog"` || got[0].Section != verifier.Describe(trust.IssuerNotTrusted).Section || got[0].Section == "" {
		t.Errorf("%+v", got)
	}
}

// A stranger causes no request, whatever else is wrong or right.
func TestExplainCausesNoFetchForStrangers(t *testing.T) {
	for _, change := range []func(w *world){
		func(w *world) { w.claims["iss"] = other; w.kid = "#key-1" }, // trusted, for another type
		func(w *world) { w.claims["iss"] = "did:example:thief"; w.kid = "#key-1" },
	} {
		w := newWorld(t)
		w.claims, w.kb = map[string]any{}, map[string]any{}
		revoke(w)
		change(w)
		if got := w.explain(); len(got) != 1 {
			t.Errorf("%v", got)
		}
		if n := w.resolver.Resolved(""); n != 0 || w.config.Status.(*lists).uri != "" {
			t.Errorf("%d resolutions, and the list %q", n, w.config.Status.(*lists).uri)
		}
	}
	// A card that the issuer did not sign has no list fetched.
	w := newWorld(t)
	w.claims = map[string]any{}
	revoke(w)
	w.signer = w.other
	if got := w.explain(); len(got) != 1 || got[0].Reason != credential.SignatureInvalid || w.config.Status.(*lists).uri != "" {
		t.Errorf("%v, and the list %q", got, w.config.Status.(*lists).uri)
	}
}

// Nothing is accepted: the nonce stays, and nobody is told.
func TestExplainAcceptsNothing(t *testing.T) {
	w := newWorld(t)
	w.config.Replay = guard{} // fails whoever asks it
	w.config.Observe = func(context.Context, verifier.Event) { t.Error("observed") }
	if got := w.explain(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	w = newWorld(t)
	v, p := w.verifier(), w.present()
	for range 2 {
		if got := v.Explain(context.Background(), p, w.expect); len(got) != 0 {
			t.Errorf("%v", got)
		}
	}
	if _, err := v.Verify(context.Background(), p, w.expect); err != nil {
		t.Errorf("Explain used the nonce up: %v", err)
	}
}

func TestExplainTellsWhatIsInconclusive(t *testing.T) {
	w := newWorld(t)
	w.kb = map[string]any{"nonce": "another"}
	w.resolver.Fail(registry, did.Unavailable)
	got := w.explain()
	if !slices.Equal(reasons(got), []verifier.Reason{credential.NonceMismatch, verifier.ChainUnavailable}) || got[0].Inconclusive || !got[1].Inconclusive {
		t.Errorf("%+v", got)
	}
}

// A key binding that ends in the wrong hash and a claim of a forbidden kind behind a good signature are found with what they are.
func TestExplainOfDisclosedClaims(t *testing.T) {
	w := newWorld(t)
	w.hidden = map[string]any{"iat": now.Add(time.Hour).Unix()}
	hash := sha256.Sum256(nil)
	w.kb = map[string]any{"sd_hash": base64.RawURLEncoding.EncodeToString(hash[:])}
	if got := reasons(w.explain()); !slices.Equal(got, []verifier.Reason{credential.HashMismatch, credential.IssuedInFuture}) {
		t.Errorf("%v", got)
	}
}

// What is not of its form has all such faults told, and those that need neither issuer nor signature; of what cannot be read nothing is said.
func TestExplainOfForms(t *testing.T) {
	for what, c := range map[string]struct {
		make func(w *world)
		want []verifier.Reason
	}{
		"a card": {func(w *world) {
			w.header = map[string]any{"typ": "JWT"}
			w.claims = map[string]any{"nbf": "tomorrow", "status": 1, "exp": now.Add(-time.Hour).Unix()}
			w.kb = map[string]any{"nonce": "another"}
			w.expect.Type += "-of-another-kind"
		}, []verifier.Reason{credential.TypeHeader, credential.ClaimMalformed, credential.StatusMalformed, verifier.TypeMismatch, credential.NonceMismatch, credential.Expired}},
		"no type, and an issuer that is none": {func(w *world) {
			w.claims = map[string]any{"vct": nil, "iss": 1}
		}, []verifier.Reason{credential.ClaimMalformed, credential.TypeMissing}},
		"a type that is none": {func(w *world) { w.claims = map[string]any{"vct": 1} }, []verifier.Reason{credential.ClaimMalformed}},
		"a key binding": {func(w *world) {
			w.kbHead = map[string]any{"typ": "JWT"}
			w.claims = map[string]any{"exp": now.Add(-time.Hour).Unix()}
		}, []verifier.Reason{credential.BindingMalformed, credential.Expired}},
		"both": {func(w *world) {
			w.kb = map[string]any{"iat": "now"}
			w.claims = map[string]any{"iat": "now"}
		}, []verifier.Reason{credential.ClaimMalformed, credential.BindingMalformed}},
	} {
		w := newWorld(t)
		c.make(w)
		got := reasons(w.explain())
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
		if _, err := w.verify(); !errors.Is(err, got[0]) {
			t.Errorf("%s: Verify says %v", what, err)
		}
		if w.resolver.Resolved("") != 0 {
			t.Errorf("%s: resolved", what)
		}
	}
}

func TestExplainOfMistakes(t *testing.T) {
	w := newWorld(t)
	p := w.present()
	var none *verifier.Verifier
	bad := w.expect
	bad.Nonce = ""
	for _, got := range [][]verifier.Finding{
		none.Explain(context.Background(), p, w.expect), (&verifier.Verifier{}).Explain(context.Background(), p, w.expect),
		w.verifier().Explain(context.Background(), p, verifier.Expect{}), w.verifier().Explain(context.Background(), p, bad),
	} {
		if !slices.Equal(reasons(got), []verifier.Reason{credential.CallerFault}) {
			t.Errorf("%v", got)
		}
	}
	for _, junk := range []string{"", "x", "a.b.c~", string(p[:len(p)/2])} {
		if got := w.verifier().Explain(context.Background(), []byte(junk), w.expect); len(got) == 0 || got[0].Inconclusive {
			t.Errorf("%v", got)
		}
	}
}
