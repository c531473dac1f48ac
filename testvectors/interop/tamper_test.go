package interop_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// attacked is the card that the attacks are made on.
var attacked = cards[1]

// parts takes a presentation apart; disclosures stands in the order of the presentation.
type parts struct {
	jwt         string
	disclosures []string
	binding     string
}

func split(shown []byte) parts {
	all := strings.Split(string(shown), "~")
	return parts{all[0], all[1 : len(all)-1], all[len(all)-1]}
}

func (p parts) card() string {
	return strings.Join(append([]string{p.jwt}, p.disclosures...), "~") + "~"
}
func (p parts) bytes() []byte { return []byte(p.card() + p.binding) }

// bind makes a key binding anew, as a holder could who has changed what he shows.
func (p parts) bind(t testing.TB, with pubkey.Signer, aud any, nonce string, at time.Time) parts {
	t.Helper()
	u, err := disclosure.Parse([]byte(p.card()+"e30.e30.e30"), disclosure.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, sdHash, _ := u.KeyBinding()
	payload, err := json.Marshal(map[string]any{"iat": at.Unix(), "aud": aud, "nonce": nonce, "sd_hash": base64.RawURLEncoding.EncodeToString(sdHash)})
	if err != nil {
		t.Fatal(err)
	}
	p.binding = sign(t, with, `{"typ":"kb+jwt","alg":"ES256"}`, payload)
	return p
}

func sign(t testing.TB, with pubkey.Signer, header string, payload []byte) string {
	t.Helper()
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	sig, err := with.Sign(context.Background(), pubkey.ES256, []byte(input))
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// edit changes the text behind one base64url part, first occurrence.
func edit(t testing.TB, part, from, to string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || !bytes.Contains(text, []byte(from)) {
		t.Fatalf("there is nothing to change in %q (%v)", text, err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes.Replace(text, []byte(from), []byte(to), 1))
}

func (p parts) editPayload(t testing.TB, from, to string) parts {
	j := strings.Split(p.jwt, ".")
	p.jwt = j[0] + "." + edit(t, j[1], from, to) + "." + j[2]
	return p
}

// attack changes what the peer issued, or the peer's holder showed, and says what each side makes of it.
type attack struct {
	name  string
	issue map[string]any // members with which the peer issues the card
	// byPeer: the peer's holder shows it (and what it shows is changed); otherwise ours does.
	byPeer bool
	change func(t *testing.T, c *country, shown parts, nonce string) parts
	aud    string // expected by the verifier, if it is not the usual one
	nonce  string
	want   verifier.Reason
	// authenticated: refused after everything that signatures can show was checked
	authenticated bool
	// peer is what the peer's verifier says; empty if it accepts, because it is lenient.
	peer string
}

func unchanged(_ *testing.T, _ *country, shown parts, _ string) parts { return shown }

const otherIssuer = "did:jwk:eyJrdHkiOiJPS1AifQ"

var attacks = []attack{
	{
		name: "a disclosed value changed after the key binding", byPeer: true,
		change: func(t *testing.T, _ *country, s parts, _ string) parts {
			s.disclosures[0] = edit(t, s.disclosures[0], `"B+"`, `"O-"`)
			return s
		},
		want: credential.HashMismatch, peer: "Invalid sd_hash in Key Binding JWT",
	},
	{
		name: "a disclosed value changed by the holder, who binds it anew",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			s.disclosures[0] = edit(t, s.disclosures[0], `"B+"`, `"O-"`)
			return s.bind(t, c.holder, audience, nonce, time.Now())
		},
		want: disclosure.NotReferenced,
	},
	{
		name: "a disclosure of the holder's own making",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			s.disclosures = append(s.disclosures, base64.RawURLEncoding.EncodeToString([]byte(`["c2FsdA","Licence Class","C"]`)))
			return s.bind(t, c.holder, audience, nonce, time.Now())
		},
		want: disclosure.NotReferenced,
	},
	{
		name: "a disclosure shown twice",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			s.disclosures = append(s.disclosures, s.disclosures[0])
			return s.bind(t, c.holder, audience, nonce, time.Now())
		},
		want: disclosure.NotReferenced,
	},
	{
		name: "a claim in the clear changed",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			return s.editPayload(t, `"exp":`, `"exp":1`).bind(t, c.holder, audience, nonce, time.Now())
		},
		want: credential.SignatureInvalid, peer: "Verify Error: Invalid JWT Signature",
	},
	{
		name: "an answer to another request", byPeer: true, change: unchanged, nonce: "the nonce of another request",
		want: credential.NonceMismatch, peer: "Verify Error: Invalid Nonce",
	},
	{
		name: "a presentation stolen by one agency and shown to another", byPeer: true, change: unchanged, aud: "https://hospital.example",
		want: credential.AudienceMismatch, // the peer has no place for an audience
	},
	{
		name: "an audience in an array",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			return s.bind(t, c.holder, []string{audience}, nonce, time.Now())
		},
		want: credential.BindingMalformed,
	},
	{
		name: "a stolen card, bound with the thief's key",
		change: func(t *testing.T, _ *country, s parts, nonce string) parts {
			return s.bind(t, newSigner(t), audience, nonce, time.Now())
		},
		want: credential.BindingSignature, peer: "Verify Error: Invalid JWT Signature",
	},
	{
		name: "a key binding from an hour ago",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			return s.bind(t, c.holder, audience, nonce, time.Now().Add(-time.Hour))
		},
		want: credential.BindingTooOld,
	},
	{
		name: "a key binding from the future",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			return s.bind(t, c.holder, audience, nonce, time.Now().Add(time.Hour))
		},
		want: credential.BindingInFuture,
	},
	{
		name: "a card without its key binding", byPeer: true,
		change: func(_ *testing.T, _ *country, s parts, _ string) parts { s.binding = ""; return s },
		want:   credential.BindingMissing, peer: "Key Binding JWT not exist",
	},
	{
		name: "the key binding of one presentation under another", byPeer: true,
		change: func(_ *testing.T, _ *country, s parts, _ string) parts { s.disclosures = s.disclosures[:1]; return s },
		want:   credential.HashMismatch, peer: "Invalid sd_hash in Key Binding JWT",
	},
	{
		name: "signed by a key that is not the issuer's",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			j := strings.Split(s.jwt, ".")
			header, _ := base64.RawURLEncoding.DecodeString(j[0])
			payload, _ := base64.RawURLEncoding.DecodeString(j[1])
			s.jwt = sign(t, newSigner(t), string(header), payload)
			return s.bind(t, c.holder, audience, nonce, time.Now())
		},
		want: credential.SignatureInvalid, peer: "Verify Error: Invalid JWT Signature",
	},
	{
		name: "a kid that names another DID than iss", issue: map[string]any{"kid": otherIssuer + "#0"}, change: unchanged,
		want: credential.KeyIDForeign, // the peer is told which key to use
	},
	{
		name: "an issuer that nobody trusts", issue: map[string]any{"iss": otherIssuer, "kid": otherIssuer + "#0"}, change: unchanged,
		want: "issuer_not_trusted",
	},
	{
		name: "another type", issue: map[string]any{"vct": vct + "/other"}, change: unchanged,
		want: verifier.TypeMismatch,
	},
	{
		name: "the media type of the drafts before 2025", issue: map[string]any{"typ": "vc+sd-jwt"}, change: unchanged,
		want: credential.TypeHeader,
	},
	{
		name: "an expired card", issue: map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}, change: unchanged,
		want: credential.Expired, peer: "Verify Error: JWT is expired",
	},
	{
		name: "a card that is not yet valid", issue: map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}, change: unchanged,
		want: credential.NotYetValid, peer: "Verify Error: JWT is not yet valid",
	},
	{
		name: "exp is a text", issue: map[string]any{"exp": "2035-01-01"}, change: unchanged,
		want: credential.ClaimMalformed,
	},
	{
		name: "no algorithm",
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			j := strings.Split(s.jwt, ".")
			s.jwt = edit(t, j[0], `"ES256"`, `"none"`) + "." + j[1] + "." + j[2]
			return s.bind(t, c.holder, audience, nonce, time.Now())
		},
		want: credential.AlgorithmUnsupported, peer: "Verify Error: Invalid JWT Signature",
	},
	{
		name: "a claim that was asked for stays hidden", byPeer: true,
		change: func(t *testing.T, c *country, s parts, nonce string) parts {
			var shown string
			c.peer.must(t, &shown, "present", map[string]any{"sdjwt": s.card(), "frame": map[string]any{"Blood Group": true},
				"binding": map[string]any{"iat": time.Now().Unix(), "aud": audience, "nonce": nonce}})
			return split([]byte(shown))
		},
		want: verifier.ClaimMissing, authenticated: true,
	},
}

