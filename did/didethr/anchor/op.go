package anchor

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/internal/strictjson"
)

// Use is what a key or a delegate is for, in the words of did:ethr.
type Use string

// The uses that readers know.
const (
	VeriKey Use = "veriKey" // makes assertions: signs credentials
	SigAuth Use = "sigAuth" // authenticates; readers let it make assertions as well
	Enc     Use = "enc"     // agrees on keys, to receive what is encrypted; not for delegates
)

// Op is a change of an identity, to be made by Identity.Apply or signed as a MetaTx. It is a value: copy it, keep it, apply it to
// several identities. A fault in its arguments comes out when it is used.
type Op struct {
	fn       function
	rank     rank
	what     string   // the constructor's name
	name     [32]byte // of the attribute, or the delegate's use
	value    []byte   // of the attribute
	who      didethr.Address
	validity uint64 // seconds
	id       string
	err      error
	check    func(ctx context.Context, p *written) error // what can only be seen on the chain
}

// function is one of the contract's.
type function struct {
	name   string // "SetAttribute", as EIP-712 spells it
	direct string // signature of the owner's own call
	signed string // signature of the relayed call
	typed  []field
}

// field is a member of the typed data, beside identity, nonce and deadline.
type field struct{ name, kind string }

var (
	callChangeOwner = function{"ChangeOwner", "changeOwner(address,address)", "changeOwnerSigned(address,address,uint256,bytes)",
		[]field{{"newOwner", "address"}}}
	callAddDelegate = function{"AddDelegate", "addDelegate(address,bytes32,address,uint256)", "addDelegateSigned(address,bytes32,address,uint256,uint256,bytes)",
		[]field{{"delegateType", "bytes32"}, {"delegate", "address"}, {"validity", "uint256"}}}
	callRevokeDelegate = function{"RevokeDelegate", "revokeDelegate(address,bytes32,address)", "revokeDelegateSigned(address,bytes32,address,uint256,bytes)",
		[]field{{"delegateType", "bytes32"}, {"delegate", "address"}}}
	callSetAttribute = function{"SetAttribute", "setAttribute(address,bytes32,bytes,uint256)", "setAttributeSigned(address,bytes32,bytes,uint256,uint256,bytes)",
		[]field{{"name", "bytes32"}, {"value", "bytes"}, {"validity", "uint256"}}}
	callRevokeAttribute = function{"RevokeAttribute", "revokeAttribute(address,bytes32,bytes)", "revokeAttributeSigned(address,bytes32,bytes,uint256,bytes)",
		[]field{{"name", "bytes32"}, {"value", "bytes"}}}
)

// rank is the order in which Apply does things.
type rank int

const (
	revocation rank = iota // must not wait for anything
	addition
	retirement // and what follows wait until all before has succeeded
	handover
)

// String names the operation, without its arguments.
func (o Op) String() string { return o.what }

// Once gives the operation a name, 1 to 128 bytes, under which the Config.Journal remembers it: however often it is applied, in this
// process or after a crash in the next one, it is done once. Applied again it gives the receipt of the first time. An operation that was
// refused or reverted has not been done and can be tried again under its name.
//
// The name stands for all that the operation says, for its identity, registry and sender: with anything else under it, it is refused with
// BadConfig. A validity counts. One that is computed as the time left until some day is another one in the next process; keep it fixed.
func (o Op) Once(id string) Op {
	if id == "" || len(id) > 128 || !utf8.ValidString(id) {
		o.err = fail(BadConfig, "a name for Once is text of 1 to 128 bytes")
	}
	o.id = id
	return o
}

const (
	keyPrefix     = "did/pub/Multikey/" // did:ethr specification, "Multikey"
	servicePrefix = "did/svc/"
	maxValue      = 16 << 10 // bytes of an attribute; each costs gas, and nodes refuse transactions of more than 128 KiB
)

