package verifier_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

func TestAccepted(t *testing.T) {
	w := newWorld(t)
	w.subject.Anchor = did.Anchor{Chain: "eip155:1337", Block: 64, Time: now.Add(-10 * time.Minute), Trust: "asserted"}
	res := w.accepted()
	name, err := res.Text("Full Name")
	if err != nil || name != "Pema Example" {
		t.Errorf("%q %v", name, err)
	}
	c := res.Cards[0]
	if c.Issuer != registry || c.IssuerName != "Example Civil Registry" || c.KeyID != registry+"#key-1" || c.Type != idCard || c.Anchor.Block != 64 ||
		c.SignedAt != now.Add(-time.Hour) || c.Expires != now.Add(time.Hour) || res.At != now || c.Surplus != nil || res.Skipped != nil {
		t.Errorf("%#v", c)
	}
	if c.Concealed != 5 { // Date of Birth, Village, Home, two children; what is inside Home is not seen at all
		t.Errorf("%d concealed", c.Concealed)
	}
	if _, ok := c.Claim(disclosure.Path{"Date of Birth"}); ok {
		t.Error("a claim that was not shown can be read")
	}
}

func TestRelativeKeyIDAndES256K(t *testing.T) {
	for _, alg := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA} {
		w := newWorld(t)
		w.registry, w.citizen = generate(t, alg), generate(t, alg)
		w.subject.Keys[0].Public = w.registry.Public()
		w.kid = "#key-1"
		w.accepted()
	}
}

func TestClaimsOfEveryShape(t *testing.T) {
	w := newWorld(t)
	w.reveal = []disclosure.Path{{"Home", "Gewog"}, {"Children", 1}, {"Village "}}
	w.expect.Claims = []disclosure.Path{{"Home"}, {"Children", nil}, {"Village "}, {"vct"}}
	c := w.accepted().Cards[0]
	for _, x := range []struct {
		p    disclosure.Path
		want string
	}{
		{disclosure.Path{"Home"}, `{"Dzongkhag":"Thimphu","Gewog":"Chang"}`},
		{disclosure.Path{"Home", "Gewog"}, `"Chang"`},
		{disclosure.Path{"Home", "Village"}, ``},
		{disclosure.Path{"Children", nil}, `["Deki"]`},
		{disclosure.Path{"Children", 0}, ``},
		{disclosure.Path{"Village "}, `"Olakha"`},
		{disclosure.Path{"Village"}, ``},
		{disclosure.Path{"iss"}, ``},
	} {
		if got, ok := c.Claim(x.p); string(got) != x.want || ok != (x.want != "") {
			t.Errorf("%v: %s %v, want %s", x.p, got, ok, x.want)
		}
	}
}

func TestSurplus(t *testing.T) {
	w := newWorld(t)
	w.expect.Claims = []disclosure.Path{{"ID Number"}}
	c := w.accepted().Cards[0]
	if !reflect.DeepEqual(c.Surplus, []disclosure.Path{{"Full Name"}}) {
		t.Errorf("%v", c.Surplus)
	}
	if _, ok := c.Claim(disclosure.Path{"Full Name"}); ok {
		t.Error("the surplus can be read")
	}
	w = newWorld(t)
	w.expect.Claims, w.expect.RefuseSurplus = []disclosure.Path{{"ID Number"}}, true
	if rej := w.rejected(verifier.SurplusClaims, false); rej.Path.String() != `"Full Name"` {
		t.Errorf("%v", rej.Path)
	}
}

