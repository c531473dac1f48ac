package didethr

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/sha3"

	"github.com/khyer/khyer/did"
)

// Address is an Ethereum address.
type Address [20]byte

// String returns the address as 0x and 40 hexadecimal digits, in the mixed case of EIP-55.
func (a Address) String() string {
	digits := []byte(hex.EncodeToString(a[:]))
	sum := keccak(digits)
	for i, c := range digits {
		if c >= 'a' && sum[i/2]>>(4*(1-i%2))&0xf >= 8 {
			digits[i] = c - 'a' + 'A'
		}
	}
	return "0x" + string(digits)
}

// ParseAddress reads 0x and 40 hexadecimal digits of either case. It does not check the case of EIP-55.
func ParseAddress(s string) (Address, error) {
	var a Address
	if len(s) != 42 || s[:2] != "0x" {
		return a, errors.New("didethr: an address is 0x and 40 hexadecimal digits")
	}
	if _, err := hex.Decode(a[:], []byte(s[2:])); err != nil {
		return a, errors.New("didethr: an address is 0x and 40 hexadecimal digits")
	}
	return a, nil
}

func keccak(data ...[]byte) (sum [32]byte) {
	h := sha3.NewLegacyKeccak256()
	for _, d := range data {
		h.Write(d)
	}
	h.Sum(sum[:0])
	return sum
}

// identifier is a did:ethr taken apart.
type identifier struct {
	did      did.DID
	network  string // as written; empty means mainnet
	digits   string // of the identifier, as written
	identity Address
	key      *secp256k1.PublicKey // public-key form only
}

// maxDID bounds the DID before it is taken apart: the longest network name and a compressed key.
const maxDID = 256

// parseIdentifier follows the grammar of the method specification, section "Method Specific Identifier", strictly: the identifier is
// a part of its own after the last colon. (Stock ethr-did-resolver takes any character in the place of that colon.)
func parseIdentifier(id did.DID) (identifier, error) {
	out := identifier{did: id}
	rest, ok := strings.CutPrefix(id.String(), "did:ethr:")
	if !ok || len(rest) > maxDID {
		return out, fault(did.InvalidDID, "not a did:ethr")
	}
	last := rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		out.network, last = rest[:i], rest[i+1:]
		if out.network == "" {
			return out, fault(did.InvalidDID, "an empty network name")
		}
	}
	digits, ok := strings.CutPrefix(last, "0x")
	raw, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return out, fault(did.InvalidDID, "the identifier is not 0x and hexadecimal digits")
	}
	out.digits = digits
	switch len(raw) {
	case 20:
		out.identity = Address(raw)
	case 33:
		if out.key, err = secp256k1.ParsePubKey(raw); err != nil {
			return out, fault(did.InvalidDID, "the public key is not a compressed point of secp256k1")
		}
		out.identity = addressOf(out.key)
	default:
		return out, fault(did.InvalidDID, "the identifier is neither an address nor a compressed public key")
	}
	return out, nil
}

// addressOf is the last 20 bytes of the Keccak hash of the point without its first byte.
func addressOf(k *secp256k1.PublicKey) Address {
	sum := keccak(k.SerializeUncompressed()[1:])
	return Address(sum[12:])
}

// serves reports whether a DID's network part means n: the name, the hexadecimal chain id, or, for Ethereum's mainnet, nothing.
func (n *Network) serves(name string) bool {
	if name == "" || name == "mainnet" {
		return n.ChainID == 1
	}
	return name == n.Name || isChainID(name, n.ChainID)
}

func isChainID(s string, id uint64) bool {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || digits == "" || digits[0] == '0' {
		return false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return err == nil && n == id
}

// fault makes the package's only kind of error.
func fault(c did.Code, detail string) error {
	return &did.Error{Code: c, Err: errors.New("didethr: " + detail)}
}

// wrap keeps the cause.
func wrap(c did.Code, err error) error { return &did.Error{Code: c, Err: err} }
