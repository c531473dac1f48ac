// Package verifier decides whether an agency may rely on what a citizen shows: an SD-JWT VC, selectively disclosed and bound to its
// holder, from an issuer that is trusted for that type of credential.
//
// Make one [Verifier] with [New] for what a deployment trusts, and call [Verifier.Verify] with what one request expects. There are
// three outcomes: a *[Result] (accepted), or an error that errors.As tells to be a *[Rejection] (not acceptable, for a named reason) or an
// *[Inconclusive] (could not be checked: retry, never accept). Any other error is a *[Misuse]: a mistake of the caller. errors.As finds the
// [Reason] of the first two as well, and [Describe] says what an officer is told for it.
//
// # The order of checks
//
//  1. Size and syntax, of the card and the key binding: all that needs no key and no clock. Disclosures are counted and decoded, not read.
//  2. The type: it is the one that was asked for.
//  3. The trust source: this issuer may issue this type. Nothing is resolved or fetched before. If a card comes with certificates, which the
//     trust source has to verify, step 5 precedes this one.
//  4. The header fits the way in which, by the trust entry, this issuer's key is found.
//  5. The cheap checks, which may only reject: audience, nonce, age and sd_hash of the key binding; the card's own aud; exp, nbf and iat.
//  6. The issuer's key: resolved, fit for its purpose, valid at the card's time, not revoked and not compromised.
//  7. The issuer's signature. Of several, one that passes steps 3 to 7 is enough.
//  8. The disclosures: each has its form and its place, and none hides what must stand in the clear. Times and audiences that were disclosed are
//     checked as in step 5.
//  9. The holder's key, and the signature of the key binding by it. Then an iat that was disclosed is held against the issuer's key, and what the
//     holder signed of transactions against Expect.TransactionData.
//  10. The claims that were asked for, and no others if Expect.RefuseSurplus says so.
//  11. The rules of the type, if Config.Types is set.
//  12. The status.
//  13. The replay guard, which is used up only by acceptance.
//
// [Verifier.VerifyAnswer] looks at the form of an answer first: each part answers a query, and none too often. Then every card goes through steps 1 to
// 12, in the order of the queries, and the first that fails ends it; in step 10 the claims are those of the first claim set that was shown, and the
// issuer is held against the trusted authorities that the query names. Then comes what the answer as a whole must be: all that is required is there,
// and nothing else; the cards are of one holder; linked claims are equal; where holders may differ, the links tie all cards together; each transaction
// was authorized with one card. Step 13 is made once.
//
// [Verifier.Explain] and [Verifier.ExplainAnswer] make the same checks, go on after a fault, and accept nothing.
//
// # Whose key, and who says so
//
// How the issuer's key is found is what the trust entry says: through the DID document of iss, from the certificates of x5c, or in the
// JWT VC Issuer Metadata of iss (see trust.Mechanism). A header that brings the means of another mechanism is refused.
//
// A rejection that comes before issuer and holder were both verified is marked Unauthenticated: anybody could have caused it.
package verifier

import (
	"context"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier/trust"
)

// Config is what a deployment trusts.
type Config struct {
	// Resolver finds the issuers' DID documents; required. Where no issuer has a DID, did.Mux{} is one.
	Resolver did.Resolver
	// Issuers says who may issue what; required.
	Issuers trust.Source
	// Documents fetches the JWT VC Issuer Metadata of issuers that are trusted by an https address. Without it their cards are inconclusive.
	Documents DocumentSource
	// Status gives status lists. Without it a card that names a status list is inconclusive. A CARD THAT NAMES NONE IS ACCEPTED WITHOUT ANY CHECK OF
	// REVOCATION, whatever stands here, unless the trust entry of its issuer says StatusRequired.
	Status status.Source
	// Types gives Type Metadata, which every card must then keep; see credential.ResolveType. Nil means that they are not asked.
	Types credential.TypeSource
	// Replay refuses a nonce that was accepted before; nil means a guard in this process's memory, which is enough for one process.
	Replay ReplayGuard
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	Skew       time.Duration // how far clocks may differ; zero means 30 seconds, negative none
	BindingAge time.Duration // how old a key binding may be; zero means 5 minutes
	StatusAge  time.Duration // how old a status list may be; zero means 24 hours
	AnchorAge  time.Duration // how old the block that an issuer's DID was read at may be; zero means 30 minutes

	// Limits bounds a presentation; zero fields mean the defaults of package disclosure.
	Limits disclosure.Limits
	// Observe, if set, is told of every outcome, with no claim and no holder.
	Observe func(context.Context, Event)

	// InsecureNoStatus accepts cards whose status could not be asked for want of a Status source. It shows in Result.Skipped.
	InsecureNoStatus bool
}

