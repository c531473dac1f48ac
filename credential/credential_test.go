package credential_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

var (
	ctx = context.Background()
	now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
)

const (
	vct = "https://registry.example/types/foundational-id"
	iss = "did:example:registry"
)

func generate(t testing.TB, a pubkey.Algorithm) pubkey.Signer {
	t.Helper()
	s, err := pubkey.Generate(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newIssuer(t testing.TB, s pubkey.Signer) *credential.Issuer {
	t.Helper()
	i, err := credential.NewIssuer(credential.IssuerConfig{ID: iss, KeyID: "#key-1", Signer: s, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func card(holder pubkey.Signer) credential.Card {
	return credential.Card{
		Type: vct, Claims: json.RawMessage(`{"Full Name":"Pema Example","big":12345678901234567890,"f":1.50,"sp ":{}}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"big"}}},
		Holder:  holder.Public(), NotBefore: now.Add(-time.Hour), Expires: now.Add(time.Hour), Status: &status.Reference{URI: "https://registry.example/l/1", Index: 7},
	}
}

func TestIssuedCardHoldsWhatWasGiven(t *testing.T) {
	for _, alg := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES256K} {
		key, citizen := generate(t, alg), generate(t, alg)
		sdjwt, err := newIssuer(t, key).Issue(ctx, card(citizen))
		if err != nil {
			t.Fatal(err)
		}
		held, err := credential.NewHolder(citizen).Receive(sdjwt, key.Public(), now)
		if err != nil {
			t.Fatal(err)
		}
		v := held.Verified
		if v.Issuer != iss || v.Type != vct || v.KeyID != "#key-1" || v.Algorithm != alg || !v.IssuedAt.Equal(now) || !v.Expires.Equal(now.Add(time.Hour)) ||
			v.Status == nil || *v.Status != (status.Reference{URI: "https://registry.example/l/1", Index: 7}) || !v.Holder.Equal(citizen.Public()) || v.Bound {
			t.Errorf("%+v", v)
		}
		for path, want := range map[string]string{"big": "12345678901234567890", "f": "1.50", "sp ": "{}", "Full Name": `"Pema Example"`} {
			if got, ok := v.Body.Claim(disclosure.Path{path}); !ok || string(got) != want {
				t.Errorf("%s: %s", path, got)
			}
		}
		if string(held.Bytes()) != string(sdjwt) {
			t.Error("the card has changed")
		}
	}
}

func TestNewIssuerRefuses(t *testing.T) {
	key := generate(t, pubkey.ES256)
	for _, c := range []struct {
		c    credential.IssuerConfig
		want disclosure.Reason
	}{
		{credential.IssuerConfig{}, credential.CallerFault},
		{credential.IssuerConfig{ID: iss, Signer: key}, credential.KeyIDMissing},
		{credential.IssuerConfig{ID: iss, Signer: key, KeyID: "key-1"}, credential.KeyIDMalformed},
		{credential.IssuerConfig{ID: iss, Signer: key, KeyID: "did:example:other#key-1"}, credential.KeyIDForeign},
	} {
		if _, err := credential.NewIssuer(c.c); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
}

type brokenSigner struct{ pubkey.Signer }

func (brokenSigner) Sign(context.Context, pubkey.Algorithm, []byte) ([]byte, error) {
	return nil, errors.New("token removed")
}

func TestIssueRefuses(t *testing.T) {
	key, citizen := generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	for _, c := range []struct {
		name   string
		change func(c *credential.Card)
		want   disclosure.Reason
	}{
		{"no type", func(c *credential.Card) { c.Type = "" }, credential.CallerFault},
		{"no holder", func(c *credential.Card) { c.Holder = pubkey.Key{} }, credential.CallerFault},
		{"holder and unbound", func(c *credential.Card) { c.InsecureUnbound = true }, credential.CallerFault},
		{"claims are a list", func(c *credential.Card) { c.Claims = json.RawMessage(`[]`) }, disclosure.NothingToConceal},
		{"own iss", func(c *credential.Card) { c.Claims = json.RawMessage(`{"iss":"did:example:other"}`) }, credential.ClaimReserved},
		{"own iat", func(c *credential.Card) { c.Claims = json.RawMessage(`{"iat":1}`) }, credential.ClaimReserved},
		{"own exp, escaped", func(c *credential.Card) { c.Claims = json.RawMessage(`{"\u0065xp":1}`) }, credential.ClaimReserved},
		{"hidden exp", func(c *credential.Card) { c.Conceal.Paths = []disclosure.Path{{"exp"}} }, credential.MustBePlain},
		{"hidden part of cnf", func(c *credential.Card) { c.Conceal.Paths = []disclosure.Path{{"cnf", "jwk", "x"}} }, credential.MustBePlain},
		{"no such claim", func(c *credential.Card) { c.Conceal.Paths = []disclosure.Path{{"full name"}} }, disclosure.NoSuchClaim},
		{"reserved name", func(c *credential.Card) { c.Claims = json.RawMessage(`{"a":{"_sd":[]}}`); c.Conceal.Paths = nil }, disclosure.ReservedName},
	} {
		cd := card(citizen)
		c.change(&cd)
		if _, err := newIssuer(t, key).Issue(ctx, cd); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := newIssuer(t, brokenSigner{key}).Issue(ctx, card(citizen)); !errors.Is(err, credential.SignerFailed) {
		t.Errorf("%v", err)
	}
}

func TestReceiveRefuses(t *testing.T) {
	key, citizen, thief := generate(t, pubkey.ES256), generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	good, err := newIssuer(t, key).Issue(ctx, card(citizen))
	if err != nil {
		t.Fatal(err)
	}
	unbound := card(citizen)
	unbound.Holder, unbound.InsecureUnbound = pubkey.Key{}, true
	loose, err := newIssuer(t, key).Issue(ctx, unbound)
	if err != nil {
		t.Fatal(err)
	}
	holder := credential.NewHolder(citizen)
	bound, err := holder.PresentSDJWT(ctx, good, credential.Showing{Audience: "a", Nonce: "n", At: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		holder *credential.Holder
		sdjwt  []byte
		key    pubkey.Key
		at     time.Time
		want   disclosure.Reason
	}{
		{"a presentation", holder, bound, key.Public(), now, disclosure.KeyBindingPresent},
		{"another's card", credential.NewHolder(thief), good, key.Public(), now, credential.HolderKeyMismatch},
		{"bound to nobody", holder, loose, key.Public(), now, credential.HolderKeyMissing},
		{"another issuer's key", holder, good, thief.Public(), now, credential.SignatureInvalid},
		{"no key", holder, good, pubkey.Key{}, now, credential.AlgorithmMismatch},
		{"expired", holder, good, key.Public(), now.Add(2 * time.Hour), credential.Expired},
		{"too early", holder, good, key.Public(), now.Add(-2 * time.Hour), credential.NotYetValid},
		{"truncated", holder, good[:len(good)-10], key.Public(), now, disclosure.Malformed},
		{"no holder", credential.NewHolder(nil), good, key.Public(), now, credential.CallerFault},
	} {
		if _, err := c.holder.Receive(c.sdjwt, c.key, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for _, s := range []credential.Showing{{Nonce: "n", At: now}, {Audience: "a", At: now}, {Audience: "a", Nonce: "n"}} {
		if _, err := holder.PresentSDJWT(ctx, good, s); !errors.Is(err, credential.CallerFault) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if _, err := holder.PresentSDJWT(ctx, bound, credential.Showing{Audience: "a", Nonce: "n", At: now}); !errors.Is(err, disclosure.KeyBindingPresent) {
		t.Errorf("%v", err)
	}
	if _, err := holder.Present(ctx, nil, credential.Showing{Audience: "a", Nonce: "n", At: now}); !errors.Is(err, credential.CallerFault) {
		t.Errorf("%v", err)
	}
}

// sign makes an SD-JWT with any payload.
func sign(t *testing.T, s pubkey.Signer, header string, claims string, paths ...disclosure.Path) []byte {
	t.Helper()
	payload, ds, err := disclosure.Conceal([]byte(claims), disclosure.ConcealOptions{Paths: paths})
	if err != nil {
		t.Fatal(err)
	}
	out, err := credential.Sign(ctx, s, []byte(header), payload, ds)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func verify(sdjwt []byte, profile credential.Profile, key pubkey.Key) error {
	p, err := credential.Parse(sdjwt, profile, disclosure.Limits{})
	if err == nil {
		_, err = p.Verify(key, credential.Binding{InsecureUnbound: true}, now)
	}
	return err
}

// A validity claim counts wherever it stands, and in an SD-JWT VC it may not be hidden (RFC 9901 section 9.7, SD-JWT VC 2.2.2.3).
func TestHiddenValidityClaims(t *testing.T) {
	key := generate(t, pubkey.ES256)
	const vcHeader = `{"typ":"dc+sd-jwt","kid":"#k"}`
	past := `1000000000`
	for _, c := range []struct {
		name    string
		profile credential.Profile
		header  string
		claims  string
		hide    []disclosure.Path
		want    error
	}{
		{"hidden exp", credential.SDJWT, `{}`, `{"exp":` + past + `}`, []disclosure.Path{{"exp"}}, credential.Expired},
		{"hidden nbf", credential.SDJWT, `{}`, `{"nbf":9000000000}`, []disclosure.Path{{"nbf"}}, credential.NotYetValid},
		{"hidden iat", credential.SDJWT, `{}`, `{"iat":9000000000}`, []disclosure.Path{{"iat"}}, credential.IssuedInFuture},
		{"hidden exp of another type", credential.SDJWT, `{}`, `{"exp":"never"}`, []disclosure.Path{{"exp"}}, credential.ClaimMalformed},
		{"hidden exp that has not come", credential.SDJWT, `{}`, `{"exp":9000000000}`, []disclosure.Path{{"exp"}}, nil},
		{"VC: hidden exp", credential.SDJWTVC, vcHeader, `{"vct":"t","exp":9000000000}`, []disclosure.Path{{"exp"}}, credential.MustBePlain},
		{"VC: hidden iss", credential.SDJWTVC, vcHeader, `{"vct":"t","iss":"x"}`, []disclosure.Path{{"iss"}}, credential.MustBePlain},
		{"VC: hidden vct", credential.SDJWTVC, vcHeader, `{"vct":"t"}`, []disclosure.Path{{"vct"}}, credential.TypeMissing},
		{"VC: hidden status", credential.SDJWTVC, vcHeader, `{"vct":"t","status":{"status_list":{"idx":1,"uri":"u"}}}`, []disclosure.Path{{"status"}}, credential.MustBePlain},
		{"VC: hidden part of status", credential.SDJWTVC, vcHeader, `{"vct":"t","status":{"status_list":{"idx":1,"uri":"u"}}}`, []disclosure.Path{{"status", "status_list"}}, credential.MustBePlain},
		{"VC: hidden part of cnf", credential.SDJWTVC, vcHeader, `{"vct":"t","cnf":{"jwk":{}}}`, []disclosure.Path{{"cnf", "jwk"}}, credential.MustBePlain},
		{"VC: hidden iat", credential.SDJWTVC, vcHeader, `{"vct":"t","iat":1000000000}`, []disclosure.Path{{"iat"}}, nil},
		{"VC: plain", credential.SDJWTVC, vcHeader, `{"vct":"t"}`, nil, nil},
	} {
		if err := verify(sign(t, key, c.header, c.claims, c.hide...), c.profile, key.Public()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestRealWalletsHolderKeys(t *testing.T) {
	key, citizen := generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	jwk := strings.TrimSuffix(string(citizen.Public().JWK()), "}")
	for _, c := range []struct {
		extra string
		want  error
	}{
		{`,"kid":"z","key_ops":["verify"],"ext":true}`, nil},
		{`,"d":"AAAA"}`, credential.HolderKeyMalformed},
		{`,"alg":"ES384"}`, credential.HolderKeyMalformed},
	} {
		sdjwt := sign(t, key, `{"typ":"dc+sd-jwt"}`, `{"vct":"t","cnf":{"jwk":`+jwk+c.extra+`}}`)
		if err := verify(sdjwt, credential.SDJWTVC, key.Public()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.extra, err, c.want)
		}
	}
}

// startsWith tells whether the first of several faults is the one that the check that stops at it gives.
func startsWith(faults []error, err error) bool {
	if err == nil || len(faults) == 0 {
		return err == nil && len(faults) == 0
	}
	return faults[0].Error() == err.Error()
}

func FuzzParse(f *testing.F) {
	key, citizen := generate(f, pubkey.ES256), generate(f, pubkey.ES256)
	sdjwt, err := newIssuer(f, key).Issue(ctx, card(citizen))
	if err != nil {
		f.Fatal(err)
	}
	shown, err := credential.NewHolder(citizen).PresentSDJWT(ctx, sdjwt, credential.Showing{Reveal: []disclosure.Path{{"big"}}, Audience: "a", Nonce: "n", At: now})
	if err != nil {
		f.Fatal(err)
	}
	split := func(s []byte) (string, string, string) {
		parts := strings.SplitN(string(s), ".", 3)
		head, _ := base64.RawURLEncoding.DecodeString(parts[0])
		body, _ := base64.RawURLEncoding.DecodeString(parts[1])
		return string(head), string(body), parts[2]
	}
	head, body, rest := split(shown)
	f.Add(head, body, rest)
	f.Add(`{"alg":"ES256","typ":"dc+sd-jwt","crit":[]}`, `{"vct":1}`, "AA~")
	other := generate(f, pubkey.ES256).Public()
	f.Fuzz(func(t *testing.T, head, body, rest string) {
		b64 := base64.RawURLEncoding.EncodeToString
		in := []byte(b64([]byte(head)) + "." + b64([]byte(body)) + "." + rest)
		for _, profile := range []credential.Profile{credential.SDJWTVC, credential.SDJWT} {
			p, err := credential.Parse(in, profile, disclosure.Limits{})
			bound := credential.Binding{Audience: "a", Nonce: "n"}
			if err != nil {
				faults, _, _ := credential.FormFaults(strictjson.Inside{}, in, profile, disclosure.Limits{}, bound, now)
				if !startsWith(faults, err) {
					t.Fatalf("Parse says %v, the faults of form are %v", err, faults)
				}
				continue
			}
			_, _ = p.Hint().VerificationMethod()
			err = p.Precheck(bound, now)
			if x := p.Examine(strictjson.Inside{}, bound, now); !startsWith(x.Cheap, err) {
				t.Fatalf("Precheck says %v, the cheap faults are %v", err, x.Cheap)
			}
			if _, err := p.Verify(other, credential.Binding{InsecureUnbound: true}, now); err == nil {
				t.Fatal("accepted under a key that signed nothing")
			}
			if _, err := p.Verify(key.Public(), credential.Binding{Audience: "a", Nonce: "n"}, now); err == nil && string(in) != string(shown) {
				// A signature that somebody else made over other bytes: only ECDSA's other s could do that over the same bytes.
				if string(in[:strings.LastIndexByte(string(in), '.')]) != string(shown[:strings.LastIndexByte(string(shown), '.')]) {
					t.Fatalf("accepted what was never signed: %s", in)
				}
			}
		}
	})
}

// A card that is meant for one agency is still the holder's to keep: she is not the one whom aud names.
func TestReceiveCardMeantForAnAgency(t *testing.T) {
	key, citizen := generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	for _, hidden := range [][]disclosure.Path{nil, {{"aud"}}} {
		c := card(citizen)
		c.Claims, c.Conceal.Paths = json.RawMessage(`{"aud":"https://hospital.example"}`), hidden
		sdjwt, err := newIssuer(t, key).Issue(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := credential.NewHolder(citizen).Receive(sdjwt, key.Public(), now); err != nil {
			t.Errorf("hidden %v: %v", hidden, err)
		}
		if err := verify(sdjwt, credential.SDJWTVC, key.Public()); !errors.Is(err, credential.AudienceMismatch) {
			t.Errorf("hidden %v, to somebody without a name: %v", hidden, err)
		}
	}
}
