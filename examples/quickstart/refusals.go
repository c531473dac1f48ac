package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// refusals tries everything that must fail. Each attempt is acceptable but for one thing.
func refusals(ctx context.Context, l *ledger, rep *report, trusted trust.Source, pema *citizen, registry, health, stranger *issuer) error {
	hospital, licensing, pension := asks[0], asks[1], asks[2]

	// A clerk of the licensing office has asked the pension office for a request of its own and passes its nonce on to the citizen; what
	// she shows to the licensing office he then shows to the pension office.
	lured := licensing.ask()
	relay := lured
	relay.Audience = pension.Audience
	p, err := pema.show(ctx, l, lured)
	if err != nil {
		return err
	}
	if err := rep.rejected(ctx, "shown to the licensing office, replayed to the pension office", pension.verifier, p, relay, credential.AudienceMismatch); err != nil {
		return err
	}

	// The citizen changes a claim, the digest with it, and binds the result with her own key, so that only the issuer's signature stands
	// in her way.
	e := licensing.ask()
	if p, err = pema.show(ctx, l, e); err != nil {
		return err
	}
	if p, err = pema.forge(ctx, l, p, e); err != nil {
		return err
	}
	if err := rep.rejected(ctx, "a changed claim", licensing.verifier, p, e, credential.SignatureInvalid); err != nil {
		return err
	}

	// A stranger anchors a DID, signs a card with his own key, and every signature is good.
	friend := &citizen{pema.key, pema.phone, map[string]*credential.Held{}}
	if err := friend.take(ctx, l, stranger, catalogue.NDI(), identityCard, identityRecord); err != nil {
		return err
	}
	e = licensing.ask()
	if p, err = friend.show(ctx, l, e); err != nil {
		return err
	}
	if err := rep.rejected(ctx, "a card from a self-made issuer", licensing.verifier, p, e, trust.IssuerNotTrusted); err != nil {
		return err
	}

	// A card that expired an hour ago. Her phone would not take it; a phone that somebody altered shows it all the same.
	old, err := registry.sign(ctx, l, catalogue.NDI(), identityCard, identityRecord, pema.key.Public(), l.now().Add(-time.Hour))
	if err != nil {
		return err
	}
	e = licensing.ask()
	if p, err = pema.phone.PresentSDJWT(ctx, old, credential.Showing{Reveal: e.Claims, Audience: e.Audience, Nonce: e.Nonce, At: l.now()}); err != nil {
		return err
	}
	if err := rep.rejected(ctx, "an expired card", licensing.verifier, p, e, credential.Expired); err != nil {
		return err
	}
	if err := silence(ctx, l, rep, trusted, pema, licensing); err != nil {
		return err
	}

	// The health authority's key was stolen: it revokes it. The registry closes down: it deactivates its DID. Both on the chain.
	l.progress("revoking a key, deactivating a DID")
	if health.last, err = health.identity.RevokeKey(ctx, health.key.Public()); err != nil {
		return err
	}
	if registry.last, err = registry.identity.Deactivate(ctx); err != nil {
		return err
	}
	if err := l.settle(ctx, health, registry); err != nil {
		return err
	}
	e = hospital.ask()
	if p, err = pema.show(ctx, l, e); err != nil {
		return err
	}
	if err := rep.rejected(ctx, "a card whose issuer has revoked its key", hospital.verifier, p, e, verifier.IssuerKeyRevoked); err != nil {
		return err
	}
	e = licensing.ask()
	if p, err = pema.show(ctx, l, e); err != nil {
		return err
	}
	return rep.rejected(ctx, "a card whose issuer has deactivated its DID", licensing.verifier, p, e, verifier.IssuerDeactivated)
}

// silence asks a node that takes the question and never answers.
func silence(ctx context.Context, l *ledger, rep *report, trusted trust.Source, pema *citizen, a agency) error {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer mute.Close()
	v, err := l.verifierAt("http://"+mute.Addr().String(), trusted, l.now)
	if err != nil {
		return err
	}
	e := a.ask()
	p, err := pema.show(ctx, l, e)
	if err != nil {
		return err
	}
	impatient, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err = v.Verify(impatient, p, e)
	var inc *verifier.Inconclusive
	if !errors.As(err, &inc) || inc.Reason != verifier.ChainUnavailable {
		return fmt.Errorf("a chain that does not answer: got %v, want inconclusive: %s", err, verifier.ChainUnavailable)
	}
	rep.Refused = append(rep.Refused, refusal{"a good card, while the chain does not answer", "inconclusive", inc.Reason})
	return nil
}

// forge gives the first claim of a presentation another value, makes the issuer's digest fit, and binds the result anew.
func (c *citizen) forge(ctx context.Context, l *ledger, presentation []byte, e verifier.Expect) ([]byte, error) {
	b64 := base64.RawURLEncoding
	parts := strings.Split(string(presentation), "~")
	jwt := strings.Split(parts[0], ".")
	payload, err := b64.DecodeString(jwt[1])
	if err != nil {
		return nil, err
	}
	digest := func(d string) []byte {
		h := sha256.Sum256([]byte(d))
		return []byte(b64.EncodeToString(h[:]))
	}
	raw, err := b64.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var salted []any // salt, name, value
	if err := json.Unmarshal(raw, &salted); err != nil {
		return nil, err
	}
	salted[2] = "changed"
	if raw, err = json.Marshal(salted); err != nil {
		return nil, err
	}
	changed := b64.EncodeToString(raw)
	payload = bytes.Replace(payload, digest(parts[1]), digest(changed), 1)
	parts[1] = changed
	parts[0] = jwt[0] + "." + b64.EncodeToString(payload) + "." + jwt[2]
	card := strings.Join(parts[:len(parts)-1], "~") + "~"

	claims, err := json.Marshal(map[string]any{"aud": e.Audience, "nonce": e.Nonce, "iat": l.now().Unix(), "sd_hash": string(digest(card))})
	if err != nil {
		return nil, err
	}
	input := b64.EncodeToString([]byte(`{"alg":"ES256","typ":"kb+jwt"}`)) + "." + b64.EncodeToString(claims)
	sig, err := c.key.Sign(ctx, pubkey.ES256, []byte(input))
	if err != nil {
		return nil, err
	}
	return []byte(card + input + "." + b64.EncodeToString(sig)), nil
}