// TestTamperedCardsOfThePeer: ours refuses, with its reason. The peer's verdict stands beside it: it is a lenient verifier, so that its
// acceptance proves little, and a change of it shows here.
func TestTamperedCardsOfThePeer(t *testing.T) {
	c := newCountry(t)
	issuer := key(t, c.peer.Issuer)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			iss := jwkDID(t, issuer)
			holder := c.holder.Public().JWK()
			if a.byPeer {
				holder = c.peer.Holder
			}
			sdjwt := c.peer.issue(t, attacked, iss, holder, a.issue)
			nonce := rand.Text()
			shown := a.change(t, c, split(c.show(t, sdjwt, a.byPeer, nonce)), nonce).bytes()
			e := verifier.Expect{Audience: audience, Nonce: nonce, Type: vct, Claims: attacked.reveal}
			if a.aud != "" {
				e.Audience = a.aud
			}
			if a.nonce != "" {
				e.Nonce = a.nonce
			}
			_, err := c.agency(t).Verify(t.Context(), shown, e)
			var rejected *verifier.Rejection
			if !errors.As(err, &rejected) || rejected.Reason != a.want {
				t.Fatalf("ours says %v, want the reason %s", err, a.want)
			}
			if rejected.Unauthenticated == a.authenticated {
				t.Errorf("unauthenticated is %v", rejected.Unauthenticated)
			}
			if strings.Contains(err.Error(), "B+") || strings.Contains(err.Error(), "O-") {
				t.Error("a claim's value stands in the error")
			}
			said := ""
			if _, err := c.peer.read(t, shown, issuer, e.Nonce); err != nil {
				said = err.Error()
			}
			if said != a.peer {
				t.Errorf("the peer says %q, not %q", said, a.peer)
			}
		})
	}
}

