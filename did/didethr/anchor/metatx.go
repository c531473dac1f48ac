package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/internal/strictjson"
)

// MetaTx is an operation that the identity's owner signs and anybody may send and pay for: typed data (EIP-712) that names the chain, the
// registry, the identity's next number and a deadline, so that it can be carried out once and nowhere else.
//
// Registry.Prepare makes it on a machine with a network. Its JSON, which is what wallets take for eth_signTypedData_v4, goes to the owner,
// who signs with Sign or with the wallet; with the signature in it the JSON goes to whoever calls Registry.Relay.
type MetaTx struct {
	ChainID  uint64
	Registry didethr.Address
	Identity didethr.Address
	Op       Op
	Nonce    uint64    // the identity's number of signed operations and direct changes of owner so far
	Deadline time.Time // of the block that carries it out, in whole seconds
	// Signature is r, s and v of 65 bytes, or whatever the contract that owns the identity takes (ERC-1271). Nil if it is not signed yet.
	Signature []byte
}

// The domain of ../contract.
const (
	domainName    = "EthereumDIDRegistry"
	domainVersion = "1"
)

var domainFields = []field{{"name", "string"}, {"version", "string"}, {"chainId", "uint256"}, {"verifyingContract", "address"}}

// fields are the members of what is signed, in their order.
func (f function) fields() []field {
	out := append([]field{{"identity", "address"}}, f.typed...)
	return append(out, field{"nonce", "uint256"}, field{"deadline", "uint256"})
}

// encodeType is that of EIP-712, "Definition of encodeType".
func encodeType(name string, fields []field) []byte {
	out := name + "("
	for i, f := range fields {
		if i > 0 {
			out += ","
		}
		out += f.kind + " " + f.name
	}
	return []byte(out + ")")
}

// Digest is what the owner signs (EIP-712, "Specification of the eth_signTypedData JSON RPC"): for a wallet that is a contract, the hash
// that its owners approve.
func (m *MetaTx) Digest() [32]byte {
	var domain, what []byte
	put := func(to *[]byte, words ...[32]byte) {
		for _, w := range words {
			*to = append(*to, w[:]...)
		}
	}
	put(&domain, keccak(encodeType("EIP712Domain", domainFields)), keccak([]byte(domainName)), keccak([]byte(domainVersion)),
		uintWord(m.ChainID), addressWord(m.Registry))
	put(&what, keccak(encodeType(m.Op.fn.name, m.Op.fn.fields())), addressWord(m.Identity))
	for _, a := range m.Op.arguments() {
		if t, ok := a.(tail); ok {
			put(&what, keccak(t))
		} else {
			put(&what, a.([32]byte))
		}
	}
	put(&what, uintWord(m.Nonce), uintWord(uint64(m.Deadline.Unix())))
	d, w := keccak(domain), keccak(what)
	return keccak([]byte{0x19, 0x01}, d[:], w[:])
}

func (m *MetaTx) calldata() []byte {
	args := append([]any{addressWord(m.Identity)}, m.Op.arguments()...)
	return pack(m.Op.fn.signed, append(args, uintWord(uint64(m.Deadline.Unix())), tail(m.Signature))...)
}

// sound checks what can be checked without a chain.
func (m *MetaTx) sound() error {
	switch {
	case m.Op.err != nil:
		return m.Op.err
	case m.Op.what == "" || m.ChainID == 0 || m.Registry == (didethr.Address{}):
		return fail(BadConfig, "a signed operation has an operation, a chain and a registry")
	case m.Deadline.Unix() <= 0 || m.Deadline.Unix() > math.MaxInt64/2:
		return fail(BadConfig, "a signed operation has a deadline")
	}
	return nil
}

// Sign signs with the key of the identity's owner. It needs no network. What it signs, say m's fields and JSON; look at them before.
func (m *MetaTx) Sign(ctx context.Context, owner Signer) error {
	if owner == nil {
		return fail(BadConfig, "no signer")
	}
	if err := m.sound(); err != nil {
		return err
	}
	sig, err := signDigest(ctx, owner, m.Digest())
	if err != nil {
		return err
	}
	const v = 27 // what ecrecover counts from
	sig[64] += v
	m.Signature = sig[:]
	return nil
}