// Attacks and faults, each by what differs from an acceptable presentation.
func TestRejected(t *testing.T) {
	type m = map[string]any
	stranger := generate(t, pubkey.ES256)
	for _, c := range []struct {
		name            string
		change          func(w *world)
		want            verifier.Reason
		unauthenticated bool
	}{
		{"StolenPresentationToOtherAudience", func(w *world) { w.kb = m{"aud": "https://other.example"} }, credential.AudienceMismatch, true},
		{"AudienceThatOnlyBeginsAlike", func(w *world) { w.kb = m{"aud": agency + "/"} }, credential.AudienceMismatch, true},
		{"AudienceAmongOthers", func(w *world) { w.kb = m{"aud": []string{agency, "https://other.example"}} }, credential.BindingMalformed, true},
		{"ReplayedWithOldNonce", func(w *world) { w.kb = m{"nonce": "yesterday"} }, credential.NonceMismatch, true},
		{"KeyBindingOfOtherDisclosures", func(w *world) { w.kb = m{"sd_hash": base64.RawURLEncoding.EncodeToString(make([]byte, 32))} }, credential.HashMismatch, true},
		{"DisclosureAddedAfterBinding", func(w *world) {
			full := ""
			w.tamper = func(s string) string { full = s; return s }
			w.altered = func(p string) string {
				i := strings.LastIndexByte(p, '~')
				return p[:i+1] + strings.Split(full, "~")[4] + "~" + p[i+1:]
			}
		}, credential.HashMismatch, true},
		{"DisclosureRemovedAfterBinding", func(w *world) {
			w.altered = func(p string) string { s := strings.Split(p, "~"); return strings.Join(append(s[:1], s[2:]...), "~") }
		}, credential.HashMismatch, true},
		{"StolenCardWithoutTheHoldersKey", func(w *world) { w.holder = stranger }, credential.BindingSignature, true},
		{"KeyBindingStripped", func(w *world) {
			w.altered = func(p string) string { return p[:strings.LastIndexByte(p, '~')+1] }
		}, credential.BindingMissing, true},
		{"KeyBindingFromTheFuture", func(w *world) { w.kb = m{"iat": now.Add(time.Minute).Unix()} }, credential.BindingInFuture, true},
		{"KeyBindingTooOld", func(w *world) { w.kb = m{"iat": now.Add(-6 * time.Minute).Unix()} }, credential.BindingTooOld, true},
		{"KeyBindingTypedAsCard", func(w *world) { w.kbHead = m{"typ": "dc+sd-jwt"} }, credential.BindingMalformed, true},
		{"KeyBindingWithoutAlgorithm", func(w *world) { w.kbHead = m{"alg": "none"} }, credential.AlgorithmUnsupported, true},
		{"KeyBindingOfAnotherAlgorithm", func(w *world) { w.kbHead = m{"alg": "ES256K"} }, credential.AlgorithmMismatch, true},
		{"CardTypedAsKeyBinding", func(w *world) { w.header = m{"typ": "kb+jwt"} }, credential.TypeHeader, true},
		{"CardWithoutType", func(w *world) { w.header = m{"typ": nil} }, credential.TypeHeader, true},
		{"UnsignedCard", func(w *world) { w.header = m{"alg": "none"} }, credential.AlgorithmUnsupported, true},
		{"CardWithMAC", func(w *world) { w.header = m{"alg": "HS256"} }, credential.AlgorithmUnsupported, true},
		{"AlgorithmInCapitalsBesideTheReal", func(w *world) { w.header = m{"ALG": "ES256"} }, credential.HeaderMalformed, true},
		{"CriticalExtension", func(w *world) { w.header = m{"crit": []string{"b64"}, "b64": false} }, credential.HeaderCritical, true},
		{"CertificateBesideDID", func(w *world) { w.header = m{"x5c": []string{"MII"}} }, credential.HeaderForeignKey, true},
		{"KeyInHeader", func(w *world) { w.header = m{"jwk": m{"kty": "EC"}} }, credential.HeaderForeignKey, true},
		{"NoKeyID", func(w *world) { w.header = m{"kid": nil} }, credential.KeyIDMissing, true},
		{"KeyIDOfAnotherTrustedIssuer", func(w *world) { w.kid, w.signer = other+"#key-1", w.other }, credential.KeyIDForeign, true},
		{"BareKeyName", func(w *world) { w.kid = "key-1" }, credential.KeyIDMalformed, true},
		{"KeyIDWithQuery", func(w *world) { w.kid = registry + "?versionId=1#key-1" }, credential.KeyIDForeign, true},
		{"KeyIDWithTwoFragments", func(w *world) { w.kid = "#key-1#key-2" }, credential.KeyIDMalformed, true},
		{"SelfMadeIssuer", func(w *world) {
			w.claims = m{"iss": "did:example:thief"}
			w.kid = "did:example:thief#key-1"
			w.signer = stranger
		}, trust.IssuerNotTrusted, true},
		{"IssuerInOtherCase", func(w *world) { w.claims = m{"iss": "did:example:Registry"}; w.kid = "#key-1" }, trust.IssuerNotTrusted, true},
		{"TrustedIssuerOfAnotherType", func(w *world) { w.claims = m{"iss": other}; w.kid = "#key-1"; w.signer = w.other }, trust.TypeNotAccredited, true},
		{"AnotherTypeThanAsked", func(w *world) { w.claims = m{"vct": "https://registry.example/types/other"} }, verifier.TypeMismatch, true},
		{"StrangersKeyUnderTrustedName", func(w *world) { w.signer = stranger }, credential.SignatureInvalid, true},
		{"UnknownKeyOfTrustedIssuer", func(w *world) { w.kid = "#key-2" }, verifier.IssuerKeyUnknown, true},
		{"KeyForAuthenticationOnly", func(w *world) { w.subject.Keys[0].Purposes = []did.Purpose{did.Authentication} }, verifier.IssuerKeyWrongPurpose, true},
		{"RevokedKey", func(w *world) { w.subject.Keys[0].Revoked = now.Add(-time.Minute) }, verifier.IssuerKeyRevoked, true},
		{"BackdatedCardFromStolenKey", func(w *world) {
			w.subject.Keys[0].Revoked = now.Add(-time.Minute)
			w.claims = m{"iat": now.Add(-240 * time.Hour).Unix()}
		}, verifier.IssuerKeyRevoked, true},
		{"LapsedKey", func(w *world) { w.subject.Keys[0].Until = now.Add(-time.Minute) }, verifier.IssuerKeyExpired, true},
		{"CardFromBeforeTheKey", func(w *world) { w.subject.Keys[0].From = now.Add(-time.Minute) }, verifier.IssuerKeyNotYetValid, true},
		{"CompromisedKeyByID", func(w *world) { w.issuer.Compromised = []string{registry + "#key-1"} }, verifier.IssuerKeyCompromised, true},
		{"CompromisedKeyByThumbprint", func(w *world) { w.issuer.Compromised = []string{w.registry.Public().Thumbprint()} }, verifier.IssuerKeyCompromised, true},
		{"KeyOfAnUnnamedClass", func(w *world) { w.subject.Keys[0].Class = "controllerKey" }, verifier.IssuerKeyNotAccepted, true},
		{"DeactivatedIssuer", func(w *world) { w.subject.Deactivated = true }, verifier.IssuerDeactivated, true},
		{"IssuerNoLongerAccredited", func(w *world) { w.issuer.Until = now }, trust.TypeNotAccredited, true},
		{"ExpiredCard", func(w *world) { w.claims = m{"exp": now.Add(-time.Minute).Unix()} }, credential.Expired, true},
		{"NotYetValidCard", func(w *world) { w.claims = m{"nbf": now.Add(time.Minute).Unix()} }, credential.NotYetValid, true},
		{"CardFromTheFuture", func(w *world) { w.claims = m{"iat": now.Add(time.Minute).Unix()} }, credential.IssuedInFuture, true},
		{"ExpiryAsText", func(w *world) { w.claims = m{"exp": "1900000000"} }, credential.ClaimMalformed, true},
		{"NegativeExpiry", func(w *world) { w.claims = m{"exp": -1} }, credential.ClaimMalformed, true},
		{"IssuerAsList", func(w *world) { w.claims = m{"iss": []string{registry}} }, credential.ClaimMalformed, true},
		{"TypeAsNumber", func(w *world) { w.claims = m{"vct": 7} }, credential.ClaimMalformed, true},
		{"UnknownStatusMechanism", func(w *world) { w.claims = m{"status": m{"other": 1}} }, credential.StatusMalformed, true},
		{"NoHolderKey", func(w *world) { w.claims = m{"cnf": nil} }, credential.HolderKeyMissing, true},
		{"HolderKeyByReference", func(w *world) { w.claims = m{"cnf": m{"jku": "https://thief.example", "kid": "1"}} }, credential.HolderKeyMalformed, true},
		{"ClaimNotShown", func(w *world) { w.reveal = w.reveal[:1] }, verifier.ClaimMissing, false},
		{"NearMissOfAName", func(w *world) { w.expect.Claims = []disclosure.Path{{"Full name"}} }, verifier.ClaimMissing, false},
		{"Garbage", func(w *world) { w.tamper = func(string) string { return "not a card" } }, disclosure.Malformed, true},
		{"Nothing", func(w *world) { w.tamper = func(string) string { return "" } }, disclosure.Malformed, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			w.rejected(c.want, c.unauthenticated)
		})
	}
}

