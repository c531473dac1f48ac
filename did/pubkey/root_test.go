package pubkey

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"testing"
)

// number reads what a residue stands for.
func (z residue) number() *big.Int {
	z.mul(&z, &residue{1})
	n := new(big.Int)
	for i := range z {
		n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(z[3-i]))
	}
	return n
}

func residueOf(n *big.Int) (z residue) {
	p := elliptic.P256().Params().P
	n = new(big.Int).Mod(new(big.Int).Lsh(n, 256), p)
	for i := range z {
		z[i] = new(big.Int).Rsh(n, uint(64*i)).Uint64()
	}
	return z
}

func TestConstantsOfTheRoot(t *testing.T) {
	p, b := elliptic.P256().Params().P, elliptic.P256().Params().B
	for name, c := range map[string]struct {
		got  residue
		want *big.Int
	}{
		"2^256": {montgomery256, new(big.Int).Lsh(big.NewInt(1), 256)},
		"-3":    {minusThree256, big.NewInt(-3)},
		"b":     {b256, b},
	} {
		if want := residueOf(c.want); c.got != want {
			t.Errorf("%s is %#x, should be %#x", name, c.got, want)
		}
	}
	n := new(big.Int)
	for i := range prime256 {
		n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(prime256[3-i]))
	}
	if n.Cmp(p) != 0 {
		t.Errorf("the prime is %x", n)
	}
}

// edges are numbers at which limbs carry or reductions happen.
func edges() []*big.Int {
	p := elliptic.P256().Params().P
	var out []*big.Int
	for _, bit := range []uint{0, 1, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 191, 192, 193, 223, 224, 225, 254, 255} {
		for d := int64(-2); d <= 2; d++ {
			n := new(big.Int).Lsh(big.NewInt(1), bit)
			n.Add(n, big.NewInt(d))
			out = append(out, new(big.Int).Mod(n, p), new(big.Int).Mod(n.Neg(n), p))
		}
	}
	return out
}

func TestArithmeticOfTheRoot(t *testing.T) {
	p := elliptic.P256().Params().P
	numbers := edges()
	for range 200 {
		n, err := rand.Int(rand.Reader, p)
		if err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
	for _, x := range numbers {
		a := residueOf(x)
		sq := a
		sq.square(1)
		if got, want := sq.number(), new(big.Int).Exp(x, big.NewInt(2), p); got.Cmp(want) != 0 {
			t.Fatalf("%x squared is %x, should be %x", x, got, want)
		}
		for _, y := range numbers {
			b := residueOf(y)
			var product, sum residue
			product.mul(&a, &b)
			sum.add(&a, &b)
			if got, want := product.number(), new(big.Int).Mod(new(big.Int).Mul(x, y), p); got.Cmp(want) != 0 {
				t.Fatalf("%x times %x is %x, should be %x", x, y, got, want)
			}
			if got, want := sum.number(), new(big.Int).Mod(new(big.Int).Add(x, y), p); got.Cmp(want) != 0 {
				t.Fatalf("%x and %x are %x, should be %x", x, y, got, want)
			}
		}
	}
}

// Between two squares a number may be as large as four limbs can hold.
func TestSquaresOfWhatIsNotReduced(t *testing.T) {
	p := elliptic.P256().Params().P
	all := ^uint64(0)
	for _, a := range []residue{
		{all, all, all, all}, {all - 1, all, all, all}, {0, all, all, all}, prime256, {0, 1 << 32, 0, prime256[3]}, {1, 0, 0, all},
	} {
		sq, want := a, a.number()
		sq.square(1)
		want.Mod(want.Mul(want, want), p)
		if got := sq.number(); got.Cmp(want) != 0 {
			t.Errorf("%x squared is %x, should be %x", a, got, want)
		}
		sq = a
		sq.square(3)
		for range 2 {
			want.Mod(want.Mul(want, want), p)
		}
		if got := sq.number(); got.Cmp(want) != 0 {
			t.Errorf("%x squared three times is %x, should be %x", a, got, want)
		}
	}
}

// For each coordinate the guess is the point that crypto/elliptic finds, or there is none.
func TestGuessedPoints(t *testing.T) {
	c := elliptic.P256()
	coordinates := edges()
	for n := range int64(2000) {
		coordinates = append(coordinates, big.NewInt(n))
	}
	for range 2000 {
		n, err := rand.Int(rand.Reader, c.Params().P)
		if err != nil {
			t.Fatal(err)
		}
		coordinates = append(coordinates, n)
	}
	on, off := 0, 0
	for _, n := range coordinates {
		for sign := byte(2); sign <= 3; sign++ {
			raw := n.FillBytes(make([]byte, 33))
			raw[0] = sign
			got := guess256(raw)
			x, y := elliptic.UnmarshalCompressed(c, raw)
			key, err := fromRaw(p256, raw)
			if x == nil {
				off++
				if err == nil || err.(*Error).Reason != OffCurve {
					t.Fatalf("%x: %v", raw, err)
				}
				if _, err := fromForm(p256, got[:]); err == nil {
					t.Fatalf("%x: the guess is a point", raw)
				}
				continue
			}
			on++
			want := append([]byte{4}, append(x.FillBytes(make([]byte, 32)), y.FillBytes(make([]byte, 32))...)...)
			if !bytes.Equal(got[:], want) {
				t.Fatalf("%x: %x, should be %x", raw, got, want)
			}
			if err != nil || !bytes.Equal(key.k.form(), want) {
				t.Fatalf("%x: %v", raw, err)
			}
		}
	}
	if on < 3000 || off < 3000 {
		t.Errorf("only %d points and %d others", on, off)
	}
}
