package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/pubkey"
)

// terms are what all cards of a delivery have in common. They are kept beside the cards, and a run that continues has the same.
type terms struct {
	Format    string    `json:"format"`
	Catalogue string    `json:"catalogue"` // hash of the file
	Type      string    `json:"type"`      // vct
	Issuer    string    `json:"issuer"`
	KeyID     string    `json:"kid"`
	Key       string    `json:"key"`           // thumbprint
	Reference string    `json:"reference_key"` // a hash that only the key gives
	Status    string    `json:"status,omitempty"`
	Begun     time.Time `json:"begun"` // ages are computed as of this moment
	Issued    time.Time `json:"iat"`
	Expires   time.Time `json:"exp"`
}

// plan is what the flags name, opened and read.
type plan struct {
	terms        terms
	signer       pubkey.Signer
	kind         *catalogue.Type
	referenceKey []byte
}

func newPlan(o options) (*plan, error) {
	now := time.Now()
	p := &plan{}
	t := &p.terms
	var err error
	if t.Format, err = formatOf(o.format, o.in); err != nil {
		return nil, err
	}
	if p.kind, t.Catalogue, err = findType(o.catalogue, o.cardType); err != nil {
		return nil, err
	}
	if p.signer, err = issuerKey(o.key); err != nil {
		return nil, err
	}
	if p.referenceKey, err = referenceKey(o.referenceKey); err != nil {
		return nil, err
	}
	t.Type, t.Issuer, t.KeyID, t.Status = p.kind.VCT, o.issuer, o.kid, o.status
	if t.Issuer == "" {
		id, err := didjwk.FromKey(p.signer.Public())
		if err != nil {
			return nil, err
		}
		t.Issuer = id.String()
	}
	t.Key = p.signer.Public().Thumbprint()
	mark := reference(hmac.New(sha256.New, p.referenceKey), []byte("which key is this"))
	t.Reference = base64.RawURLEncoding.EncodeToString(mark[:])
	if err := t.dates(now, o.keyFrom, o.expires); err != nil {
		return nil, err
	}
	return p, nil
}

// dates rounds to days, as credential.Issuer.IssueBatch does and for its reasons: the second in which a card was signed would say
// where its citizen stood in the file, and link cards that were signed together.
func (t *terms) dates(now time.Time, keyFrom, expires string) error {
	const day = 24 * time.Hour
	t.Begun = now.UTC()
	t.Issued = now.UTC().Truncate(day)
	if keyFrom != "" {
		from, err := time.Parse(time.RFC3339, keyFrom)
		if err != nil || from.After(now) {
			return fmt.Errorf("%w: -key-from is a time that has passed, such as 2026-11-24T10:00:00Z", errUsage)
		}
		if from.After(t.Issued) { // the key's first day: its moment is everybody's
			t.Issued = from.UTC().Add(time.Second - 1).Truncate(time.Second)
		}
	}
	t.Expires = now.UTC().Truncate(day).AddDate(5, 0, 0)
	if expires != "" {
		at, err := time.Parse(time.DateOnly, expires)
		if err != nil || !at.After(now) {
			return fmt.Errorf("%w: -expires is a date to come, such as 2031-12-31", errUsage)
		}
		t.Expires = at
	}
	return nil
}

// continues tells what keeps a delivery that was begun under t from going on under u; dates may differ, since those of t stay.
func (t terms) continues(u terms) error {
	for _, c := range []struct{ what, begun, now string }{
		{"-format", t.Format, u.Format}, {"-catalogue", t.Catalogue, u.Catalogue}, {"-type", t.Type, u.Type},
		{"-key", t.Key, u.Key}, {"-issuer", t.Issuer, u.Issuer}, {"-kid", t.KeyID, u.KeyID},
		{"-reference-key", t.Reference, u.Reference}, {"-status", t.Status, u.Status},
	} {
		if c.begun != c.now {
			return fmt.Errorf("the folder's cards were begun with another %s: take that one, or another folder", c.what)
		}
	}
	return nil
}

func formatOf(flag, file string) (string, error) {
	if flag == "" {
		switch {
		case strings.HasSuffix(file, ".csv"):
			flag = "csv"
		case strings.HasSuffix(file, ".jsonl"), strings.HasSuffix(file, ".ndjson"):
			flag = "jsonl"
		}
	}
	if flag != "csv" && flag != "jsonl" {
		return "", fmt.Errorf("%w: -format is csv or jsonl", errUsage)
	}
	return flag, nil
}

// findType returns a type by vct, or by a name that only one type has.
func findType(file, name string) (*catalogue.Type, string, error) {
	c, mark := catalogue.NDI(), "ndi"
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, "", err
		}
		if c, err = catalogue.Load(text); err != nil {
			return nil, "", err
		}
		mark = fmt.Sprintf("%x", sha256.Sum256(text))
	}
	if t, ok := c.Type(name); ok {
		return t, mark, nil
	}
	var found *catalogue.Type
	for i := range c.Types {
		if c.Types[i].Name == name {
			if found != nil {
				return nil, "", fmt.Errorf("%w: several types have the name of -type: give the vct", errUsage)
			}
			found = &c.Types[i]
		}
	}
	if found == nil {
		return nil, "", fmt.Errorf("%w: the catalogue has no such -type", errUsage)
	}
	return found, mark, nil
}

func newIssuer(p *plan, t terms) (*credential.Issuer, error) {
	i, err := credential.NewIssuer(credential.IssuerConfig{
		ID: t.Issuer, KeyID: t.KeyID, Signer: p.signer, Now: func() time.Time { return t.Issued },
	})
	if err != nil {
		return nil, errors.Join(errors.New("-issuer, -kid or -key"), err)
	}
	return i, nil
}