// The holder himself may try: he changes a claim and binds the result with his own key.
func TestHolderChangesAClaim(t *testing.T) {
	w := newWorld(t)
	card := string(w.present())
	parts := strings.Split(card, "~")
	for i, p := range parts {
		if raw, err := base64.RawURLEncoding.DecodeString(p); err == nil && strings.Contains(string(raw), "10000000001") {
			parts[i] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), "10000000001", "10000000002", 1)))
		}
	}
	shown := strings.Join(parts[:len(parts)-1], "~") + "~"
	_, err := w.verifier().Verify(context.Background(), []byte(shown+w.binding([]byte(shown))), w.expect)
	if !errors.Is(err, disclosure.NotReferenced) {
		t.Errorf("got %v, want %v", err, disclosure.NotReferenced)
	}
}

func TestLapsedKeyWhereTheTrustEntryAllowsIt(t *testing.T) {
	w := newWorld(t)
	w.subject.Keys[0].Until = now.Add(-time.Minute)
	w.issuer.LapsedUntil = now.Add(time.Hour)
	w.accepted()
	// Signed after the key had lapsed: nobody could have.
	w = newWorld(t)
	w.subject.Keys[0].Until = now.Add(-2 * time.Hour)
	w.issuer.LapsedUntil = now.Add(time.Hour)
	w.rejected(verifier.IssuerKeyExpired, true)
}

// A card without iat cannot show that its key was valid when it was signed.
func TestCardWithoutDateNeedsACurrentKey(t *testing.T) {
	w := newWorld(t)
	w.claims = map[string]any{"iat": nil}
	w.accepted()
	w = newWorld(t)
	w.claims = map[string]any{"iat": nil}
	w.subject.Keys[0].Until = now.Add(-time.Minute)
	w.issuer.LapsedUntil = now.Add(time.Hour)
	w.rejected(verifier.IssuerKeyExpired, true)
}

func TestKeyClassThatTheTrustEntryNames(t *testing.T) {
	w := newWorld(t)
	w.subject.Keys[0].Class = "controllerKey"
	w.issuer.KeyClasses = []string{"controllerKey"}
	w.accepted()
}

func TestReplayedPresentation(t *testing.T) {
	w := newWorld(t)
	v, p := w.verifier(), w.present()
	if _, err := v.Verify(context.Background(), p, w.expect); err != nil {
		t.Fatal(err)
	}
	_, err := v.Verify(context.Background(), p, w.expect)
	var rej *verifier.Rejection
	if !errors.As(err, &rej) || rej.Reason != verifier.Replayed || rej.Unauthenticated {
		t.Errorf("%v", err)
	}
}