// Prepare makes operations ready for the owner's signature: in the order in which they must be relayed, each with the identity's next
// number, and looked up in the newest block as Identity.Apply does it. They hold for this chain and this registry until the deadline, and
// not after a change of owner. On a registry that is not the embedded one it fails with LegacyRegistry: there, what is signed can be
// replayed, on another chain or once ownership has moved (faults F5 and F6).
func (r *Registry) Prepare(ctx context.Context, identity didethr.Address, deadline time.Time, ops ...Op) ([]*MetaTx, error) {
	if err := r.takesSigned(); err != nil {
		return nil, err
	}
	stages, err := plan(ops)
	if err != nil {
		return nil, err
	}
	nonce, err := r.signedNonce(ctx, identity)
	if err != nil {
		return nil, err
	}
	var out []*MetaTx
	have := &written{registry: r, identity: identity}
	for _, stage := range stages {
		for _, at := range stage {
			o := ops[at]
			if o.check != nil {
				if err := o.check(ctx, have); err != nil {
					return nil, err
				}
			}
			m := &MetaTx{ChainID: r.network.ChainID, Registry: r.network.Registry, Identity: identity, Op: o, Nonce: nonce + uint64(len(out)),
				Deadline: deadline}
			if err := m.sound(); err != nil {
				return nil, err
			}
			out = append(out, m)
		}
	}
	return out, nil
}

// Relay carries out operations that the identity's owner signed, one after the other in the order given; payer pays. One that was
// carried out already, or comes before its turn, fails with Stale. With an error the receipts' States say how far it got.
func (r *Registry) Relay(ctx context.Context, payer Signer, txs ...*MetaTx) ([]Receipt, error) {
	out := make([]Receipt, len(txs))
	if err := r.takesSigned(); err != nil {
		return out, err
	}
	if payer == nil || len(txs) == 0 || len(txs) > maxOps {
		return out, fail(BadConfig, "relaying needs a signer who pays, and 1 to %d operations", maxOps)
	}
	for _, m := range txs {
		if err := m.sound(); err != nil {
			return out, err
		}
		if m.ChainID != r.network.ChainID || m.Registry != r.network.Registry {
			return out, fail(BadConfig, "the operation was signed for another chain or registry")
		}
		if len(m.Signature) == 0 || len(m.Signature) > maxSignature {
			return out, fail(BadConfig, "the operation has no signature, or one of more than %d bytes", maxSignature)
		}
	}
	for i, m := range txs {
		next, err := r.signedNonce(ctx, m.Identity)
		if err == nil && next != m.Nonce {
			err = fail(Stale, "the operation has number %d, and the identity's next is %d", m.Nonce, next)
		}
		if err != nil {
			return out, err
		}
		to := r.network.Registry
		if out[i], err = r.transact(ctx, newJob(payer, &to, nil, m.calldata())); err != nil {
			return out, err
		}
	}
	return out, nil
}

// maxSignature bounds what the relayer pays for: room for dozens of owners of a contract.
const maxSignature = 8 << 10

func (r *Registry) takesSigned() error {
	if r.network.CodeHash != RegistryCodeHash() || r.network.Legacy {
		return fail(LegacyRegistry, "signed operations are for the embedded registry only")
	}
	return nil
}

func (r *Registry) signedNonce(ctx context.Context, identity didethr.Address) (uint64, error) {
	to := r.network.Registry
	var word hexHash
	if err := r.node.Call(ctx, &word, "eth_call", newCall(didethr.Address{}, &to, nil, pack("nonce(address)", addressWord(identity))), "latest"); err != nil {
		return 0, nodeError(err)
	}
	const highest = 1 << 40 // the contract's numbers have 40 bits
	for _, b := range word[:24] {
		if b != 0 {
			return 0, fail(NoAnswer, "the node gives a number that the registry cannot have")
		}
	}
	n, _ := strconv.ParseUint(hex.EncodeToString(word[24:]), 16, 64)
	if n >= highest {
		return 0, fail(NoAnswer, "the node gives a number that the registry cannot have")
	}
	return n, nil
}

// The JSON form.

type typedField struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type typedDomain struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	ChainID  uint64 `json:"chainId"`
	Contract string `json:"verifyingContract"`
}

type typedData struct {
	Types       map[string][]typedField `json:"types"`
	PrimaryType string                  `json:"primaryType"`
	Domain      typedDomain             `json:"domain"`
	Message     map[string]string       `json:"message"`
	Signature   hexBytes                `json:"signature,omitempty"`
}

func typedFields(fields []field) (out []typedField) {
	for _, f := range fields {
		out = append(out, typedField{f.name, f.kind})
	}
	return out
}

