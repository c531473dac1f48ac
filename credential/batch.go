package credential

import (
	"context"
	"sync"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// NoCardLeft says that every one-time card has been shown, or has expired: the holder asks the issuer for more.
const NoCardLeft disclosure.Reason = "no_card_left"

const day = 24 * time.Hour

// Batch is what differs between the one-time cards of one person, and what their dates may not precede.
type Batch struct {
	// Holders are the keys that the cards are bound to, one card for each; none is there twice. The holder made each for this batch.
	Holders []pubkey.Key
	// Status is nil, or holds one reference for each card; none is there twice. Indexes that follow one another, or that the issuer
	// handed out in the order of the people, link cards as well as a name does: draw them at random from the whole list.
	Status []status.Reference
	// KeyFrom is when the issuer's key became valid, as its DID document says; zero for methods whose keys have no history. See
	// IssueBatch.
	KeyFrom time.Time
}

// IssueBatch signs one-time cards (RFC 9901 section 10.1, "batch issuance"): cards that say the same and share nothing else by which two
// verifiers could tell that they saw one person. Each has its own holder key, salts and status index, and
// dates that all cards of the day have. c is what they have in common; its Holder, Status and InsecureUnbound stay empty, and so does
// Conceal.Rand. Card number n of the result is bound to b.Holders[n].
//
// Dates are rounded to the day in UTC, and no card is valid longer than asked:
//
//   - iat is the beginning of the day, or b.KeyFrom, rounded up to the second, if that is later: a card that says that it is older
//     than its issuer's key is refused (issuer_key_not_yet_valid). So cards of a key's first day carry the moment of the key, which is
//     public and the same for everybody.
//   - nbf is rounded up, so that a card for next week begins no earlier than asked. A NotBefore that has passed is rounded down: no
//     card could be shown before it was made, and rounding up would make it wait until tomorrow.
//   - exp is rounded down. A card that would be over before it begins is refused with CallerFault at exp.
//
// What still links the cards: claims that are not concealed and those that the holder shows, and the issuer, its key and the type,
// which they share with everybody's.
//
// Errors are those of Issue, and CallerFault at cnf or status for a key or reference that is missing or there twice. After an error
// no card is returned, and the status indexes count as used.
func (i *Issuer) IssueBatch(ctx context.Context, c Card, b Batch) ([][]byte, error) {
	if c.InsecureUnbound || !c.Holder.IsZero() || len(b.Holders) == 0 {
		return nil, failAt(CallerFault, "cnf")
	}
	if c.Status != nil || b.Status != nil && len(b.Status) != len(b.Holders) {
		return nil, failAt(CallerFault, "status")
	}
	if c.Conceal.Rand != nil {
		return nil, fail(CallerFault) // a source that repeats itself would give two cards the same salts
	}
	if err := b.distinct(); err != nil {
		return nil, err
	}
	now := i.c.Now()
	issued, err := roundDates(&c, now, b.KeyFrom)
	if err != nil {
		return nil, err
	}
	dated := *i
	dated.c.Now = func() time.Time { return issued }
	cards := make([][]byte, 0, len(b.Holders))
	for n, holder := range b.Holders {
		c.Holder = holder
		if b.Status != nil {
			c.Status = &b.Status[n]
		}
		card, err := dated.Issue(ctx, c)
		if err != nil {
			return nil, err
		}
		cards = append(cards, card)
	}
	return cards, nil
}

// distinct refuses what would link two cards.
func (b *Batch) distinct() error {
	keys := make(map[string]bool, len(b.Holders))
	for _, k := range b.Holders {
		id := string(k.JWK())
		if len(k.Algorithms()) == 0 || id == "" || keys[id] {
			return failAt(CallerFault, "cnf")
		}
		keys[id] = true
	}
	refs := make(map[status.Reference]bool, len(b.Status))
	for _, r := range b.Status {
		if r.URI == "" || refs[r] {
			return failAt(CallerFault, "status")
		}
		refs[r] = true
	}
	return nil
}

// roundDates rounds c's dates and returns iat: see IssueBatch.
func roundDates(c *Card, now, keyFrom time.Time) (issued time.Time, err error) {
	if keyFrom.After(now) {
		return issued, failAt(CallerFault, "iat") // no date is right before the key is valid
	}
	issued = now.Truncate(day) // counts from year 1 in UTC, so days of UTC
	if keyFrom.After(issued) {
		if issued = keyFrom.Truncate(time.Second); issued.Before(keyFrom) {
			issued = issued.Add(time.Second)
		}
	}
	if !c.NotBefore.IsZero() {
		begins := c.NotBefore.Truncate(day)
		if c.NotBefore.After(now) && begins.Before(c.NotBefore) {
			begins = begins.Add(day)
		}
		c.NotBefore = begins
	}
	if !c.Expires.IsZero() {
		c.Expires = c.Expires.Truncate(day)
		if !c.Expires.After(now) || !c.Expires.After(c.NotBefore) {
			return issued, failAt(CallerFault, "exp")
		}
	}
	return issued, nil
}

// OneTime is a holder's stock of one-time cards that say the same. A card is shown to one verifier and then never again, so that two
// verifiers, or one verifier on two days, cannot tell by the card that they saw one person. It is safe for concurrent use.
type OneTime struct {
	spent func(context.Context, *Held) error

	mu    sync.Mutex
	cards []oneTime
	known map[string]bool // thumbprints of the keys of all cards that were added, those that are spent or being shown too
}

type oneTime struct {
	holder *Holder
	card   *Held
}

// NewOneTime makes an empty stock. spent makes sure, before a presentation leaves the holder, that its card will not be there after
// a restart: it deletes the card and its private key from storage, or marks them, and returns when that is durable. At the start of
// the program, what is in storage is received again and added. spent may be called concurrently, for different cards; nil is for a
// stock that lives no longer than the process.
func NewOneTime(spent func(ctx context.Context, card *Held) error) *OneTime {
	return &OneTime{spent: spent}
}

// Add puts a card into the stock that h has received. A card with the key of one that is there already, is being shown or was spent is
// refused with CallerFault, because one key on two presentations links them.
func (o *OneTime) Add(h *Holder, card *Held) error {
	if h == nil || h.signer == nil || card == nil || card.Verified == nil || !card.Verified.Holder.Equal(h.signer.Public()) {
		return fail(CallerFault)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	key := card.Verified.Holder.Thumbprint()
	if o.known[key] {
		return failAt(CallerFault, "cnf")
	}
	if o.known == nil {
		o.known = map[string]bool{}
	}
	o.known[key] = true
	o.cards = append(o.cards, oneTime{h, card})
	return nil
}

// Left returns how many cards are left. Some may have expired: they leave the stock when Present comes upon them.
func (o *OneTime) Left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.cards)
}

// Present is Holder.Present with a card that is spent by it. A presentation that cannot be made, because of a claim that the card
// lacks or a signer that fails, spends nothing. If the stock's own spent fails, the card counts as spent, since storage may have
// forgotten it, and nothing is shown; the error is what spent returned. The error is NoCardLeft when no unexpired card is left.
func (o *OneTime) Present(ctx context.Context, s Showing) ([]byte, error) {
	c, err := o.take(s.At)
	if err != nil {
		return nil, err
	}
	p, err := c.holder.Present(ctx, c.card, s)
	if err != nil {
		o.mu.Lock()
		o.cards = append(o.cards, c)
		o.mu.Unlock()
		return nil, err
	}
	if o.spent != nil {
		if err := o.spent(ctx, c.card); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// take removes a card that is still valid at that time, and those that are not.
func (o *OneTime) take(at time.Time) (c oneTime, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.cards) > 0 {
		last := len(o.cards) - 1
		c, o.cards[last] = o.cards[last], oneTime{}
		o.cards = o.cards[:last]
		if expires := c.card.Verified.Expires; expires.IsZero() || at.Before(expires) {
			return c, nil
		}
	}
	return c, fail(NoCardLeft)
}
