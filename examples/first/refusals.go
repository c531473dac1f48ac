package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// Each presentation here is acceptable but for one thing.

// replayed: a crook at the hospital passes the bank's nonce on to the citizen, and what she then shows to the hospital on to the bank.
func replayed(ctx context.Context, out io.Writer, v *verifier.Verifier, phone *credential.Holder, card *credential.Held) error {
	ofBank := verifier.Expect{Audience: bank, Nonce: rand.Text(), Type: cardType, Claims: show}
	ofHospital := ofBank
	ofHospital.Audience = hospital
	p, err := phone.Present(ctx, card, showing(ofHospital))
	if err != nil {
		return err
	}
	return refused(ctx, out, "shown to the hospital, replayed to a bank", v, p, ofBank, credential.AudienceMismatch)
}

// changed: the citizen writes another value, makes the digest in the signed part fit, and binds it with her own key as always.
func changed(ctx context.Context, out io.Writer, v *verifier.Verifier, phone *credential.Holder, card *credential.Held) error {
	forged, err := forge(card.Bytes(), show[0])
	if err != nil {
		return err
	}
	ask := verifier.Expect{Audience: hospital, Nonce: rand.Text(), Type: cardType, Claims: show}
	p, err := phone.PresentSDJWT(ctx, forged, showing(ask))
	if err != nil {
		return err
	}
	return refused(ctx, out, "a claim that the citizen changed", v, p, ask, credential.SignatureInvalid)
}

// selfMade: the citizen is her own issuer. Every signature is good, and nobody vouches for her.
func selfMade(ctx context.Context, out io.Writer, v *verifier.Verifier, phone *credential.Holder, key pubkey.Signer) error {
	issuer, err := newIssuer(key)
	if err != nil {
		return err
	}
	sdjwt, err := issuer.Issue(ctx, newCard(key.Public()))
	if err != nil {
		return err
	}
	card, err := phone.Receive(sdjwt, key.Public(), time.Now())
	if err != nil {
		return err
	}
	ask := verifier.Expect{Audience: hospital, Nonce: rand.Text(), Type: cardType, Claims: show}
	p, err := phone.Present(ctx, card, showing(ask))
	if err != nil {
		return err
	}
	return refused(ctx, out, "a card from a self-made issuer", v, p, ask, trust.IssuerNotTrusted)
}

// refused verifies a presentation that must be rejected, for one reason and no other.
func refused(ctx context.Context, out io.Writer, what string, v *verifier.Verifier, p []byte, e verifier.Expect, want verifier.Reason) error {
	_, err := v.Verify(ctx, p, e)
	var rejected *verifier.Rejection
	if !errors.As(err, &rejected) || rejected.Reason != want {
		return fmt.Errorf("%s: got %v, want %s", what, err, want)
	}
	_, err = fmt.Fprintf(out, "  ✗ %-43s %s\n", what, rejected.Reason)
	return err
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
	return nil, fmt.Errorf("the card has no claim %s", claim)
}

// nextLine names the line below the one that it is called from.
func nextLine() string {
	_, file, line, _ := runtime.Caller(1)
	return fmt.Sprintf("examples/first/%s:%d", path.Base(file), line+1)
}