// MarshalJSON writes the typed data as eth_signTypedData_v4 takes it, and the signature, if there is one, beside it. Numbers are decimal
// text, except for the chain id.
func (m *MetaTx) MarshalJSON() ([]byte, error) {
	if err := m.sound(); err != nil {
		return nil, err
	}
	message := map[string]string{
		"identity": m.Identity.String(),
		"nonce":    strconv.FormatUint(m.Nonce, 10),
		"deadline": strconv.FormatInt(m.Deadline.Unix(), 10),
	}
	for _, f := range m.Op.fn.typed {
		switch f.name {
		case "newOwner", "delegate":
			message[f.name] = m.Op.who.String()
		case "name", "delegateType":
			message[f.name] = "0x" + hex.EncodeToString(m.Op.name[:])
		case "value":
			message[f.name] = "0x" + hex.EncodeToString(m.Op.value)
		case "validity":
			message[f.name] = strconv.FormatUint(m.Op.validity, 10)
		}
	}
	return json.Marshal(typedData{
		Types:       map[string][]typedField{"EIP712Domain": typedFields(domainFields), m.Op.fn.name: typedFields(m.Op.fn.fields())},
		PrimaryType: m.Op.fn.name,
		Domain:      typedDomain{domainName, domainVersion, m.ChainID, m.Registry.String()},
		Message:     message,
		Signature:   m.Signature,
	})
}

// maxMetaTx bounds the JSON: an attribute and a signature of the largest size, in hexadecimal, with room around them.
const maxMetaTx = 2*(maxValue+maxSignature) + 8<<10

// UnmarshalJSON reads what MarshalJSON writes, in any order and layout. Anything more or else is refused with BadConfig: what is relayed or
// signed must be the registry's own operation, and its types are not a stranger's to choose.
func (m *MetaTx) UnmarshalJSON(text []byte) error {
	if _, err := strictjson.Parse(text, strictjson.Limits{Bytes: maxMetaTx, Depth: 8}); err != nil {
		return fail(BadConfig, "the signed operation is no JSON: %w", err)
	}
	var t typedData
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return fail(BadConfig, "the signed operation has another form than typed data")
	}
	out, err := t.metaTx()
	if err != nil {
		return err
	}
	*m = *out
	return nil
}

func (t *typedData) metaTx() (*MetaTx, error) {
	out := &MetaTx{ChainID: t.Domain.ChainID, Signature: t.Signature}
	for _, f := range []function{callChangeOwner, callAddDelegate, callRevokeDelegate, callSetAttribute, callRevokeAttribute} {
		if f.name == t.PrimaryType {
			out.Op = Op{fn: f, what: f.name}
		}
	}
	fn := out.Op.fn
	if fn.name == "" || t.Domain.Name != domainName || t.Domain.Version != domainVersion || len(t.Types) != 2 ||
		!sameFields(t.Types["EIP712Domain"], domainFields) || !sameFields(t.Types[fn.name], fn.fields()) || len(t.Message) != len(fn.fields()) {
		return nil, fail(BadConfig, "the typed data is not of one of the registry's operations")
	}
	var ok [4]bool
	out.Registry, ok[0] = parseAddress(t.Domain.Contract)
	out.Identity, ok[1] = parseAddress(t.Message["identity"])
	out.Nonce, ok[2] = parseDecimal(t.Message["nonce"])
	deadline, ok3 := parseDecimal(t.Message["deadline"])
	ok[3] = ok3 && deadline <= math.MaxInt64/2
	out.Deadline = time.Unix(int64(deadline&math.MaxInt64), 0).UTC()
	for _, good := range append(ok[:], out.Op.parse(t.Message)) {
		if !good {
			return nil, fail(BadConfig, "a member of the typed data has another form than its type")
		}
	}
	return out, out.sound()
}

// parse reads an operation's own members.
func (o *Op) parse(message map[string]string) bool {
	good := true
	for _, f := range o.fn.typed {
		text, ok := message[f.name]
		switch f.name {
		case "newOwner", "delegate":
			var parsed bool
			o.who, parsed = parseAddress(text)
			ok = ok && parsed
		case "name", "delegateType":
			var w hexHash
			ok = ok && w.UnmarshalText([]byte(text)) == nil
			o.name = w
		case "value":
			var b hexBytes
			ok = ok && b.UnmarshalText([]byte(text)) == nil && len(b) <= maxValue
			o.value = b
		case "validity":
			var parsed bool
			o.validity, parsed = parseDecimal(text)
			ok = ok && parsed
		}
		good = good && ok
	}
	if o.fn.name == callChangeOwner.name && o.who == (didethr.Address{}) {
		o.what = "Deactivate"
	}
	return good
}

func sameFields(have []typedField, want []field) bool {
	if len(have) != len(want) {
		return false
	}
	for i, f := range want {
		if have[i].Name != f.name || have[i].Type != f.kind {
			return false
		}
	}
	return true
}

func parseAddress(s string) (didethr.Address, bool) {
	a, err := didethr.ParseAddress(s)
	return a, err == nil
}

// parseDecimal reads a number in its one decimal spelling.
func parseDecimal(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == s
}