// A nonce is used up by acceptance only: whoever sends rubbish with a citizen's nonce cannot lock her out.
func TestFailedAttemptsDoNotBurnTheNonce(t *testing.T) {
	w := newWorld(t)
	v, p := w.verifier(), w.present()
	for _, bad := range [][]byte{p[:len(p)-4], []byte("x~"), append([]byte("x"), p...)} {
		if _, err := v.Verify(context.Background(), bad, w.expect); err == nil {
			t.Fatal("accepted")
		}
	}
	missing := w.expect
	missing.Claims = []disclosure.Path{{"Date of Birth"}}
	if _, err := v.Verify(context.Background(), p, missing); !errors.Is(err, verifier.ClaimMissing) {
		t.Fatal(err)
	}
	if _, err := v.Verify(context.Background(), p, w.expect); err != nil {
		t.Errorf("the citizen was locked out: %v", err)
	}
}

func TestOneOfManyRacingPostsIsAccepted(t *testing.T) {
	w := newWorld(t)
	v, p := w.verifier(), w.present()
	var accepted atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if _, err := v.Verify(context.Background(), p, w.expect); err == nil {
				accepted.Add(1)
			} else if !errors.Is(err, verifier.Replayed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if accepted.Load() != 1 {
		t.Errorf("%d were accepted", accepted.Load())
	}
}

func TestInconclusive(t *testing.T) {
	for code, want := range map[did.Code]verifier.Reason{
		did.Disagreement: verifier.ChainDisagreement, did.Unavailable: verifier.ChainUnavailable, did.GarbledAnswer: verifier.ChainGarbled, did.IncompleteAnswer: verifier.ChainIncomplete,
		did.StaleAnswer: verifier.ChainStale, did.WrongChain: verifier.ChainWrong, did.UnknownNetwork: verifier.NetworkUnknown,
		did.MethodNotSupported: verifier.MethodUnknown, did.InternalError: verifier.ResolverFailed,
	} {
		w := newWorld(t)
		w.resolver.Fail(registry, code)
		w.inconclusive(want)
	}
	w := newWorld(t)
	w.subject.Anchor = did.Anchor{Chain: "eip155:1", Block: 1, Time: now.Add(-31 * time.Minute)}
	w.inconclusive(verifier.ChainStale)
	w = newWorld(t)
	w.config.Replay = guard{}
	w.inconclusive(verifier.ReplayGuardFailed)
	w = newWorld(t)
	w.config.Issuers = failing{}
	w.inconclusive(verifier.TrustUnavailable)
}

type guard struct{}

func (guard) Use(context.Context, [32]byte, time.Time) (bool, error) { return true, errors.New("down") }

type failing struct{}

func (failing) Accreditation(context.Context, trust.Query) (*trust.Accreditation, error) {
	return nil, errors.New("down")
}

// Nothing is resolved for an issuer that is not trusted for the type, nor for a presentation that fails a cheap check.
func TestNoResolutionForStrangers(t *testing.T) {
	for _, change := range []func(w *world){
		func(w *world) { w.claims = map[string]any{"iss": other}; w.kid = "#key-1" },
		func(w *world) { w.claims = map[string]any{"iss": "did:example:thief"}; w.kid = "#key-1" },
		func(w *world) { w.kb = map[string]any{"aud": "https://other.example"} },
		func(w *world) { w.kb = map[string]any{"nonce": "x"} },
		func(w *world) { w.claims = map[string]any{"exp": 1} },
	} {
		w := newWorld(t)
		change(w)
		if _, err := w.verify(); err == nil {
			t.Error("accepted")
		}
		if n := w.resolver.Resolved(""); n != 0 {
			t.Errorf("%d resolutions", n)
		}
	}
}

func TestStatus(t *testing.T) {
	ref := map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 3, "uri": "https://registry.example/lists/1"}}}
	list := func(v byte, age time.Duration) *lists {
		l, _ := status.NewList(8, []byte{0, 0, 0, v}, now.Add(-age))
		return &lists{list: l}
	}
	w := newWorld(t)
	src := list(0, time.Minute)
	w.claims, w.config.Status = ref, src
	c := w.accepted().Cards[0]
	if c.Status == nil || *c.Status != status.Valid || c.StatusAt != now.Add(-time.Minute) || src.uri != "https://registry.example/lists/1" || src.iss != registry {
		t.Errorf("%v %v %+v", c.Status, c.StatusAt, src)
	}
	for value, want := range map[byte]verifier.Reason{1: verifier.CardRevoked, 2: verifier.CardSuspended, 9: verifier.CardStatusUnknown} {
		w := newWorld(t)
		w.claims, w.config.Status = ref, list(value, time.Minute)
		w.rejected(want, false)
	}
	w = newWorld(t)
	w.claims, w.config.Status = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 4, "uri": "https://registry.example/lists/1"}}}, list(0, 0)
	w.rejected(verifier.StatusOutOfRange, false)
	w = newWorld(t)
	w.claims, w.config.Status = ref, list(0, 25*time.Hour)
	w.inconclusive(verifier.StatusStale)
	w = newWorld(t)
	w.claims, w.config.Status = ref, &lists{err: errors.New("down")}
	w.inconclusive(verifier.StatusUnavailable)
	w = newWorld(t)
	w.claims = ref
	w.inconclusive(verifier.StatusUnavailable)
	w = newWorld(t)
	w.claims, w.config.InsecureNoStatus = ref, true
	if res := w.accepted(); !reflect.DeepEqual(res.Skipped, []verifier.Reason{verifier.StatusNotChecked}) || res.Cards[0].Status != nil {
		t.Errorf("%v %v: a status that was not asked for must not read as valid", res.Skipped, res.Cards[0].Status)
	}
	// A list ends when its issuer said, or sooner, and never later.
	w = newWorld(t)
	ending := list(0, time.Hour)
	ending.list.Expires = now.Add(-time.Minute)
	w.claims, w.config.Status = ref, ending
	w.inconclusive(verifier.StatusStale)
	w = newWorld(t)
	lasting := list(0, 25*time.Hour)
	lasting.list.Expires = now.Add(time.Hour)
	w.claims, w.config.Status = ref, lasting
	w.inconclusive(verifier.StatusStale)
	// A list from the future would stay fresh until then.
	w = newWorld(t)
	w.claims, w.config.Status = ref, list(0, -time.Hour)
	w.inconclusive(verifier.StatusStale)
	w = newWorld(t)
	w.claims, w.config.Status = ref, &lists{list: &status.List{Issued: now}}
	w.inconclusive(verifier.StatusUnavailable)
}

