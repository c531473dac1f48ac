package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// scene is everybody of the story.
type scene struct {
	*ledger
	report                     *report
	pema                       *citizen
	registry, health, stranger *issuer
	trusted                    trust.Source
}

// mustFail tries everything that must fail. Each attempt is acceptable but for one thing.
func (s *scene) mustFail(ctx context.Context) error {
	for _, attempt := range []func(context.Context) error{s.replayed, s.changed, s.selfMade, s.expired, s.lost, s.silent, s.stolen, s.withdrawn} {
		if err := attempt(ctx); err != nil {
			return err
		}
	}
	return nil
}

// replayed: a clerk of the licensing office has asked the pension office for a request and passes its nonce on to the citizen; what she
// shows to the licensing office he shows to the pension office.
func (s *scene) replayed(ctx context.Context) error {
	ofPension := licensing.ask()
	ofLicensing := ofPension
	ofPension.Audience = pension.Audience
	p, err := s.pema.show(ctx, ofLicensing)
	if err != nil {
		return err
	}
	s.report.refused(ctx, "replayed to another agency", pension.verifier, p, ofPension, credential.AudienceMismatch)
	return nil
}

// changed: the citizen writes another value, makes the digest in the signed part fit, and binds it with her own key as always.
func (s *scene) changed(ctx context.Context) error {
	ask := licensing.ask()
	forged, err := forge(s.pema.cards[ask.Type].Bytes(), ask.Claims[0])
	if err != nil {
		return err
	}
	return s.try(ctx, "a changed claim", &licensing, forged, ask, credential.SignatureInvalid)
}

// selfMade: a stranger anchors a DID and a key like any issuer. Every signature is good, and nobody vouches for him.
func (s *scene) selfMade(ctx context.Context) error {
	card, err := s.stranger.sign(ctx, catalogue.NDI(), identityCard, identityRecord, s.pema.key, s.now().AddDate(5, 0, 0), nil)
	if err != nil {
		return err
	}
	return s.try(ctx, "a self-made issuer", &licensing, card, licensing.ask(), trust.IssuerNotTrusted)
}

// expired: a card whose time was over an hour ago. Her phone would not take it; one that somebody altered shows it all the same.
func (s *scene) expired(ctx context.Context) error {
	card, err := s.registry.sign(ctx, catalogue.NDI(), identityCard, identityRecord, s.pema.key, s.now().Add(-time.Hour), nil)
	if err != nil {
		return err
	}
	return s.try(ctx, "an expired card", &licensing, card, licensing.ask(), credential.Expired)
}

// silent: a node takes the question and never answers. That says nothing about the card, which is accepted when the chain answers.
func (s *scene) silent(ctx context.Context) error {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer mute.Close()
	cut, err := s.verifierAt("http://"+mute.Addr().String(), s.trusted)
	if err != nil {
		return err
	}
	ask := licensing.ask()
	p, err := s.pema.show(ctx, ask)
	if err != nil {
		return err
	}
	impatient, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	f := s.report.refused(impatient, "a chain that does not answer", cut, p, ask, verifier.ChainUnavailable)
	f.Again, _ = outcome(licensing.verifier.Verify(ctx, p, ask))
	return nil
}

// withdrawn: the health authority revokes the stolen key; the registry closes down, and ends its DID for good. Both on the
// chain.
func (s *scene) withdrawn(ctx context.Context) (err error) {
	s.progress("revoking the health authority's key, deactivating the registry's DID")
	if err := s.health.write(ctx, anchor.RevokeKey(s.health.key.Public(), anchor.VeriKey)); err != nil {
		return err
	}
	if err := s.registry.write(ctx, anchor.Deactivate()); err != nil {
		return err
	}
	if err := s.settle(ctx, s.health, s.registry); err != nil {
		return err
	}
	if err := s.try(ctx, "an issuer's revoked key", &hospital, s.pema.cards[healthCard].Bytes(), hospital.ask(), verifier.IssuerKeyRevoked); err != nil {
		return err
	}
	return s.try(ctx, "an issuer's deactivated DID", &licensing, s.pema.cards[identityCard].Bytes(), licensing.ask(), verifier.IssuerDeactivated)
}

// try shows any card, bound to the citizen's key, and has it verified.
func (s *scene) try(ctx context.Context, what string, a *agency, card []byte, ask verifier.Expect, want verifier.Reason) error {
	p, err := s.pema.phone.PresentSDJWT(ctx, card, credential.Showing{Reveal: ask.Claims, Audience: ask.Audience, Nonce: ask.Nonce, At: s.now()})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.report.refused(ctx, what, a.verifier, p, ask, want)
	return nil
}

// forge gives a claim of a card another value. A card is the signed part and the disclosures, joined by "~"; a disclosure is base64url
// of [salt, name, value], and the signed part has its digest.
func forge(card []byte, claim disclosure.Path) ([]byte, error) {
	b64 := base64.RawURLEncoding
	digest := func(disclosed string) []byte {
		sum := sha256.Sum256([]byte(disclosed))
		return []byte(b64.EncodeToString(sum[:]))
	}
	parts := strings.Split(string(card), "~")
	jwt := strings.Split(parts[0], ".")
	payload, err := b64.DecodeString(jwt[1])
	if err != nil {
		return nil, err
	}
	for n, old := range parts[1:] {
		var d []any
		if raw, err := b64.DecodeString(old); err != nil || json.Unmarshal(raw, &d) != nil || len(d) != 3 || d[1] != claim[0] {
			continue
		}
		if _, list := d[2].([]any); list {
			d[2] = []any{"changed"}
		} else {
			d[2] = "changed"
		}
		raw, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		parts[1+n] = b64.EncodeToString(raw)
		payload = bytes.Replace(payload, digest(old), digest(parts[1+n]), 1)
		parts[0] = jwt[0] + "." + b64.EncodeToString(payload) + "." + jwt[2]
		return []byte(strings.Join(parts, "~")), nil
	}
	return nil, fmt.Errorf("the card does not conceal %s", claim)
}
