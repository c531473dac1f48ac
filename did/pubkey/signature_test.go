package pubkey

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// The scalars of an ECDSA signature lie between 1 and the order less one, each written with the full length and in no other form. The
// other s of the same signature is valid too, for P-256 and P-384 as for secp256k1: neither RFC 7518 section 3.4 nor RFC 8812 has a
// rule against it.
func TestScalarsOfASignature(t *testing.T) {
	for _, a := range []Algorithm{ES256, ES384, ES256K} {
		signer := generate(t, a)
		k, input := signer.Public(), []byte("input")
		sig := sign(t, signer, a, input)
		size := k.k.curve.size
		n := secp256k1.Params().N
		if k.k.curve != koblitz {
			n = new(big.Int).SetBytes([]byte(k.k.curve.order))
		}
		r, s := new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])
		one := big.NewInt(1)
		top := new(big.Int).Sub(new(big.Int).Lsh(one, uint(8*size)), one)
		write := func(r, s *big.Int) []byte {
			out := make([]byte, 2*size)
			r.FillBytes(out[:size])
			s.FillBytes(out[size:])
			return out
		}
		zero := new(big.Int)
		asn1, err := k.derOf(sig)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			sig  []byte
			want error
		}{
			"as signed":               {sig, nil},
			"the other s":             {write(r, new(big.Int).Sub(n, s)), nil},
			"r zero":                  {write(zero, s), SignatureInvalid},
			"s zero":                  {write(r, zero), SignatureInvalid},
			"both zero":               {write(zero, zero), SignatureInvalid},
			"both one":                {write(one, one), SignatureInvalid},
			"r the order":             {write(n, s), SignatureInvalid},
			"s the order":             {write(r, n), SignatureInvalid},
			"both the order":          {write(n, n), SignatureInvalid},
			"order and one more":      {write(new(big.Int).Add(n, one), s), SignatureInvalid},
			"r at the top":            {write(top, s), SignatureInvalid},
			"s at the top":            {write(r, top), SignatureInvalid},
			"r and s exchanged":       {write(s, r), SignatureInvalid},
			"r negated":               {write(new(big.Int).Sub(n, r), s), SignatureInvalid},
			"a byte more":             {append(bytes.Clone(sig), 0), SignatureInvalid},
			"a byte less":             {sig[:len(sig)-1], SignatureInvalid},
			"without its first byte":  {sig[1:], SignatureInvalid},
			"only r":                  {sig[:size], SignatureInvalid},
			"nothing":                 {nil, SignatureInvalid},
			"DER":                     {asn1, SignatureInvalid},
			"twice":                   {slices.Concat(sig, sig), SignatureInvalid},
			"halves with a zero each": {slices.Concat([]byte{0}, sig[:size], []byte{0}, sig[size:]), SignatureInvalid},
		} {
			if err := k.Verify(a, input, c.sig); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: got %v, want %v", a, name, err, c.want)
			}
		}
	}
}

// derOf writes r||s as crypto/ecdsa wants it.
func (k Key) derOf(sig []byte) ([]byte, error) {
	n := len(sig) / 2
	der := appendInteger(appendInteger([]byte{0x30, 0}, sig[:n]), sig[n:])
	der[1] = byte(len(der) - 2)
	back, err := fromDER(k.k.curve, der)
	if err == nil && k.k.curve != koblitz && !bytes.Equal(back, sig) {
		return nil, errors.New("another signature came back")
	}
	return der, err
}

// A signature of Ed25519 has one form: S below the order of the group (RFC 8032 section 5.1.7), so that nobody can write it in another.
func TestScalarOfEd25519(t *testing.T) {
	s := generate(t, EdDSA)
	k, input := s.Public(), []byte("input")
	sig := sign(t, s, EdDSA, input)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10) // L of RFC 8032 section 5.1
	be := bytes.Clone(sig[32:])
	slices.Reverse(be)
	scalar := new(big.Int).SetBytes(be)
	with := func(n *big.Int) []byte {
		le := n.FillBytes(make([]byte, 32))
		slices.Reverse(le)
		return slices.Concat(sig[:32], le)
	}
	for name, c := range map[string]struct {
		sig  []byte
		want error
	}{
		"as signed":   {with(scalar), nil},
		"S + L":       {with(new(big.Int).Add(scalar, order)), SignatureInvalid},
		"S + 2L":      {with(new(big.Int).Add(scalar, new(big.Int).Lsh(order, 1))), SignatureInvalid},
		"S is L":      {with(order), SignatureInvalid},
		"S zero":      {with(new(big.Int)), SignatureInvalid},
		"-S":          {with(new(big.Int).Sub(order, scalar)), SignatureInvalid},
		"R identity":  {slices.Concat([]byte{1}, make([]byte, 31), sig[32:]), SignatureInvalid},
		"R -R":        {slices.Concat(sig[:31], []byte{sig[31] ^ 0x80}, sig[32:]), SignatureInvalid},
		"a byte more": {append(bytes.Clone(sig), 0), SignatureInvalid},
		"a byte less": {sig[:63], SignatureInvalid},
		"nothing":     {nil, SignatureInvalid},
	} {
		if err := k.Verify(EdDSA, input, c.sig); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if !ed25519.Verify(k.Public().(ed25519.PublicKey), input, with(scalar)) {
		t.Error("the test takes signatures apart wrongly")
	}
}

// X25519 is for key agreement: whatever it is asked, it verifies nothing and signs nothing, nor does a key that was declared for
// something else.
func TestKeysOfOtherPurposesVerifyNothing(t *testing.T) {
	for _, doc := range []string{
		`{` + xKey + `}`, `{` + xKey + `,"use":"sig"}`, `{` + xKey + `,"key_ops":["verify"]}`, `{` + xKey + `,"alg":"ECDH-ES"}`,
		`{` + ecKey + `,"use":"enc"}`, `{` + ecKey + `,"use":"SIG"}`, `{` + ecKey + `,"use":""}`, `{` + ecKey + `,"key_ops":["deriveBits","deriveKey"]}`,
		`{` + ecKey + `,"key_ops":["Verify"]}`, `{` + ecKey + `,"alg":"ECDH-ES+A256KW"}`, `{` + ecKey + `,"use":"sig","alg":"ECDH-ES"}`,
		`{` + edKey + `,"use":"enc"}`, `{` + edKey + `,"key_ops":["wrapKey"]}`,
	} {
		k, err := compare(t, []byte(doc))
		if err != nil {
			t.Errorf("%s: %v", doc, err)
			continue
		}
		for _, a := range append(algorithms, "", "none", "ECDH-ES") {
			if err := k.Verify(a, nil, make([]byte, 64)); !errors.Is(err, AlgorithmMismatch) || k.Algorithms() != nil {
				t.Errorf("%s, %q: got %v, want %v", doc, a, err, AlgorithmMismatch)
			}
		}
	}
}
