package pubkey

import (
	"encoding/binary"
	"math/bits"
)

// A compressed key on P-256 is half of what reading did:key holders costs, because crypto/elliptic divides where there is nothing to
// divide by. So the missing coordinate is guessed here, with a square root of our own, and the standard library decides: screen asks it
// whether the point is on the curve, and a guess that is not goes the standard library's whole way. A mistake here makes reading slow
// and nothing else. Nothing is secret, and so nothing needs constant time.

// residue is a number modulo the prime of P-256, p = 2²⁵⁶ - 2²²⁴ + 2¹⁹² + 2⁹⁶ - 1 (SP 800-186 section 3.2.1.3), times 2²⁵⁶ modulo p, in
// four limbs, the least first. It may be p or a little more on the way; what mul makes of it and 1 is less.
type residue [4]uint64

// prime256 holds the limbs of p. The least has all bits set, so that Montgomery's quotient of each step is a limb itself.
var prime256 = residue{1<<64 - 1, 1<<32 - 1, 0, 0xffffffff00000001}

// Constants, which a test computes.
var (
	montgomery256 = residue{3, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x4fffffffd}                         // 2⁵¹² mod p
	minusThree256 = residue{0xfffffffffffffffc, 0x3ffffffff, 0, 0xfffffffc00000004}                         // -3
	b256          = residue{0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834} // the curve's b
)

// guess256 makes the uncompressed point of a compressed one whose coordinate is reduced, or something that is no point.
func guess256(compressed []byte) (point [65]byte) {
	var x, y residue
	for i := range x {
		x[i] = binary.BigEndian.Uint64(compressed[25-8*i:])
	}
	x.mul(&x, &montgomery256)
	y.mul(&x, &x)
	y.add(&y, &minusThree256)
	y.mul(&y, &x)
	y.add(&y, &b256) // y² = x³ - 3x + b
	y.root()
	y.mul(&y, &residue{1})
	if byte(y[0])&1 != compressed[0]&1 {
		var borrow uint64
		for i := range y {
			y[i], borrow = bits.Sub64(prime256[i], y[i], borrow)
		}
	}
	point[0] = 4
	copy(point[1:], compressed[1:])
	for i, limb := range y {
		binary.BigEndian.PutUint64(point[57-8*i:], limb)
	}
	return point
}

// root raises z to (p+1)/4 = 2²⁵⁴ - 2²²² + 2¹⁹⁰ + 2⁹⁴, which is a square root if there is one, since p leaves 3 modulo 4.
func (z *residue) root() {
	ones := *z // raised to 2ⁿ-1, n doubled each time
	for n := 1; n < 32; n *= 2 {
		shifted := ones
		shifted.square(n)
		ones.mul(&ones, &shifted)
	}
	ones.square(32)
	ones.mul(&ones, z)
	ones.square(96)
	ones.mul(&ones, z)
	ones.square(94)
	*z = ones
}

func (z *residue) add(x, y *residue) {
	var carry uint64
	for i := range z {
		z[i], carry = bits.Add64(x[i], y[i], carry)
	}
	z.subtractOnce(z[0], z[1], z[2], z[3], carry)
}

func (z *residue) mul(x, y *residue) {
	var t [8]uint64
	for i, a := range x {
		var over uint64
		for j, b := range y {
			high, low := bits.Mul64(a, b)
			var c uint64
			low, c = bits.Add64(low, t[i+j], 0)
			high += c
			t[i+j], c = bits.Add64(low, over, 0)
			over = high + c
		}
		t[i+4] = over
	}
	z.reduce(&t)
}

