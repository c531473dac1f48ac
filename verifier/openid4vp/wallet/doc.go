// Package wallet is the holder's side of OpenID for Verifiable Presentations 1.0 (V below): what somebody who builds a wallet puts under its screens.
//
//	w, err := wallet.New(wallet.Config{Policy: policy, Resolver: resolver})
//	r, err := w.Open(ctx, link)                // a QR code or a deep link; a *Refusal says why not
//	choice, err := r.Choose(cards...)          // the smallest answer, and all that it would show
//	… the citizen reads r.Agency, r.Why, r.Kept and choice.Shown, and agrees …
//	out, err := r.Answer(ctx, choice)          // or r.Decline(ctx)
//	… the browser goes to out.Follow, if there is anything …
//
// # Who asks
//
// [Wallet.Open] believes nothing before it is verified. The agency has to stand in the signed list (Config.Policy) before anything is fetched or resolved for it.
// Then its request is fetched, from a host that the list has for it; the signature is verified by what the client identifier's prefix says; the answer must go to
// a host of the list; and what is asked for is held against the purpose that the request names. A request that asks for more than its purpose allows is refused,
// and [Refusal] names each claim too many, so that the wallet can tell the citizen.
//
// Config.Resolver gives the agency's key. Give it documents that the wallet has already: the signed list's, or a cache. A question to a node at this
// moment would tell the node who is asked by whom.
//
// # What is shown
//
// [Request.Choose] computes the answer that shows the least. Each [Shown] is read back from the very card that would be sent: it has the claims that were not asked for
// and cannot be hidden, too. Nothing leaves the wallet before [Request.Answer].
//
// Cards that are shown once are given as a stock (Card.Stock): each answer takes one, with a key of its own.
//
// # What is sent
//
// The key binding names the full client identifier with its prefix (V 14.8), or the origin through the Digital Credentials API, whatever the request says of itself. A
// request that asks for encryption gets no plain answer. No redirect is followed: where the citizen's browser should go next is given to the caller.
//
// That a card does not fit, or that the citizen says no, is told to the agency only by [Request.Decline].
package wallet
