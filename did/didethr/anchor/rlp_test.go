package anchor

import (
	"bytes"
	"context"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"

	"github.com/khyer/khyer/did/didethr"
)

// TestTransactionsAsGoEthereumWritesThem: digest, encoding and hash are compared for values on both sides of each bound of RLP.
func TestTransactionsAsGoEthereumWritesThem(t *testing.T) {
	signer, err := NewSigner(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	to := didethr.Address{19: 9}
	wei := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 0); return n }
	for _, nonce := range []uint64{0, 1, 127, 128, 255, 256, 1 << 40, 1<<64 - 2} {
		for _, size := range []int{0, 1, 31, 55, 56, 255, 256, 70_000} {
			for _, target := range []*didethr.Address{nil, &to} {
				for _, value := range []*big.Int{nil, wei("0"), wei("127"), wei("128"), wei("0xffffffffffffffffffffffffffffffff")} {
					data := bytes.Repeat([]byte{0x7f}, size)
					mine := transaction{1337, nonce, wei("1000000000"), wei("0x80"), 21_000, target, value, data}
					other := types.NewTx(&types.DynamicFeeTx{ChainID: big.NewInt(1337), Nonce: nonce, GasTipCap: mine.tip, GasFeeCap: mine.feeCap, Gas: mine.gas,
						To: (*common.Address)(target), Value: value, Data: data})
					s := types.LatestSignerForChainID(big.NewInt(1337))
					if mine.digest() != [32]byte(s.Hash(other)) {
						t.Fatalf("nonce %d, %d bytes: another digest", nonce, size)
					}
					sig, err := signer.SignDigest(context.Background(), mine.digest())
					if err != nil {
						t.Fatal(err)
					}
					signed, err := other.WithSignature(s, sig[:])
					if err != nil {
						t.Fatal(err)
					}
					want, err := signed.MarshalBinary()
					if err != nil {
						t.Fatal(err)
					}
					if raw := mine.signed(sig); !bytes.Equal(raw, want) || keccak(raw) != [32]byte(signed.Hash()) {
						t.Fatalf("nonce %d, %d bytes: another encoding", nonce, size)
					}
				}
			}
		}
	}
	// r and s are numbers: leading zeros go.
	sig := [65]byte{31: 5, 63: 6}
	back := new(types.Transaction)
	if err := back.UnmarshalBinary((&transaction{chainID: 1, tip: wei("0"), feeCap: wei("0")}).signed(sig)); err != nil {
		t.Fatal(err)
	}
	if _, r, s := back.RawSignatureValues(); r.Int64() != 5 || s.Int64() != 6 {
		t.Error(r, s)
	}
}
