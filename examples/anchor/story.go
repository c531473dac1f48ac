package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// story is the life of one issuer, scene by scene.
func (o *office) story(ctx context.Context) error {
	for _, s := range []struct {
		name string
		play func(context.Context) error
	}{
		{"created", o.create},
		{"rotated", o.rotate},
		{"stolen", o.steal},
		{"revoked", o.revoke},
		{"handed over", o.handOver},
		{"ended", o.end},
	} {
		o.page.progress(s.name)
		if err := s.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		o.scenes = append(o.scenes, s.name)
		if err := o.judge(ctx); err != nil {
			return err
		}
	}
	return nil
}

// create: whoever has an Ethereum account has its DID already. What is anchored is what the office says about itself: the key that signs
// its cards, which is another one than the account's, and where its service is.
func (o *office) create(ctx context.Context) error {
	first, err := o.makeKey("first")
	if err != nil {
		return err
	}
	if err := o.anchor(ctx, anchor.AddKey(first, anchor.VeriKey, 2*year), anchor.AddService("CardOffice", "https://office.example/cards", 10*year)); err != nil {
		return err
	}
	return o.sign(ctx, "Pema's card", "first", o.now())
}

// rotate: in time before the first key ends, a second one takes its place. The first is retired, which means that its time ends: cards
// that it signed before stay good, where the agency accepts lapsed keys. To revoke it would make all of them worthless.
func (o *office) rotate(ctx context.Context) error {
	if err := o.pass(ctx, year); err != nil {
		return err
	}
	second, err := o.makeKey("second")
	if err != nil {
		return err
	}
	if err := o.anchor(ctx, anchor.Rotate(o.keys["first"].Public(), second, anchor.VeriKey, 2*year)...); err != nil {
		return err
	}
	if err := o.pass(ctx, day); err != nil {
		return err
	}
	return errors.Join(
		o.sign(ctx, "Karma's card", "second", o.now()),
		o.sign(ctx, "signed with the retired key", "first", o.now()),
	)
}

// steal: somebody copies the second key. He signs a card for himself and dates it back. No date of a card can tell it from a good one.
func (o *office) steal(ctx context.Context) error {
	theft := o.now()
	if err := o.pass(ctx, 60*day); err != nil {
		return err
	}
	return o.sign(ctx, "the thief's, dated back", "second", theft)
}

// revoke: the stolen key, and beside it a new one; Apply sends what revokes first, because each block counts. Karma's card is lost with its
// key and signed anew.
func (o *office) revoke(ctx context.Context) error {
	third, err := o.makeKey("third")
	if err != nil {
		return err
	}
	if err := o.anchor(ctx, anchor.AddKey(third, anchor.VeriKey, 2*year), anchor.RevokeKey(o.keys["second"].Public(), anchor.VeriKey)); err != nil {
		return err
	}
	return o.sign(ctx, "Karma's card, signed anew", "third", o.now())
}

// handOver: another account becomes owner, such as that of a new HSM. Keys and cards stay; the account that the DID is named after can
// write no more.
func (o *office) handOver(ctx context.Context) error {
	heir, err := o.newAccount()
	if err != nil {
		return err
	}
	if err := errors.Join(o.fund(ctx, heir.Address()), o.pass(ctx, 30*day)); err != nil {
		return err
	}
	if err := o.anchor(ctx, anchor.ChangeOwner(heir.Address())); err != nil {
		return err
	}
	former := o.identity
	o.identity = o.registry.Identity(former.Address(), heir)
	_, err = former.Apply(ctx, anchor.AddService("CardOffice", "https://elsewhere.example", year))
	if e := (*anchor.Error)(nil); !errors.As(err, &e) || e.Reason != anchor.Reverted {
		return fmt.Errorf("the former owner was not refused: %v", err)
	}
	return nil
}

// end: the office closes. Deactivation is final: nothing verifies from then on, not even what was signed when all was well.
func (o *office) end(ctx context.Context) error {
	if err := o.pass(ctx, 90*day); err != nil {
		return err
	}
	return o.anchor(ctx, anchor.Deactivate())
}

// office is an issuer, with the cards that it signed, and the agency that is shown them.
type office struct {
	*chain
	DID      string
	identity *anchor.Identity
	keys     map[string]pubkey.Signer

	newAccount func() (*anchor.KeySigner, error)
	newKey     func() (pubkey.Signer, error)

	citizen *credential.Holder
	holder  pubkey.Key
	agency  *verifier.Verifier
	cards   []*card
	scenes  []string
	shows   int
}

// card is a card, and what was said about it at the end of each scene since it was signed.
type card struct {
	what, key string
	sdjwt     []byte
	verdicts  []verifier.Reason // empty for accepted
	scene     int               // the first one
}

const cardType = "https://office.example/types/permit"

// openOffice founds an office: an account that can pay, and an agency that trusts the DID for one type of card.
func openOffice(ctx context.Context, c *chain, newAccount func() (*anchor.KeySigner, error), newKey func() (pubkey.Signer, error)) (*office, error) {
	o := &office{chain: c, keys: map[string]pubkey.Signer{}, newAccount: newAccount, newKey: newKey}
	owner, err := newAccount()
	if err != nil {
		return nil, err
	}
	if err := o.fund(ctx, owner.Address()); err != nil {
		return nil, err
	}
	o.identity = c.registry.Identity(owner.Address(), owner)
	o.DID = c.registry.DID(owner.Address()).String()
	phone, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		return nil, err
	}
	o.citizen, o.holder = credential.NewHolder(phone), phone.Public()
	o.agency, err = newAgency(c.resolver, o.DID, c.now)
	return o, err
}