// TestStatusListElsewhere: the URI in a card is followed only below a prefix of its issuer's entry, and the entry says who signs there.
func TestStatusListElsewhere(t *testing.T) {
	for _, uri := range []string{
		"https://registry.example/other/1", "https://registry.example/lists", "https://registry.example/lists/", "https://registry.example.evil.example/lists/1",
		"http://registry.example/lists/1", "https://Registry.example/lists/1", "https://registry.example/lists/../admin", "https://registry.example/lists/%2e%2e/admin",
		"https://registry.example/lists/./1", "https://registry.example/lists/1#2", "https://registry.example/lists/\\evil", "https://registry.example@evil.example/lists/1",
		"https://registry.example/lists/1\n", "u",
	} {
		w := newWorld(t)
		src := &lists{}
		w.claims = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 0, "uri": uri}}}
		w.config.Status = src
		w.inconclusive(verifier.StatusListNotAllowed)
		if src.uri != "" {
			t.Errorf("%q was asked for", src.uri)
		}
	}
	l, err := status.NewList(8, []byte{0}, now)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	src := &lists{list: l}
	w.claims = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://status.example/registry/b/7?of=3"}}}
	w.config.Status = src
	w.issuer.StatusLists = append(w.issuer.StatusLists, trust.StatusLists{Prefix: "https://status.example/registry/", Signer: "did:example:status"})
	w.accepted()
	if src.iss != "did:example:status" {
		t.Errorf("asked for a list of %q", src.iss)
	}
}

// TestCardWithoutStatus: a card that names no status list cannot be revoked. The trust entry says whether such a card is accepted.
func TestCardWithoutStatus(t *testing.T) {
	l, err := status.NewList(8, []byte{0}, now)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.config.Status = &lists{list: l}
	if card := w.accepted().Cards[0]; card.Status != nil {
		t.Errorf("a status of no list: %v", *card.Status)
	}
	w = newWorld(t)
	w.config.Status, w.issuer.StatusRequired = &lists{list: l}, true
	w.rejected(verifier.CardWithoutStatus, false)
	w = newWorld(t)
	w.config.InsecureNoStatus, w.issuer.StatusRequired = true, true // what cannot be asked is another matter
	w.rejected(verifier.CardWithoutStatus, false)
	w = newWorld(t)
	w.config.Status, w.issuer.StatusRequired = &lists{list: l}, true
	w.claims = map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 0, "uri": "https://registry.example/lists/1"}}}
	if card := w.accepted().Cards[0]; card.Status == nil || *card.Status != status.Valid {
		t.Errorf("status %v", card.Status)
	}
	w.issuer.StatusLists = nil
	if _, err := trust.NewList(w.issuer); err == nil {
		t.Error("an entry that accepts no card")
	}
}

// TestSuspendedIssuer: cards of an issuer whose accreditation is suspended, and what becomes of its older cards.
func TestSuspendedIssuer(t *testing.T) {
	w := newWorld(t)
	w.issuer.Suspended = now.Add(-time.Minute) // the card was signed an hour ago
	w.rejected(trust.IssuerSuspended, true)
	w = newWorld(t)
	w.issuer.Suspended, w.issuer.SuspendedKeepsOlder = now.Add(-time.Minute), true
	w.accepted()
	w = newWorld(t)
	w.issuer.Suspended, w.issuer.SuspendedKeepsOlder = now.Add(-2*time.Hour), true
	w.rejected(trust.IssuerSuspended, true)
	w = newWorld(t)
	w.issuer.Suspended, w.issuer.SuspendedKeepsOlder = now.Add(-time.Minute), true
	w.claims = map[string]any{"iat": nil} // a card that does not say when it was signed is no older one
	w.rejected(trust.IssuerSuspended, true)
	w = newWorld(t)
	w.issuer.Suspended = now.Add(time.Minute)
	w.accepted()
}