// Expect is what one request expects.
type Expect struct {
	// Audience and Nonce are what the holder was told to bind the presentation to; both required.
	//
	// Make a nonce for each request, with crypto/rand (rand.Text is one), keep it with the citizen's session, and give here what was kept, never
	// what came with an answer. Keep it as long as the citizen may take to answer, and BindingAge + 2*Skew longer at most, which is how old a key
	// binding may be by two clocks; and forget it when it was accepted. From then on the replay guard refuses it for BindingAge + 2*Skew + 10
	// minutes, in which the same presentation could pass again. A nonce whose presentation was rejected or inconclusive is not used up
	// (after replay_guard_failed nobody knows): the citizen may try again with it.
	Audience, Nonce string
	// Type is the credential type (vct), exactly; required.
	Type string
	// Claims are the claims that were asked for; each must be there. At least one. A list or an object may be there and empty because the
	// holder hid what is in it: that is no proof that there is nothing. An index counts the elements that are shown: if the
	// holder hides the first of a list, the second is element 0 here. Ask for lists with nil, which means all that are shown.
	Claims []disclosure.Path
	// Query asks for several cards: then Type and Claims are empty, and VerifyAnswer takes the answer.
	Query *dcql.Query
	// DifferentHolders accepts an answer whose cards are bound to different keys: one-time cards, of which each has its own, or cards of several people.
	// Each key has signed this request all the same. Linked must then tie all cards that are shown together, each to another one and so on to all
	// the rest; cards bound to the same key are tied by it. What nothing ties to the rest is a stranger's: HoldersDiffer.
	DifferentHolders bool
	// Linked names claims that were asked for and must be equal: each list one value, and a value that says something: null, "", [] and {} link
	// nothing. A list of which one claim only is shown, because its other cards were not needed, ties nothing.
	Linked [][]Link
	// TransactionData are the transactions that the holder was asked to authorize, each as it was sent: base64url of a JSON object (OpenID4VP 1.0 section 5.1 and
	// appendix B.3.3.1). For each of them one card whose credential query its credential_ids name must be there, whose holder signed its hash; with Verify, the
	// card. Card.Transactions says which did. A hash of anything else is refused: the holder has agreed to something that nobody asked here.
	TransactionData []string
	// RefuseSurplus rejects a presentation that discloses more than was asked. Otherwise the surplus is dropped, and its paths reported.
	// What the issuer left in the clear beside or inside an asked claim is no surplus of the holder's.
	RefuseSurplus bool
	// InsecureUnbound accepts a presentation without key binding: whoever copied the card can make one. It shows in Result.Skipped.
	InsecureUnbound bool
}

// Link is a claim of a card in an answer.
type Link struct {
	Query string // id of the credential query
	Path  disclosure.Path
}

// Event is what Config.Observe is told. Issuer and Type are empty unless issuer and holder were verified.
type Event struct {
	Verdict string // accepted, rejected or inconclusive
	Reason  Reason
	Issuer  string
	Type    string
	Took    time.Duration
}

// ReplayGuard remembers which requests were answered. The key is a hash of audience and nonce, the same in every process: agencies that
// run several give them one guard, behind which stands a store that they share. Use returns true for exactly one of any number of callers with the same key, and false
// for the others until the time is over; it is atomic and safe for concurrent use. An error is no answer: the presentation is then inconclusive.
// verifiertest.ReplayGuard checks an implementation.
type ReplayGuard interface {
	Use(ctx context.Context, key [32]byte, until time.Time) (fresh bool, err error)
}

// Verifier verifies presentations. It is safe for concurrent use and starts no goroutine.
type Verifier struct{ c Config }

// New checks c and returns a Verifier. The error is a *Misuse.
func New(c Config) (*Verifier, error) {
	switch {
	case c.Resolver == nil:
		return nil, &Misuse{"Config.Resolver is missing"}
	case c.Issuers == nil:
		return nil, &Misuse{"Config.Issuers is missing: nobody is trusted by default"}
	case c.BindingAge < 0 || c.StatusAge < 0 || c.AnchorAge < 0:
		return nil, &Misuse{"a duration in Config is negative"}
	case max(c.Skew, c.BindingAge, c.StatusAge, c.AnchorAge) > longest:
		return nil, &Misuse{"a duration in Config is longer than a year"}
	}
	if c.Replay == nil {
		c.Replay = newMemoryGuard(time.Now)
		if c.Now != nil {
			c.Replay = newMemoryGuard(c.Now)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	setDefault(&c.Skew, 30*time.Second)
	setDefault(&c.BindingAge, 5*time.Minute)
	setDefault(&c.StatusAge, 24*time.Hour)
	setDefault(&c.AnchorAge, 30*time.Minute)
	return &Verifier{c}, nil
}

// longest bounds the durations of Config, so that no sum of them overflows.
const longest = 366 * 24 * time.Hour

func setDefault(d *time.Duration, to time.Duration) {
	if *d == 0 {
		*d = to
	}
}

func (e Expect) check() error {
	switch {
	case e.Query != nil || e.DifferentHolders || len(e.Linked) > 0:
		return &Misuse{"Expect.Query, DifferentHolders and Linked are for VerifyAnswer"}
	case e.Type == "":
		return &Misuse{"Expect.Type is missing"}
	case len(e.Claims) == 0:
		return &Misuse{"Expect.Claims is empty: name the claims that were asked for"}
	case !e.InsecureUnbound && (e.Audience == "" || e.Nonce == ""):
		return &Misuse{"Expect.Audience or Expect.Nonce is missing"}
	case (e.Audience == "") != (e.Nonce == ""):
		return &Misuse{"Expect.Audience and Expect.Nonce go together"}
	}
	for _, p := range e.Claims {
		if p.Check() != nil {
			return &Misuse{"Expect.Claims has a malformed path"}
		}
	}
	return e.checkTransactions()
}

// Verify verifies one presentation of one card. The error is *Rejection, *Inconclusive or *Misuse.
func (v *Verifier) Verify(ctx context.Context, presentation []byte, e Expect) (*Result, error) {
	if v == nil || v.c.Now == nil {
		return nil, &Misuse{"a Verifier is made by New"}
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	begun := time.Now()
	a := attempt{Verifier: v, ctx: ctx, expect: e, now: v.c.Now()}
	res, err := a.run(presentation)
	if v.c.Observe != nil {
		v.c.Observe(ctx, a.event(err, time.Since(begun)))
	}
	if err != nil {
		return nil, err
	}
	return res, nil
}