// newAgency trusts one DID for one type, and accepts cards of keys that have lapsed since they signed.
func newAgency(r did.Resolver, id string, now func() time.Time) (*verifier.Verifier, error) {
	trusted, err := trust.NewList(trust.Issuer{DIDs: []string{id}, Types: []string{cardType}, Accreditation: trust.Accreditation{
		Name: "Example Card Office", LapsedUntil: now().Add(20 * year),
	}})
	if err != nil {
		return nil, err
	}
	return verifier.New(verifier.Config{Resolver: r, Issuers: trusted, Now: now})
}

// makeKey makes a key to sign with. That of a real office is made in its HSM and stays there.
func (o *office) makeKey(name string) (public pubkey.Key, err error) {
	if o.keys[name], err = o.newKey(); err != nil {
		return public, err
	}
	return o.keys[name].Public(), nil
}

// anchor writes changes and waits until they are as final as readers want them.
func (o *office) anchor(ctx context.Context, ops ...anchor.Op) error {
	receipts, err := o.identity.Apply(ctx, ops...)
	if err != nil {
		return err
	}
	return o.settle(ctx, receipts...)
}

// sign signs a card that says that it was signed at a time.
func (o *office) sign(ctx context.Context, what, key string, at time.Time) error {
	// The fragment is the key's RFC 7638 thumbprint, which stays when the key is renewed or retired. Cards for stock resolvers have to
	// name it by its number, such as #delegate-1, which those lose when the key is set again.
	issuer, err := credential.NewIssuer(credential.IssuerConfig{
		ID: o.DID, KeyID: "#" + o.keys[key].Public().Thumbprint(), Signer: o.keys[key], Now: func() time.Time { return at },
	})
	if err != nil {
		return err
	}
	sdjwt, err := issuer.Issue(ctx, credential.Card{
		Type: cardType, Claims: json.RawMessage(`{"Permit": "fishing", "Full Name": "Pema Example"}`), Holder: o.holder,
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Permit"}, {"Full Name"}}},
	})
	o.cards = append(o.cards, &card{what: what, key: key, sdjwt: sdjwt, scene: len(o.scenes)})
	return err
}

// judge shows every card to the agency.
func (o *office) judge(ctx context.Context) error {
	for _, c := range o.cards {
		o.shows++
		e := verifier.Expect{Audience: "https://agency.example", Nonce: fmt.Sprintf("once-%d", o.shows), Type: cardType, Claims: []disclosure.Path{{"Permit"}}}
		p, err := o.citizen.PresentSDJWT(ctx, c.sdjwt, credential.Showing{Reveal: e.Claims, Audience: e.Audience, Nonce: e.Nonce, At: o.now()})
		if err != nil {
			return err
		}
		_, err = o.agency.Verify(ctx, p, e)
		var rejected *verifier.Rejection
		switch {
		case err == nil:
			c.verdicts = append(c.verdicts, "")
		case errors.As(err, &rejected):
			c.verdicts = append(c.verdicts, rejected.Reason)
		default:
			return unknown{err}
		}
	}
	return nil
}

// verdicts draws what was said about each card, and when.
func (o *office) verdicts() {
	p := o.page
	p.settled()
	head := cells(dim, "card")
	for _, s := range o.scenes {
		head = append(head, cell{s, dim})
	}
	rows, met := [][]cell{head}, []verifier.Reason{}
	for _, c := range o.cards {
		row := cells(bold, c.what)
		for range c.scene {
			row = append(row, cell{})
		}
		for _, r := range c.verdicts {
			if r == "" {
				row = append(row, cell{"✓", green})
				continue
			}
			row = append(row, cell{"✗ " + strings.TrimPrefix(strings.TrimPrefix(string(r), "issuer_"), "key_"), red})
			met = appendNew(met, r)
		}
		rows = append(rows, row)
	}
	p.line("%s\n", p.paint(bold, "What a verifier said, after each step"))
	p.grid(rows)
	rows = nil
	for _, r := range met {
		rows = append(rows, []cell{{string(r), red}, {verifier.Describe(r).Meaning, plain}})
	}
	p.grid(rows)
}

func appendNew(list []verifier.Reason, r verifier.Reason) []verifier.Reason {
	for _, have := range list {
		if have == r {
			return list
		}
	}
	return append(list, r)
}

// tell is the command "story".
func tell(ctx context.Context, s settings, p *page) error {
	c, err := openChain(ctx, s, p)
	if err != nil {
		return err
	}
	defer c.close()
	o, err := openOffice(ctx, c, anchor.Generate, func() (pubkey.Signer, error) { return pubkey.Generate(pubkey.ES256) })
	if err != nil {
		return err
	}
	return o.tell(ctx)
}

func (o *office) tell(ctx context.Context) error {
	if err := o.story(ctx); err != nil {
		return err
	}
	id, err := did.Parse(o.DID)
	if err != nil {
		return err
	}
	h, err := readHistory(ctx, o.resolver, id, 0, 100, o.now(), o.page.progress)
	if err != nil {
		return err
	}
	n := o.registry.Network()
	o.page.settled()
	o.page.line("\nRegistry %s on chain %d%s\n", n.Registry, n.ChainID, map[bool]string{true: ", embedded in this program"}[o.embedded != nil])
	o.verdicts()
	o.page.line("%s\n", o.page.paint(bold, "What the chain says about it"))
	o.page.timeline(h)
	return nil
}