// A thief chooses which name of a key he writes into a card.
func TestKeyUnderItsOtherNames(t *testing.T) {
	second := func(w *world) { // the same public key, published twice
		w.subject.Keys = append(w.subject.Keys, did.Key{ID: "#key-2", Public: w.registry.Public()})
		w.kid = "#key-2"
	}
	w := newWorld(t)
	second(w)
	w.accepted()
	w = newWorld(t)
	second(w)
	w.subject.Keys[0].Revoked = now.Add(-time.Minute)
	w.rejected(verifier.IssuerKeyRevoked, true)
	w = newWorld(t)
	second(w)
	w.subject.Keys[0].Revoked = now.Add(-2 * time.Hour)
	w.subject.Keys[1].From = now.Add(-90 * time.Minute) // set anew after the revocation: the issuer trusts it again
	w.accepted()
	w = newWorld(t)
	second(w)
	w.issuer.Compromised = []string{registry + "#key-1"}
	w.rejected(verifier.IssuerKeyCompromised, true)

	// A secp256k1 key is also its address.
	w = newWorld(t)
	w.registry = generate(t, pubkey.ES256K)
	a, _ := w.registry.Public().Address()
	w.subject.Keys = []did.Key{{ID: "#key-1", Public: w.registry.Public()}, {ID: "#controller", Public: pubkey.FromAddress(a), Class: "controller"}}
	w.kid, w.issuer.KeyClasses = "#controller", []string{"controller"}
	w.accepted()
	w.issuer.Compromised = []string{w.registry.Public().Thumbprint()}
	w.config.Issuers, w.config.Resolver = nil, nil
	w.rejected(verifier.IssuerKeyCompromised, true)

	// Where the document has the address alone, it is declared as that.
	w = newWorld(t)
	w.registry = generate(t, pubkey.ES256K)
	a, _ = w.registry.Public().Address()
	w.subject.Keys = []did.Key{{ID: "#key-1", Public: pubkey.FromAddress(a)}}
	w.issuer.Compromised = []string{"0x" + strings.ToUpper(hex.EncodeToString(a[:]))}
	w.rejected(verifier.IssuerKeyCompromised, true)

	thumb := w.registry.Public().Thumbprint()
	for _, typo := range []string{thumb + "\n", thumb[:42] + "_", registry + "#key-1\n", registry + "#key-1 ", "did:example:Registry#key-1", "did:example:nobody#key-1", registry + "?x#key-1", "0x12", "#key-1", "key-1", " " + registry + "#key-1", registry, registry + "#"} {
		if _, err := trust.NewList(trust.Issuer{DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "x", Compromised: []string{typo}}}); err == nil {
			t.Errorf("%q would condemn nothing, without a word", typo)
		}
	}
}

func TestCardMeantForAnother(t *testing.T) {
	for aud, want := range map[any]verifier.Reason{
		agency: "", "https://hospital.example": credential.AudienceMismatch, 7: credential.ClaimMalformed,
	} {
		w := newWorld(t)
		w.claims = map[string]any{"aud": aud}
		if want == "" {
			w.accepted()
		} else {
			w.rejected(want, true)
		}
	}
	w := newWorld(t)
	w.claims = map[string]any{"aud": []string{"https://a.example", agency}}
	w.accepted()
	w = newWorld(t)
	w.claims = map[string]any{"aud": []string{}}
	w.rejected(credential.ClaimMalformed, true)
	// Who does not say who he is is not the one meant.
	w = newWorld(t)
	w.claims = map[string]any{"aud": agency}
	w.expect.Audience, w.expect.Nonce, w.expect.InsecureUnbound = "", "", true
	w.rejected(credential.AudienceMismatch, true)
}

// clock is a clock that a slow source moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

type slow struct {
	trust.Source
	c    *clock
	took time.Duration
}

func (s *slow) Accreditation(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
	s.c.at = s.c.at.Add(s.took)
	return s.Source.Accreditation(ctx, q)
}

// The age of a key binding is judged when a verification begins, and its nonce is looked up when it ends.
func TestReplayThroughASlowSource(t *testing.T) {
	for _, took := range []time.Duration{2 * time.Second, time.Minute, 4 * time.Minute, 6 * time.Minute} {
		c := &clock{now}
		w := newWorld(t)
		w.kb = map[string]any{"iat": now.Add(30 * time.Second).Unix()}
		list, err := trust.NewList(w.issuer)
		if err != nil {
			t.Fatal(err)
		}
		source := &slow{list, c, 0}
		w.config.Now, w.config.Issuers = c.now, source
		v, p := w.verifier(), w.present()
		if _, err := v.Verify(context.Background(), p, w.expect); err != nil {
			t.Fatal(err)
		}
		c.at = now.Add(6 * time.Minute) // the last moment at which the key binding is young enough
		source.took = took
		_, err = v.Verify(context.Background(), p, w.expect)
		if !errors.Is(err, verifier.Replayed) && !errors.Is(err, verifier.ReplayGuardFailed) {
			t.Errorf("%v: %v", took, err)
		}
	}
}

