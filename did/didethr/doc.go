// Package didethr resolves did:ethr: DIDs whose documents are made of the events of an ERC-1056 registry on an Ethereum-compatible chain.
//
// Fold is the pure part: events in, document and keys out. Resolver reads the events from nodes over JSON-RPC, in one request for a
// resolution. The package needs no go-ethereum: three events and three calls are decoded by hand, and Keccak comes from
// golang.org/x/crypto.
//
// # What is believed
//
// A Resolver takes one node's word (did.Anchor.Trust is "asserted"), but not blindly. An answer counts only if the block did not
// move while it was read, if the links between the identity's changes lead from the registry's last change to none, each to the
// next, if the registry's owner is that of the last owner event, and if no event within a block is missing: by the
// accumulator of our registry (package anchor), or else by the receipts of each block with a change, which are read once. Where a node
// has never given either, events of a block after its first can still be missing unseen. Whatever
// does not fit is asked for again, pinned to one block, and is IncompleteAnswer if it still does not fit.
//
// A node that lies on purpose can still invent a whole chain. Against that help one's own node, agreement of several operators
// (Network.Agree), and later proofs: no answer has the level "proved" yet.
//
// A Resolver does not go back in time: once it has answered from a block, no endpoint is believed that answers from an older one while that
// block is still in the chain, or, where Config.Finality is "finalized", at all. So a chain of one's own that is set back, for
// a test, needs "latest" or a new Resolver.
//
// Which events exist is decided by the time of the block read, never by the local clock. Whether a key has expired is decided by the
// later of the two. The default is the newest finalized block; Anchor says what was read, and how far the chain has got meanwhile
// (did.Anchor.Newest), by which a verifier notices that its own clock is slow.
//
// # Networks
//
// Known has the public deployments of the stock registry, with the source of each address. Chain id, registry and the hash of its code
// are configuration for every other network. An address alone pins no code: the two addresses that occur on many chains were made with
// deployment keys that everybody can compute. Where a node's code is not that of Network.CodeHash, the answer is WrongChain.
//
// Network.Profile chooses how documents are written: as the method specification and ethr-did-resolver 14 have it, or as version 11,
// with which Bhutan's NDI resolves. What a document lists, and Resolution.Keys, are the same in both. (NDI's own module puts the one context
// https://w3id.org/security/v3-unstable in the place of version 11's three, the last of which it is. Whoever needs its documents to the
// byte sets Context on a copy of the Document: a Resolution may be shared.)
//
// # Keys
//
// Resolution.Keys has every key, with the time in which it counted, so that a verifier can tell keys that lapsed, keys that were revoked,
// and keys that never were. Until is the validTo of the newest event that set the key, clamped to the end of the year 9999.
// A revocation is an event whose validTo is not later than its own block's time (0 from our registry, the block's time from others).
//
// Besides its id in the document, which is #delegate-N for the Nth event as in stock resolvers, a key has aliases, which are no part of
// the document: the ids that it had before it was renewed, since setting an entry again gives it another number, and the fragment
// #<thumbprint> (RFC 7638, SHA-256), which never changes. An issuer whose cards are verified through stock resolvers too names its
// key by the number, which those find until the key is renewed; where everybody resolves with this package, either does for good.
//
// A key that lapsed and was set again is one key, valid from its first block on: the issuer never said that it was bad.
//
// Events of one second, in one block or in several, are told apart by their places in the chain, never by the clock. A key that was set, and
// revoked under another name later in the same second, is revoked.
//
// A revocation ends the public key, also under other names that it was set under before, whichever of several revocations that is. But a
// revocation of what was never set says nothing: the registry has no such entry, no document lists it, and its name does not tell what its
// writer had in mind. Package anchor refuses to send such a one unless told to.
//
// A key that was revoked and set again is two. The old one stays revoked, under its ids: what was signed with it before the
// revocation stays refused, because the revocation said so and nobody can tell an old signature from one that a thief dated back. The
// new one counts from its own block on, under its new id and the thumbprint. So cards that name the key by its thumbprint and were
// signed before that block are refused as too early. An issuer who revoked by mistake must issue these anew.
//
// Classes (did.Key.Class). Empty: an attribute did/pub/Multikey/veriKey with a key that package pubkey can use; the only class that
// counts for issuers by default. "controller": #controller, an address, of the owner at the moment asked about; earlier owners are
// not listed. "controllerKey": the key in a public-key DID, as long as its own address is owner; revoked when ownership moved, and if it
// returned, valid from then on. "delegate": a veriKey delegate. "sigAuth": a delegate or attribute for
// authentication. "attribute": every other key attribute. Entries without a usable public key stand in the document only.
// Deactivation revokes all.
//
// # Where stock resolvers are left behind
//
// Documents are those of ethr-did-resolver 14.1.2, and with Network.Profile those of 11.1.3, compared as JSON on published histories. What
// would let somebody be believed who should not be is corrected in both; the shape of a document is copied. Above all:
//   - an entry is listed while validTo > now, as the contract's validDelegate has it, so that a revocation never reads as an addition. The
//     method specification says >=;
//   - a local clock that is behind hides no events and brings nothing back;
//   - the first change of owner to the zero address ends the history, whatever comes after it;
//   - identity zero has an empty document and no keys: in stock registries everybody writes for it;
//   - malformed DIDs and versions are errors: the colon before 0x is required; see did.URL.At;
//   - renewed keys keep their earlier ids as aliases;
//   - values over 16 KiB and keys over 4 KiB are not listed, and histories of more than 10,000 events are not read.
//
// DIVERGENCES.md beside this file has every fault of others by its number, what is done here and why, and the vector or test that
// shows it.
package didethr