// AddKey publishes a key, valid from its block on for the given time (whole seconds). Adding it again renews it: its validity then counts
// from the new block. Documents call it #delegate-N, where N counts the events about keys and delegates, revocations included: renewed, it
// gets another N, and the old ids stay its aliases, as its thumbprint does. Keys to sign with are those of P-256, P-384, secp256k1 and Ed25519; X25519 is for Enc alone, and Ed25519 is not for Enc.
func AddKey(k pubkey.Key, u Use, valid time.Duration) Op {
	o := keyOp("AddKey", callSetAttribute, addition, k, u)
	return o.valid(valid)
}

// RevokeKey revokes a key: from its block on, verifiers refuse all that it signed, whenever that was. It is for keys in wrong hands. For a
// key that is merely replaced there is RetireKey.
//
// It covers one name: what AddKey published for the same use. A key that is published for another use as well, or by other software under
// another name, stays published there; Registry.Revocations covers all names. If that one is not published, or revoked already, it is
// refused with the reason NotPublished, as all that revokes is: the registry would take the transaction, and the key would live on. That is
// looked up in the newest block; lapsed keys can be revoked.
func RevokeKey(k pubkey.Key, u Use) Op {
	return keyOp("RevokeKey", callRevokeAttribute, revocation, k, u).checked(k)
}

// Unchecked makes a RevokeKey, RevokeService, RevokeAttribute or RevokeDelegate that is sent without looking whether what it revokes is
// published: for the day on which the chain can be written and not read. Look afterwards.
func (o Op) Unchecked() Op {
	if o.rank != revocation && o.err == nil {
		o.err = fail(BadConfig, "what does not revoke is never unchecked")
	}
	o.check = nil
	return o
}

// checked makes a revocation that is refused unless it hits something; key is zero if it is about none.
func (o Op) checked(key pubkey.Key) Op {
	bare := o
	o.check = func(ctx context.Context, p *written) error { return p.revocable(ctx, bare, key) }
	return o
}

// RetireKey lets a key's validity end the given time after its block, a second at least, and earlier than it would: what it signed until
// then stays good for verifiers that accept lapsed keys. It is refused with the reason BadKey if the key is not published, has been
// revoked (it would become valid again), or ends earlier anyway; that is looked up in the newest block.
func RetireKey(k pubkey.Key, u Use, in time.Duration) Op {
	o := keyOp("RetireKey", callSetAttribute, retirement, k, u).valid(in)
	o.check = func(ctx context.Context, p *written) error { return p.registry.retirable(ctx, p.identity, k, u, in) }
	return o
}

// Rotate returns the operations that put a new key into the place of an old one: AddKey, and RetireKey with a second left. Apply retires
// only what has a successor in a block, so that a fault in the middle leaves two keys and never none. A compromised key is not rotated:
// apply RevokeKey of it and AddKey of the next.
func Rotate(old, next pubkey.Key, u Use, valid time.Duration) []Op {
	retire := RetireKey(old, u, time.Second)
	if old.Equal(next) {
		retire.err = fail(BadKey, "the old key is the new one")
	}
	return []Op{AddKey(next, u, valid), retire}
}

// AddService publishes a service, such as AddService("LinkedDomains", "https://agency.example", year). The endpoint is a URI, or a JSON
// object or array as DID Core section 5.4 has them. Its id becomes #service-N, where N counts the events about services, revocations
// included; nobody can choose it. The type has 24 bytes at most. Whatever is written stays readable for ever: no
// personal data.
func AddService(kind, endpoint string, valid time.Duration) Op {
	o := serviceOp("AddService", callSetAttribute, addition, kind, endpoint)
	return o.valid(valid)
}

// RevokeService takes a service back; its arguments are those with which it was added. One that is not published is refused with the reason
// NotPublished, as with RevokeKey.
func RevokeService(kind, endpoint string) Op {
	return serviceOp("RevokeService", callRevokeAttribute, revocation, kind, endpoint).checked(pubkey.Key{})
}

// SetAttribute publishes an attribute in did:ethr's own spelling, for what the operations above do not offer.
func SetAttribute(name string, value []byte, valid time.Duration) Op {
	o := attributeOp("SetAttribute", callSetAttribute, addition, name, value)
	return o.valid(valid)
}