func TestClocksFromTheFuture(t *testing.T) {
	w := newWorld(t)
	w.subject.Anchor = did.Anchor{Chain: "eip155:1", Block: 9, Time: now.Add(time.Hour)}
	w.inconclusive(verifier.ChainStale)
	w = newWorld(t) // by the block's time the key has lapsed
	w.subject.Anchor = did.Anchor{Chain: "eip155:1", Block: 9, Time: now.Add(20 * time.Second)}
	w.subject.Keys[0].Until = now.Add(10 * time.Second)
	w.rejected(verifier.IssuerKeyExpired, true)
}

// A block that was made while a slow source was asked is not from the future.
func TestFreshBlockAfterASlowSource(t *testing.T) {
	c := &clock{now}
	w := newWorld(t)
	list, err := trust.NewList(w.issuer)
	if err != nil {
		t.Fatal(err)
	}
	w.config.Now, w.config.Issuers = c.now, &slow{list, c, 40 * time.Second}
	w.subject.Anchor = did.Anchor{Chain: "eip155:1", Block: 9, Time: now.Add(39 * time.Second)}
	w.accepted()
}

// Revoked, and taken out of assertionMethod as documents do: the second name of the key must not verify.
func TestRevokedMethodWithoutARelationship(t *testing.T) {
	w := newWorld(t)
	jwk := string(w.registry.Public().JWK())
	doc, err := did.ParseDocument([]byte(`{"id":"` + registry + `","verificationMethod":[{"id":"#key-1","type":"JsonWebKey","controller":"` + registry +
		`","revoked":"2026-11-01T00:00:00Z","publicKeyJwk":` + jwk + `},{"id":"#key-2","type":"JsonWebKey","controller":"` + registry + `","publicKeyJwk":` + jwk + `}],"assertionMethod":["#key-2"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := did.NewResolution(doc)
	if err != nil {
		t.Fatal(err)
	}
	w.kid, w.config.Resolver = "#key-2", answers{r}
	w.rejected(verifier.IssuerKeyRevoked, true)
}

// answers is a resolver that gives the same answer to every question.
type answers struct{ r *did.Resolution }

func (a answers) Resolve(context.Context, did.DID, did.At) (*did.Resolution, error) { return a.r, nil }

func TestResolverThatAnswersWithAnotherDocument(t *testing.T) {
	w := newWorld(t)
	doc, err := did.ParseDocument([]byte(`{"id":"did:example:thief","verificationMethod":[{"id":"` + registry + `#key-1","type":"JsonWebKey","controller":"did:example:thief","publicKeyJwk":` +
		string(w.registry.Public().JWK()) + `}],"assertionMethod":["` + registry + `#key-1"]}`))
	if err != nil {
		t.Fatal(err)
	}
	r, err := did.NewResolution(doc)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Keys) != 0 {
		t.Error("a document has a key under another DID's name")
	}
	r.Keys = []did.Key{{ID: registry + "#key-1", Purposes: []did.Purpose{did.AssertionMethod}, Public: w.registry.Public()}}
	for _, r := range []*did.Resolution{r, {Keys: r.Keys}, nil} {
		w.config.Resolver = answers{r}
		w.inconclusive(verifier.ResolverFailed)
	}
}

func TestHiddenDateBeforeTheKey(t *testing.T) {
	w := newWorld(t)
	w.subject.Keys[0].From = now.Add(-time.Minute)
	w.claims = map[string]any{"iat": nil}
	w.hidden = map[string]any{"iat": now.Add(-time.Hour).Unix()}
	w.rejected(verifier.IssuerKeyNotYetValid, false)
}

func TestSecondNameInCnf(t *testing.T) {
	for _, name := range []string{"jku", "jwe"} {
		w := newWorld(t)
		w.claims = map[string]any{"cnf": map[string]any{"jwk": json.RawMessage(w.citizen.Public().JWK()), name: "https://thief.example"}}
		w.rejected(credential.HolderKeyMalformed, true)
	}
}

func TestTextIsText(t *testing.T) {
	w := newWorld(t)
	w.claims = map[string]any{"Full Name": nil, "Middle": json.RawMessage("null")}
	w.reveal, w.expect.Claims = nil, []disclosure.Path{{"Middle"}}
	if s, err := w.accepted().Text("Middle"); err == nil {
		t.Errorf("null was read as %q", s)
	}
}

// A Result is what was asked when it was asked.
func TestResultKeepsItsPaths(t *testing.T) {
	w := newWorld(t)
	c := w.accepted().Cards[0]
	w.expect.Claims[0][0] = "Date of Birth"
	if v, ok := c.Claim(disclosure.Path{"Date of Birth"}); ok {
		t.Errorf("%s", v)
	}
}

func TestUnboundOnlyWhereTheRequestSaysSo(t *testing.T) {
	strip := func(p string) string { return p[:strings.LastIndexByte(p, '~')+1] }
	w := newWorld(t)
	w.altered = strip
	w.expect.InsecureUnbound = true
	if res := w.accepted(); !reflect.DeepEqual(res.Skipped, []verifier.Reason{verifier.KeyBindingNotChecked}) {
		t.Errorf("%v", res.Skipped)
	}
	// A key binding that is there is checked all the same.
	w = newWorld(t)
	w.expect.InsecureUnbound = true
	w.kb = map[string]any{"aud": "https://other.example"}
	w.rejected(credential.AudienceMismatch, true)
}

func TestMisuse(t *testing.T) {
	list, _ := trust.NewList(trust.Issuer{DIDs: []string{registry}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "x"}})
	for _, c := range []verifier.Config{{}, {Issuers: list}, {Resolver: did.Mux{}}, {Issuers: list, Resolver: did.Mux{}, BindingAge: -1}, {Issuers: list, Resolver: did.Mux{}, BindingAge: 1 << 62}} {
		var m *verifier.Misuse
		if _, err := verifier.New(c); !errors.As(err, &m) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	w := newWorld(t)
	v, p, good := w.verifier(), w.present(), w.expect
	for name, change := range map[string]func(*verifier.Expect){
		"audience": func(e *verifier.Expect) { e.Audience = "" },
		"nonce":    func(e *verifier.Expect) { e.Nonce = "" },
		"half":     func(e *verifier.Expect) { e.Nonce = ""; e.InsecureUnbound = true },
		"type":     func(e *verifier.Expect) { e.Type = "" },
		"claims":   func(e *verifier.Expect) { e.Claims = nil },
		"path":     func(e *verifier.Expect) { e.Claims = []disclosure.Path{{-1}} },
	} {
		e := good
		change(&e)
		var m *verifier.Misuse
		if _, err := v.Verify(context.Background(), p, e); !errors.As(err, &m) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range [][]trust.Issuer{nil, {{}}, {{DIDs: []string{"x"}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}}},
		{{DIDs: []string{registry, registry}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: "x"}}}} {
		if _, err := trust.NewList(bad...); err == nil {
			t.Errorf("%v: accepted", bad)
		}
	}
	var nobody *verifier.Verifier
	for _, v := range []*verifier.Verifier{nobody, {}} {
		var m *verifier.Misuse
		if _, err := v.Verify(context.Background(), p, good); !errors.As(err, &m) {
			t.Errorf("%v", err)
		}
	}
	var none *verifier.Result
	if _, err := none.Text("x"); err == nil {
		t.Error("text of no result")
	}
}

// The words planted in the claims must come out nowhere but in Claim.
func TestNoClaimValueInErrorsLogsOrEvents(t *testing.T) {
	const marker = "MARKER-10000000001"
	var events []verifier.Event
	run := func(change func(w *world)) {
		w := newWorld(t)
		w.claims = map[string]any{"Full Name": marker, "ID Number": marker + "2", "Date of Birth": marker}
		w.config.Observe = func(_ context.Context, e verifier.Event) { events = append(events, e) }
		change(w)
		res, err := w.verify()
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("outcome", "result", res, "error", err, "events", events)
		if res != nil {
			slog.New(slog.NewJSONHandler(&log, nil)).Info("card", "card", res.Cards[0], "cards", res.Cards)
			fmt.Fprintf(&log, "%v %+v %#v %s %d", res, res, *res, res.Cards, res.Cards[0])
		}
		fmt.Fprintf(&log, "%v %+v %#v", err, err, err)
		if strings.Contains(log.String(), marker) {
			t.Errorf("a claim came out: %s", log.String())
		}
	}
	run(func(*world) {})
	run(func(w *world) { w.expect.Claims = []disclosure.Path{{"nothing"}} })
	run(func(w *world) { w.expect.Claims, w.expect.RefuseSurplus = []disclosure.Path{{"Full Name"}}, true })
	run(func(w *world) { w.kb = map[string]any{"aud": marker} })
	run(func(w *world) { w.claims["exp"] = marker })
	run(func(w *world) { w.claims["status"] = marker })
	run(func(w *world) { w.claims["cnf"] = map[string]any{"jwk": map[string]any{"kty": marker}} })
	for _, e := range events[1:] {
		if e.Verdict != "rejected" || e.Reason == "" {
			t.Errorf("%+v", e)
		}
	}
	if events[0].Verdict != "accepted" || events[0].Issuer != registry || events[3].Issuer != "" {
		t.Errorf("%+v", events)
	}
}

// A race test: two citizens at once, and neither in the other's result.
func TestTwoCitizensAtOnce(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	a.claims = map[string]any{"Full Name": "A"}
	b.claims = map[string]any{"Full Name": "B"}
	b.registry, b.subject, b.resolver = a.registry, a.subject, a.resolver
	v := a.verifier()
	var wg sync.WaitGroup
	for range 20 {
		for want, w := range map[string]*world{"A": a, "B": b} {
			x := *w
			x.expect.Nonce = fmt.Sprint(time.Now().UnixNano(), want)
			p := x.present()
			wg.Go(func() {
				res, err := v.Verify(context.Background(), p, x.expect)
				if err != nil {
					t.Error(err)
					return
				}
				if got, _ := res.Text("Full Name"); got != want {
					t.Errorf("%s in the result of %s", got, want)
				}
			})
		}
	}
	wg.Wait()
}