// square squares z n times. It is written out because nearly all of the time is spent here: nothing leaves the registers between two
// squares, and what has no 257th bit is left as it is, below p or not.
func (z *residue) square(n int) {
	const p3 = 0xffffffff00000001
	a0, a1, a2, a3 := z[0], z[1], z[2], z[3]
	for range n {
		h01, l01 := bits.Mul64(a0, a1)
		h02, l02 := bits.Mul64(a0, a2)
		h03, l03 := bits.Mul64(a0, a3)
		h12, l12 := bits.Mul64(a1, a2)
		h13, l13 := bits.Mul64(a1, a3)
		h23, l23 := bits.Mul64(a2, a3)
		// The products of different limbs, once.
		t1 := l01
		t2, c := bits.Add64(h01, l02, 0)
		t3, c := bits.Add64(h02, l03, c)
		t4, c := bits.Add64(h03, l13, c)
		t5, c := bits.Add64(h13, l23, c)
		t6 := h23 + c
		t3, c = bits.Add64(t3, l12, 0)
		t4, c = bits.Add64(t4, h12, c)
		t5, c = bits.Add64(t5, 0, c)
		t6 += c
		// Twice, and the squares of the limbs.
		t7 := t6 >> 63
		t6 = t6<<1 | t5>>63
		t5 = t5<<1 | t4>>63
		t4 = t4<<1 | t3>>63
		t3 = t3<<1 | t2>>63
		t2 = t2<<1 | t1>>63
		t1 <<= 1
		h0, t0 := bits.Mul64(a0, a0)
		h1, l1 := bits.Mul64(a1, a1)
		h2, l2 := bits.Mul64(a2, a2)
		h3, l3 := bits.Mul64(a3, a3)
		t1, c = bits.Add64(t1, h0, 0)
		t2, c = bits.Add64(t2, l1, c)
		t3, c = bits.Add64(t3, h1, c)
		t4, c = bits.Add64(t4, l2, c)
		t5, c = bits.Add64(t5, h2, c)
		t6, c = bits.Add64(t6, l3, c)
		t7 += h3 + c
		// As reduce does it.
		var high, low uint64
		high, low = bits.Mul64(t0, p3)
		t1, c = bits.Add64(t1, t0<<32, 0)
		t2, c = bits.Add64(t2, t0>>32, c)
		t3, c = bits.Add64(t3, low, c)
		t0 = high + c
		high, low = bits.Mul64(t1, p3)
		t2, c = bits.Add64(t2, t1<<32, 0)
		t3, c = bits.Add64(t3, t1>>32, c)
		t0, c = bits.Add64(t0, low, c)
		t1 = high + c
		high, low = bits.Mul64(t2, p3)
		t3, c = bits.Add64(t3, t2<<32, 0)
		t0, c = bits.Add64(t0, t2>>32, c)
		t1, c = bits.Add64(t1, low, c)
		t2 = high + c
		high, low = bits.Mul64(t3, p3)
		t0, c = bits.Add64(t0, t3<<32, 0)
		t1, c = bits.Add64(t1, t3>>32, c)
		t2, c = bits.Add64(t2, low, c)
		t3 = high + c
		a0, c = bits.Add64(t0, t4, 0)
		a1, c = bits.Add64(t1, t5, c)
		a2, c = bits.Add64(t2, t6, c)
		a3, c = bits.Add64(t3, t7, c)
		over := -c // all bits, or none: a branch would be guessed wrong every third time
		a0, c = bits.Sub64(a0, over, 0)
		a1, c = bits.Sub64(a1, over>>32, c)
		a2, c = bits.Sub64(a2, 0, c)
		a3, _ = bits.Sub64(a3, over&p3, c)
	}
	*z = residue{a0, a1, a2, a3}
}

// reduce sets z to t / 2²⁵⁶ modulo p. Each step takes the least limb m away by adding m·p = m·2²⁵⁶ - m·2²²⁴ + m·2¹⁹² + m·2⁹⁶ - m.
func (z *residue) reduce(t *[8]uint64) {
	a, b, c, d := t[0], t[1], t[2], t[3]
	for range 4 {
		high, low := bits.Mul64(a, prime256[3])
		var k uint64
		b, k = bits.Add64(b, a<<32, 0)
		c, k = bits.Add64(c, a>>32, k)
		d, k = bits.Add64(d, low, k)
		a, b, c, d = b, c, d, high+k
	}
	var k uint64
	a, k = bits.Add64(a, t[4], 0)
	b, k = bits.Add64(b, t[5], k)
	c, k = bits.Add64(c, t[6], k)
	d, k = bits.Add64(d, t[7], k)
	z.subtractOnce(a, b, c, d, k)
}

// subtractOnce sets z to the number, which is below 2²⁵⁶ + p, or that minus p.
func (z *residue) subtractOnce(a, b, c, d, carry uint64) {
	var k uint64
	z[0], k = bits.Sub64(a, prime256[0], 0)
	z[1], k = bits.Sub64(b, prime256[1], k)
	z[2], k = bits.Sub64(c, prime256[2], k)
	z[3], k = bits.Sub64(d, prime256[3], k)
	if k > carry {
		*z = residue{a, b, c, d}
	}
}