// show presents the attacked card without asking whether our holder would have received it.
func (c *country) show(t testing.TB, sdjwt []byte, byPeer bool, nonce string) []byte {
	t.Helper()
	if byPeer {
		return c.present(t, attacked, sdjwt, pubkey.Key{}, true, nonce)
	}
	shown, err := credential.NewHolder(c.holder).PresentSDJWT(t.Context(), sdjwt, credential.Showing{Reveal: attacked.reveal,
		Audience: audience, Nonce: nonce, At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

// TestReplayOfThePeersPresentation: what was accepted once is refused the second time, while another verifier would accept it.
func TestReplayOfThePeersPresentation(t *testing.T) {
	c := newCountry(t)
	nonce := rand.Text()
	shown := c.present(t, attacked, c.issue(t, attacked, true, true), c.issuerKey(t, true), true, nonce)
	agency := c.agency(t)
	if _, err := verify(t, agency, shown, nonce, attacked.reveal...); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, agency, shown, nonce, attacked.reveal...); !errors.Is(err, verifier.Replayed) {
		t.Errorf("the second time: %v, want %s", err, verifier.Replayed)
	}
	if _, err := verify(t, c.agency(t), shown, nonce, attacked.reveal...); err != nil {
		t.Errorf("the presentation itself is at fault: %v", err)
	}
}

// TestHolderRefusesThePeersCard: what our holder must not take in.
func TestHolderRefusesThePeersCard(t *testing.T) {
	c := newCountry(t)
	issuer := key(t, c.peer.Issuer)
	mine := c.issue(t, attacked, true, false)
	for name, x := range map[string]struct {
		card   []byte
		issuer pubkey.Key
		want   disclosure.Reason
	}{
		"for another holder":          {c.issue(t, attacked, true, true), issuer, credential.HolderKeyMismatch},
		"signed by another key":       {mine, c.ours.Public(), credential.SignatureInvalid},
		"a disclosure was changed":    {changedDisclosure(t, mine), issuer, disclosure.NotReferenced},
		"it carries a key binding":    {c.show(t, mine, false, rand.Text()), issuer, disclosure.KeyBindingPresent},
		"cnf was left out":            {c.peer.issue(t, attacked, jwkDID(t, issuer), nil, map[string]any{"cnf": nil}), issuer, credential.HolderKeyMissing},
		"cnf holds a private key":     {c.peer.issue(t, attacked, jwkDID(t, issuer), withPrivatePart(t, c.holder), nil), issuer, credential.HolderKeyMalformed},
		"the card is a JWS, no cards": {[]byte(split(mine).jwt), issuer, disclosure.Malformed},
	} {
		_, err := credential.NewHolder(c.holder).Receive(x.card, x.issuer, time.Now())
		if !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %s", name, err, x.want)
		}
	}
	if _, err := credential.NewHolder(c.holder).Receive(mine, issuer, time.Now()); err != nil {
		t.Errorf("the card itself is at fault: %v", err)
	}
}

// TestPeerRefusesOurTamperedCards: the other direction, as far as a lenient verifier goes.
func TestPeerRefusesOurTamperedCards(t *testing.T) {
	c := newCountry(t)
	nonce := rand.Text()
	card := c.issue(t, attacked, false, false)
	shown := split(c.present(t, attacked, card, c.ours.Public(), false, nonce))
	moved := shown
	moved.disclosures = shown.disclosures[:1]
	foreign := shown.bind(t, newSigner(t), audience, nonce, time.Now())
	for name, x := range map[string]struct {
		shown  []byte
		issuer pubkey.Key
		nonce  string
		want   string
	}{
		"a foreign issuer":    {shown.bytes(), c.holder.Public(), nonce, "Verify Error: Invalid JWT Signature"},
		"a changed payload":   {shown.editPayload(t, `"exp":`, `"exp":1`).bytes(), c.ours.Public(), nonce, "Verify Error: Invalid JWT Signature"},
		"a foreign holder":    {foreign.bytes(), c.ours.Public(), nonce, "Verify Error: Invalid JWT Signature"},
		"another nonce":       {shown.bytes(), c.ours.Public(), "another", "Verify Error: Invalid Nonce"},
		"a moved key binding": {moved.bytes(), c.ours.Public(), nonce, "Invalid sd_hash in Key Binding JWT"},
	} {
		if _, err := c.peer.read(t, x.shown, x.issuer, x.nonce); !errors.Is(err, refusal(x.want)) {
			t.Errorf("%s: the peer says %v, want %q", name, err, x.want)
		}
	}
	if _, err := c.peer.read(t, shown.bytes(), c.ours.Public(), nonce); err != nil {
		t.Errorf("the presentation itself is at fault: %v", err)
	}
}

func changedDisclosure(t testing.TB, card []byte) []byte {
	s := split(card)
	for i, d := range s.disclosures {
		if text, _ := base64.RawURLEncoding.DecodeString(d); bytes.Contains(text, []byte(`"B+"`)) {
			s.disclosures[i] = edit(t, d, `"B+"`, `"O-"`)
			return s.bytes()
		}
	}
	t.Fatal("the disclosure is not there")
	return nil
}

// withPrivatePart is a JWK with a member d, which no cnf may have. Its value is no key.
func withPrivatePart(t testing.TB, s pubkey.Signer) json.RawMessage {
	t.Helper()
	var jwk map[string]any
	if err := json.Unmarshal(s.Public().JWK(), &jwk); err != nil {
		t.Fatal(err)
	}
	jwk["d"] = base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	out, err := json.Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newSigner(t testing.TB) pubkey.Signer {
	t.Helper()
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
