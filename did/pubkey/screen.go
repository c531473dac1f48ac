package pubkey

import (
	"crypto/ecdh"
	"encoding/binary"
	"math/big"
	"math/bits"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// screen checks k.encoded and makes k ready to verify. The length is right already.
func (k *key) screen() error {
	if k.curve.ec && k.encoded[0] != 4 { // decred reads hybrid points too
		return fail(Malformed)
	}
	switch k.curve {
	case p256, p384:
		return k.screenNIST()
	case koblitz:
		pub, err := secp256k1.ParsePubKey(k.form())
		if err != nil {
			return k.offCurve()
		}
		k.koblitz = pub
		return nil
	case edwards:
		return screenEdwards(k.form())
	case x25519:
		return screenX25519(k.form())
	}
	return fail(Unsupported)
}

// offCurve says why the coordinates are no point: one of them is not reduced, or they are not on the curve.
func (k *key) offCurve() error {
	n := k.curve.size
	if k.curve.reduced(k.xy()[:n]) && k.curve.reduced(k.xy()[n:]) {
		return fail(OffCurve)
	}
	return fail(NonCanonical)
}

// reduced reports whether a coordinate of a Weierstrass curve is below the field's prime.
func (c *curve) reduced(coordinate []byte) bool {
	if c.params == nil {
		return new(big.Int).SetBytes(coordinate).Cmp(secp256k1.Params().P) < 0
	}
	return new(big.Int).SetBytes(coordinate).Cmp(c.params.Params().P) < 0
}

// Constants of edwards25519 (RFC 8032 section 5.1).
var (
	bigOne     = big.NewInt(1)
	fieldPrime = new(big.Int).Sub(new(big.Int).Lsh(bigOne, 255), big.NewInt(19))
	edwardsD   = decimal("37095705934669439343138083508754565189542113879843219016388785533085940283555")

	// smallY holds the y coordinates of the eight points whose order divides the cofactor 8: orders 1, 2 and 4, then the two of
	// order 8. A test computes them.
	smallY = []*big.Int{
		bigOne,
		new(big.Int).Sub(fieldPrime, bigOne),
		new(big.Int),
		decimal("2707385501144840649318225287225658788936804267575313519463743609750303402022"),
		decimal("55188659117513257062467267217118295137698188065244968500265048394206261417927"),
	}
)

func decimal(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

// littleEndian reads 32 bytes without the highest bit.
func littleEndian(b []byte) *big.Int {
	var be [32]byte
	for i, v := range b {
		be[31-i] = v
	}
	be[0] &= 0x7f
	return new(big.Int).SetBytes(be[:])
}

// screenEdwards refuses what crypto/ed25519 would decode or try: a y that is not reduced (a second encoding of the same point), a y
// that belongs to no point, and the points of small order, under which one signature fits many messages. RFC 8032 section 5.1.3.
func screenEdwards(pub []byte) error {
	y := littleEndian(pub)
	if y.Cmp(fieldPrime) >= 0 {
		return fail(NonCanonical)
	}
	for _, small := range smallY {
		if y.Cmp(small) == 0 {
			return fail(LowOrder)
		}
	}
	// x² = (y²-1)/(dy²+1) has a root exactly if the product of both is a square, because the divisor is never zero. The x = 0 that
	// would allow a second sign bit belongs to points of small order only.
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(yy, bigOne)
	v := yy.Mul(yy, edwardsD)
	v.Add(v, bigOne)
	u.Mul(u, v).Mod(u, fieldPrime)
	if !isSquare(u) {
		return fail(OffCurve)
	}
	return nil
}

// isSquare tells whether u, which is below the prime, is not zero and has a root modulo it: Jacobi's symbol by halving and subtracting,
// as big.Jacobi finds it by divisions, with a hundred allocations. Nothing here is secret.
func isSquare(u *big.Int) bool {
	var a, n [4]uint64
	fill := func(limbs *[4]uint64, v *big.Int) {
		var be [32]byte
		v.FillBytes(be[:])
		for i := range limbs {
			limbs[i] = binary.BigEndian.Uint64(be[24-8*i:])
		}
	}
	fill(&a, u)
	fill(&n, fieldPrime)
	square := true
	for a != [4]uint64{} {
		for a[0] == 0 { // 64 halvings change no sign
			a = [4]uint64{a[1], a[2], a[3], 0}
		}
		k := bits.TrailingZeros64(a[0])
		a = [4]uint64{a[0]>>k | a[1]<<(64-k), a[1]>>k | a[2]<<(64-k), a[2]>>k | a[3]<<(64-k), a[3] >> k}
		if r := n[0] & 7; k&1 == 1 && (r == 3 || r == 5) { // 2 is no square modulo such numbers
			square = !square
		}
		var less uint64
		var d [4]uint64
		for i := range d {
			d[i], less = bits.Sub64(a[i], n[i], less)
		}
		if less == 0 {
			a = d
			continue
		}
		if a[0]&n[0]&3 == 3 { // quadratic reciprocity
			square = !square
		}
		less = 0
		for i := range d {
			d[i], less = bits.Sub64(n[i], a[i], less)
		}
		a, n = d, a
	}
	return square && n == [4]uint64{1}
}

// screenX25519 refuses u coordinates that are not reduced and those of small order, with which every agreement ends in zero
// (RFC 7748 section 6.1).
func screenX25519(pub []byte) error {
	if pub[31]&0x80 != 0 || littleEndian(pub).Cmp(fieldPrime) >= 0 {
		return fail(NonCanonical)
	}
	theirs, err := ecdh.X25519().NewPublicKey(pub)
	if err != nil {
		return fail(Malformed)
	}
	// Any scalar does: clamping makes it a multiple of the cofactor, which takes a point of small order to zero, and
	// crypto/ecdh refuses a zero result. This scalar keeps no secret.
	ours, err := ecdh.X25519().NewPrivateKey(append(make([]byte, 31), 1))
	if err != nil {
		return fail(Malformed)
	}
	if _, err := ours.ECDH(theirs); err != nil {
		return fail(LowOrder)
	}
	return nil
}
