package anchor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/khyer/khyer/did/didethr"
)

// Signer signs with the secp256k1 key of an Ethereum account. Implementations are safe for concurrent use.
type Signer interface {
	// Address is the account's address.
	Address() didethr.Address
	// SignDigest signs a digest that is not hashed again. The signature is r, s (32 bytes each) and the recovery id, 0 or 1, with s
	// in the lower half of the order (EIP-2).
	SignDigest(ctx context.Context, digest [32]byte) (sig [65]byte, err error)
}

// KeySigner is a Signer with its key in memory. Printing it in any way shows its address alone.
type KeySigner struct {
	key     *secp256k1.PrivateKey
	address didethr.Address
}

// NewSigner makes a signer of a private key of 32 bytes, which it copies.
func NewSigner(priv []byte) (*KeySigner, error) {
	var k secp256k1.ModNScalar
	if len(priv) != 32 {
		return nil, fail(BadKey, "a private key has 32 bytes")
	}
	if overflow := k.SetByteSlice(priv); overflow || k.IsZero() {
		return nil, fail(BadKey, "the number is no private key of secp256k1")
	}
	return newKeySigner(secp256k1.NewPrivateKey(&k)), nil
}

// Generate makes a signer with a new key.
func Generate() (*KeySigner, error) {
	key, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		return nil, &Error{Reason: BadKey, Err: err}
	}
	return newKeySigner(key), nil
}

func newKeySigner(key *secp256k1.PrivateKey) *KeySigner {
	s := &KeySigner{key: key}
	sum := keccak(key.PubKey().SerializeUncompressed()[1:])
	copy(s.address[:], sum[12:])
	return s
}

// LoadKeyFile reads a private key from a file that holds its 64 hexadecimal digits, with or without 0x before and a line break
// after them, and nothing else. The file must be a regular one to which nobody but its owner has access. Errors never quote it.
func LoadKeyFile(path string) (*KeySigner, error) {
	const longest = len("0x") + 64 + len("\r\n")
	text, err := readSecret(path, longest)
	defer clear(text)
	if err != nil {
		return nil, err
	}
	digits := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	priv, err := hex.DecodeString(strings.TrimPrefix(digits, "0x"))
	defer clear(priv)
	if err != nil || len(priv) != 32 {
		return nil, fail(BadKey, "the key file does not hold 64 hexadecimal digits")
	}
	return NewSigner(priv)
}

// readSecret reads a regular file to which nobody but its owner has access.
func readSecret(path string, longest int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fail(BadKey, "the key file cannot be opened: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, fail(BadKey, "the key file is no regular file")
	}
	if open := info.Mode().Perm() & 0o077; open != 0 && permissionsCount {
		return nil, fail(BadKey, "others than its owner have access to the key file (mode %04o, wanted 0600)", info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(longest)+1))
	if err != nil || len(text) > longest {
		clear(text)
		return nil, fail(BadKey, "the key file cannot be read, or is too long")
	}
	return text, nil
}

// Address implements Signer.
func (s *KeySigner) Address() didethr.Address { return s.address }

// PublicKey returns the compressed public key, with which Registry.KeyDID makes a DID.
func (s *KeySigner) PublicKey() [33]byte { return [33]byte(s.key.PubKey().SerializeCompressed()) }

// SignDigest implements Signer. Signatures are deterministic (RFC 6979).
func (s *KeySigner) SignDigest(ctx context.Context, digest [32]byte) (sig [65]byte, err error) {
	if err := ctx.Err(); err != nil {
		return sig, err
	}
	const uncompressed = 27 // what a compact signature's first byte counts from
	compact := ecdsa.SignCompact(s.key, digest[:], false)
	copy(sig[:], compact[1:])
	sig[64] = compact[0] - uncompressed
	return sig, nil
}

// String returns the address and hides the key.
func (s *KeySigner) String() string { return "anchor.KeySigner(" + s.address.String() + ")" }

// Format keeps the key out of every verb of package fmt.
func (s *KeySigner) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// check makes sure that a signature is one, by the signer's key: a Signer may be a service far away, and a transaction signed by
// another key would be another account's.
func check(address didethr.Address, digest [32]byte, sig [65]byte) error {
	if sig[64] > 1 {
		return errors.New("the recovery id is neither 0 nor 1")
	}
	var s secp256k1.ModNScalar
	if s.SetByteSlice(sig[32:64]) || s.IsOverHalfOrder() {
		return errors.New("s is not in the lower half of the order")
	}
	compact := append([]byte{sig[64] + 27}, sig[:64]...)
	pub, _, err := ecdsa.RecoverCompact(compact, digest[:])
	if err != nil {
		return errors.New("no key can have made it")
	}
	sum := keccak(pub.SerializeUncompressed()[1:])
	if didethr.Address(sum[12:]) != address {
		return errors.New("another account's key made it")
	}
	return nil
}