// RevokeAttribute takes an attribute back; name and value are those with which it was set. One that is not published is refused with the
// reason NotPublished, as with RevokeKey.
func RevokeAttribute(name string, value []byte) Op {
	return attributeOp("RevokeAttribute", callRevokeAttribute, revocation, name, value).checked(pubkey.Key{})
}

// AddDelegate lets another account's key act for the identity, as VeriKey or SigAuth. Adding it again renews it.
func AddDelegate(delegate didethr.Address, u Use, valid time.Duration) Op {
	return delegateOp("AddDelegate", callAddDelegate, addition, delegate, u).valid(valid)
}

// RevokeDelegate ends that. A delegate that is not published for that use is refused with the reason NotPublished, as with RevokeKey.
func RevokeDelegate(delegate didethr.Address, u Use) Op {
	return delegateOp("RevokeDelegate", callRevokeDelegate, revocation, delegate, u).checked(pubkey.Key{})
}

// ChangeOwner hands the identity over. From then on the new owner's Signer writes it.
func ChangeOwner(to didethr.Address) Op {
	o := Op{fn: callChangeOwner, rank: handover, what: "ChangeOwner", who: to}
	if to == (didethr.Address{}) {
		o.err = fail(BadConfig, "the zero address would deactivate the identity; there is Deactivate for that")
	}
	return o
}

// Deactivate ends the identity for good: its document is empty from then on, and nothing can be written for it any more.
func Deactivate() Op { return Op{fn: callChangeOwner, rank: handover, what: "Deactivate"} }

func keyOp(what string, f function, k rank, key pubkey.Key, u Use) Op {
	value, err := multikey(key, u)
	o := attributeOp(what, f, k, keyPrefix+string(u), value)
	if err != nil {
		o.err = err
	}
	return o
}

// multikey returns what a Multikey attribute holds: the multicodec prefix and the key, without the multibase text around them.
func multikey(k pubkey.Key, u Use) ([]byte, error) {
	text, ok := k.Multikey()
	if !ok {
		return nil, fail(BadKey, "the key has no Multikey form")
	}
	switch curve := k.Curve(); {
	case u != VeriKey && u != SigAuth && u != Enc:
		return nil, fail(BadConfig, "the use of a key is VeriKey, SigAuth or Enc")
	case curve == "X25519" && u != Enc:
		return nil, fail(BadKey, "an X25519 key cannot sign")
	case curve == "Ed25519" && u == Enc:
		return nil, fail(BadKey, "an Ed25519 key can only sign")
	}
	base, value, err := multibase.Decode(text)
	if err != nil || base != multibase.Base58BTC {
		return nil, fail(BadKey, "the key has no Multikey form")
	}
	return value, nil
}

func serviceOp(what string, f function, k rank, kind, endpoint string) Op {
	o := attributeOp(what, f, k, servicePrefix+kind, []byte(endpoint))
	switch {
	case kind == "" || strings.ContainsFunc(kind, func(r rune) bool { return !isWord(r) }):
		o.err = fail(BadConfig, "a service's type is a word of letters, digits and underscores: readers skip others")
	case !isEndpoint(endpoint):
		o.err = fail(BadConfig, "an endpoint is a URI, a JSON object or a JSON array")
	}
	return o
}

