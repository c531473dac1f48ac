package pubkey

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	koblitzdsa "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Signer signs with a private key that may live elsewhere. Implementations are safe for concurrent use.
type Signer interface {
	Public() Key
	// Sign returns the JOSE form of the signature (r||s for ECDSA) over input, which it hashes as a demands.
	Sign(ctx context.Context, a Algorithm, input []byte) ([]byte, error)
}

// FromCrypto makes a Signer of a crypto.Signer, such as a client of an HSM or a KMS or a key of the standard library. Its public key
// must pass New; for ECDSA it must return DER, which is checked and converted, and for secp256k1 s is made low. It is as safe for
// concurrent use as s is. A private key on secp256k1 is signed with by decred (constant time, RFC 6979), not by crypto/ecdsa.
func FromCrypto(s crypto.Signer) (Signer, error) {
	if s == nil {
		return nil, fail(Malformed)
	}
	pub, err := New(s.Public())
	if err != nil {
		return nil, err
	}
	if len(pub.Algorithms()) == 0 {
		return nil, fail(Unsupported)
	}
	if priv, ok := s.(*ecdsa.PrivateKey); ok && pub.k.curve == koblitz {
		d, err := scalarOf(priv)
		if err != nil {
			return nil, err
		}
		local, err := newKoblitzSigner(d)
		if err != nil {
			return nil, err
		}
		if !local.pub.Equal(pub) {
			return nil, fail(Mismatch)
		}
		return local, nil
	}
	return &remoteSigner{pub: pub, s: s}, nil
}

// remoteSigner adapts a crypto.Signer.
type remoteSigner struct {
	pub Key
	s   crypto.Signer
}

func (s *remoteSigner) Public() Key { return s.pub }

func (s *remoteSigner) Sign(ctx context.Context, a Algorithm, input []byte) ([]byte, error) {
	if err := ready(ctx, s.pub, a); err != nil {
		return nil, err
	}
	c := s.pub.k.curve
	digest, opts := input, crypto.Hash(0)
	switch c {
	case p256, koblitz:
		h := sha256.Sum256(input)
		digest, opts = h[:], crypto.SHA256
	case p384:
		h := sha512.Sum384(input)
		digest, opts = h[:], crypto.SHA384
	}
	sig, err := s.s.Sign(rand.Reader, digest, opts)
	if err != nil {
		return nil, &Error{Reason: SignerFault, Err: err}
	}
	if c == edwards {
		if len(sig) != ed25519.SignatureSize {
			return nil, fail(SignerFault)
		}
		return sig, nil
	}
	return fromDER(c, sig)
}

// ready tells whether a signature may be made: the algorithm fits and nobody has given up waiting.
func ready(ctx context.Context, k Key, a Algorithm) error {
	if a == "" || k.k.curve.alg != a {
		return fail(AlgorithmMismatch)
	}
	if err := ctx.Err(); err != nil {
		return &Error{Reason: SignerFault, Err: err}
	}
	return nil
}

// fromDER converts an ECDSA-Sig-Value (RFC 3279 section 2.2.3) in strict DER to r||s.
func fromDER(c *curve, der []byte) ([]byte, error) {
	var inner cryptobyte.String
	var r, s []byte
	input := cryptobyte.String(der)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() ||
		len(r) > c.size || len(s) > c.size {
		return nil, fail(SignerFault)
	}
	sig := make([]byte, 2*c.size)
	copy(sig[c.size-len(r):], r)
	copy(sig[2*c.size-len(s):], s)
	if c == koblitz {
		_, low, ok := scalars(sig)
		if !ok {
			return nil, fail(SignerFault)
		}
		if low.IsOverHalfOrder() {
			low.Negate()
			low.PutBytesUnchecked(sig[32:])
		}
		return sig, nil
	}
	if !inRange(sig[:c.size], c.order) || !inRange(sig[c.size:], c.order) {
		return nil, fail(SignerFault)
	}
	return sig, nil
}

// inRange reports whether 0 < v < n, all of one length.
func inRange(v []byte, n string) bool {
	zero := true
	for _, b := range v {
		zero = zero && b == 0
	}
	return !zero && string(v) < n
}

// koblitzSigner signs with decred: deterministic (RFC 6979), low s.
type koblitzSigner struct {
	pub  Key
	priv *secp256k1.PrivateKey
}

func newKoblitzSigner(d []byte) (*koblitzSigner, error) {
	var n secp256k1.ModNScalar
	if n.SetByteSlice(d) || n.IsZero() {
		return nil, fail(NotPrivate)
	}
	priv := secp256k1.NewPrivateKey(&n)
	pub, err := fromForm(koblitz, priv.PubKey().SerializeUncompressed())
	if err != nil {
		return nil, err
	}
	return &koblitzSigner{pub: pub, priv: priv}, nil
}

func (s *koblitzSigner) Public() Key { return s.pub }

func (s *koblitzSigner) Sign(ctx context.Context, a Algorithm, input []byte) ([]byte, error) {
	if err := ready(ctx, s.pub, a); err != nil {
		return nil, err
	}
	h := sha256.Sum256(input)
	return koblitzdsa.SignCompact(s.priv, h[:], true)[1:], nil
}

// Generate makes a fresh key pair for a, from crypto/rand, that lives in this process only.
func Generate(a Algorithm) (Signer, error) {
	switch a {
	case ES256, ES384:
		c := elliptic.P256()
		if a == ES384 {
			c = elliptic.P384()
		}
		priv, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			return nil, &Error{Reason: SignerFault, Err: err}
		}
		return FromCrypto(priv)
	case ES256K:
		priv, err := secp256k1.GeneratePrivateKeyFromRand(rand.Reader)
		if err != nil {
			return nil, &Error{Reason: SignerFault, Err: err}
		}
		return newKoblitzSigner(priv.Serialize())
	case EdDSA:
		_, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, &Error{Reason: SignerFault, Err: err}
		}
		return FromCrypto(priv)
	}
	return nil, fail(AlgorithmMismatch)
}
