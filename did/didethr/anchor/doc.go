// Package anchor writes did:ethr identities: it deploys the registry, publishes, retires and revokes keys and services, changes owners and
// deactivates. To read them, see package didethr.
//
// An identity needs no registration: whoever holds the private key of an Ethereum address has its DID already, and creating one means
// publishing its first key. What is written are changes, each a transaction that the identity's owner signs and pays for, or a MetaTx that
// the owner signs and somebody else pays for. A change counts for readers once its block is as final as they ask for; Registry.Final waits
// for that.
//
// # Keys that end
//
// A key that is replaced is retired: RetireKey lets its validity end, and what it signed before stays good. A key in wrong hands is revoked:
// from then on verifiers refuse all that it signed, whenever that was. Rotate adds the new key first and retires the old one once the new
// one is in a block.
//
// # Who signs
//
// Private keys stay behind the Signer interface, which signs a 32-byte digest. There are signers for a key in memory (NewSigner, Generate),
// in a file (LoadKeyFile, LoadKeystore) and behind a service (RemoteSigner); an HSM or a KMS needs two methods. What a Signer gives is checked
// against its address before it is used.
//
// # What a transaction costs
//
// Fees and gas limits come from the node for each transaction, none is written into the code: the price list of Ethereum changes with its
// forks. Config.MaxFee bounds what a node's word can make an account pay. A transaction that is stuck is replaced by one that pays more.
//
// # After a crash
//
// With a Config.Journal, what is signed is on the disk before it is sent, and the next process goes on from there. Operations that are
// given names with Op.Once are done once, however often a program that was interrupted is run again. Without a journal, look at the chain
// before an operation is repeated whose State was Pending. A node that lies can make an operation
// happen twice, which costs its fee once more and changes next to nothing; payments and deployments never get a second nonce by themselves.
//
// # Registries
//
// The registry's source is in ../contract; its ABI and bytecode are embedded. It is unaudited. Registries that were deployed by others can be
// written as well: give their code's hash in didethr.Network.CodeHash. On those, deactivation can be undone by the deactivated key (the
// registry falls back to it), which this package cannot change; and signed operations are refused with LegacyRegistry, because they can be
// replayed there.
package anchor
