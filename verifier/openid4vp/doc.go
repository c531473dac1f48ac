// Package openid4vp is an agency's door: it asks a wallet for cards by OpenID for Verifiable Presentations 1.0 (V below) and gives what package verifier says
// of the answer to the browser that began, and to nobody else.
//
// [New] makes a [Door] of what a deployment trusts and of [Template] values: named requests, held against the agency's policy when the program starts. Mount the
// door for wallets, call [Door.Begin] where a citizen asks for a service, and [Door.Wait] where the page waits:
//
//	door, err := openid4vp.New(openid4vp.Config{Verifier: v, Policy: policy, Templates: templates, Signer: key, KeyID: did + "#key-1", BaseURL: "https://hospital.example/verify"})
//	mux.Handle("/verify/", door)
//	tx, err := door.Begin(w, r, "hospital-admission")       // a link and a QR code; binds the browser with a cookie
//	res, err := door.Wait(r, r.FormValue("transaction"))    // only for the browser that began it
//
// # What a transaction is
//
// Each has random values of its own: a handle, which stands in the QR code and names the transaction where wallets and pages speak of it; an id, which never leaves
// the agency; a nonce; a key for which the answer is encrypted; and for a wallet on the same device a response code. The citizen has two minutes to answer. Of
// any number of answers one is accepted, by [Store.Replace]. A failed one uses nothing up: the citizen may try again, and a stranger who has seen the QR code can
// make nothing lapse. Answers that fail often are looked at one after the other, with a pause.
//
// What is kept between these steps is sealed, and the store sees no claim. Claims are given out once, or as long as the template's retention says, and then deleted.
//
// # Who sees the result
//
// The browser that began, known by a cookie. With Template.CrossDevice that is all that ties the citizen to it: whoever relays a QR code to somebody else sees
// what he shows (V 14.2). Without it, which is the default, the wallet sends its browser back with a response code, and nothing is given out before it came in the
// browser that began. The Digital Credentials API, and the mode fragment, are tied to the browser by themselves.
//
// # Profiles
//
// [DID] is OpenID4VP 1.0 as it stands; [HAIP] is the High Assurance Interoperability Profile 1.0 in full.
//
// The server that mounts a door sets ReadHeaderTimeout: what comes before a request is not the door's. The door sets deadlines for the rest of its own requests.
package openid4vp