func isWord(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

// isEndpoint refuses numbers, truth values and null: stock resolvers parse the value as JSON if they can, and would put them into the
// document (fault N6).
func isEndpoint(s string) bool {
	if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		_, err := strictjson.Parse([]byte(s), strictjson.Limits{Bytes: maxValue})
		return err == nil
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && utf8.ValidString(s)
}

func attributeOp(what string, f function, k rank, name string, value []byte) Op {
	o := Op{fn: f, rank: k, what: what, value: slices.Clone(value)}
	o.name, o.err = bytes32(name)
	if len(value) > maxValue {
		o.err = fail(BadConfig, "an attribute has %d bytes at most", maxValue)
	}
	return o
}

func delegateOp(what string, f function, k rank, delegate didethr.Address, u Use) Op {
	o := Op{fn: f, rank: k, what: what, who: delegate}
	o.name, o.err = bytes32(string(u))
	if delegate == (didethr.Address{}) {
		o.err = fail(BadConfig, "the zero address is nobody's")
	}
	return o
}

func (o Op) valid(d time.Duration) Op {
	if d < time.Second && o.err == nil {
		o.err = fail(BadConfig, "a validity is a second at least")
	}
	o.validity = uint64(max(d, 0) / time.Second)
	return o
}

func bytes32(name string) (w [32]byte, err error) {
	if name == "" || len(name) > len(w) {
		return w, fail(BadConfig, "a name has 1 to 32 bytes, this one has %d", len(name))
	}
	copy(w[:], name)
	return w, nil
}

// arguments are those of the contract's functions, after the identity.
func (o Op) arguments() []any {
	var args []any
	for _, f := range o.fn.typed {
		switch f.name {
		case "newOwner", "delegate":
			args = append(args, addressWord(o.who))
		case "name", "delegateType":
			args = append(args, o.name)
		case "value":
			args = append(args, tail(o.value))
		case "validity":
			args = append(args, uintWord(o.validity))
		}
	}
	return args
}

// calldata packs the owner's own call.
func (o Op) calldata(identity didethr.Address) []byte {
	return pack(o.fn.direct, append([]any{addressWord(identity)}, o.arguments()...)...)
}

// entry names what an operation sets or revokes, so that two of them can be told to be about the same.
func (o Op) entry() string {
	if o.rank == handover {
		return "owner"
	}
	return string(o.name[:]) + string(o.who[:]) + string(o.value)
}

// plan checks the operations as far as that goes without a chain and sorts them into stages: what is in one stage is sent without
// waiting for each other.
func plan(ops []Op) (stages [][]int, err error) {
	if len(ops) == 0 || len(ops) > maxOps {
		return nil, fail(BadConfig, "there are 1 to %d operations at a time", maxOps)
	}
	entries, ids := map[string]bool{}, map[string]bool{}
	order := make([]int, len(ops))
	for i, o := range ops {
		switch {
		case o.what == "":
			return nil, fail(BadConfig, "an operation that does nothing")
		case o.err != nil:
			return nil, o.err
		case entries[o.entry()]:
			return nil, fail(BadConfig, "two operations about the same entry: which comes first would decide")
		case o.id != "" && ids[o.id]:
			return nil, fail(BadConfig, "two operations of one name")
		}
		entries[o.entry()], ids[o.id], order[i] = true, true, i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(ops[a].rank) - int(ops[b].rank) })
	for k, i := range order {
		waits := k > 0 && ops[i].rank >= retirement && ops[i].rank != ops[order[k-1]].rank
		if k == 0 || waits {
			stages = append(stages, nil)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], i)
	}
	return stages, nil
}

// retirable looks a key up in the newest block.
func (r *Registry) retirable(ctx context.Context, identity didethr.Address, k pubkey.Key, u Use, in time.Duration) error {
	network := r.Network()
	network.RPC = network.RPC[:1]
	resolver, err := didethr.New(didethr.Config{Networks: []didethr.Network{network}, Finality: "latest", Client: r.http})
	if err != nil {
		return &Error{Reason: BadConfig, Err: err}
	}
	found, err := resolver.Resolve(ctx, r.DID(identity), did.At{})
	if err != nil {
		return &Error{Reason: NoAnswer, Err: err}
	}
	class := map[Use]string{VeriKey: "", SigAuth: "sigAuth", Enc: "attribute"}[u] // as package did lists them
	var newest *did.Key
	for i := range found.Keys {
		have := &found.Keys[i]
		if have.Public.Equal(k) && have.Class == class && (newest == nil || have.From.After(newest.From)) {
			newest = have
		}
	}
	switch {
	case newest == nil:
		return fail(BadKey, "the key is not published")
	case !newest.Revoked.IsZero():
		return fail(BadKey, "the key has been revoked; with a validity it would come back")
	case !newest.Until.IsZero() && !newest.Until.After(found.Anchor.Time.Add(in)):
		return fail(BadKey, "the key's validity ends earlier anyway")
	}
	return nil
}
