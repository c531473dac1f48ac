// Package anchor writes did:ethr identities: it deploys the registry, publishes and revokes keys, changes owners and deactivates. To
// read them, see package didethr.
//
// An identity needs no registration: whoever holds the private key of an Ethereum address has its DID already. What is written
// are changes, each a transaction that the identity's owner signs and pays for. A change counts for readers once its block is as
// final as they ask for; Registry.Final waits for that.
//
// Private keys stay behind the Signer interface, which signs a 32-byte digest: an HSM, a KMS or a signing service can stand behind
// it. Fees and gas limits come from the node for each transaction, none is written into the code: the price list of Ethereum
// changes with its forks.
//
// The registry's source is in ../contract; its ABI and bytecode are embedded. It is unaudited. Registries that were deployed by
// others can be written as well: give their code's hash in didethr.Network.CodeHash. On those, deactivation can be undone by
// the deactivated key (the registry falls back to it), which this package cannot change.
package anchor
