package didethr_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/sha3"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
)

// An event of a registry becomes a document. The key is a P-256 key as Multikey; its attribute ends at a time.
func ExampleFold() {
	word := func(hexDigits string) []byte {
		b, err := hex.DecodeString(strings.Repeat("0", 64-len(hexDigits)) + hexDigits)
		if err != nil {
			panic(err)
		}
		return b
	}
	name := append([]byte("did/pub/Multikey/veriKey"), make([]byte, 8)...)
	key, _ := hex.DecodeString("8024" + "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296") // the generator of P-256
	value := append(key, make([]byte, 64-len(key))...)
	var data []byte
	for _, w := range [][]byte{name, word("80"), word("69a4ce10"), word("0"), word("23"), value} {
		data = append(data, w...)
	}
	var topic [32]byte
	h := sha3.NewLegacyKeccak256()
	h.Write([]byte("DIDAttributeChanged(address,bytes32,bytes,uint256,uint256)"))
	h.Sum(topic[:0])

	registry := didethr.Address{0xe1, 0x05, 0x6e}
	identity := [32]byte(word("1500000000000000000000000000000000000001"))
	set := didethr.Block{Number: 5, Time: 0x69a4c000}
	history := didethr.History{
		Head:   didethr.Block{Number: 9, Time: 0x69a4c100},
		Blocks: map[uint64]didethr.Block{5: set},
		Logs:   []didethr.Log{{Address: registry, Topics: [][32]byte{topic, identity}, Data: data, Block: 5}},
	}
	network := didethr.Network{Name: "example", ChainID: 1337, Registry: registry}
	id, err := did.Parse("did:ethr:example:0x1500000000000000000000000000000000000001")
	if err != nil {
		panic(err)
	}
	found, err := didethr.Fold(network, history, id, did.At{}, time.Time{})
	if err != nil {
		panic(err)
	}
	fmt.Println(found.Document.VerificationMethod[1].PublicKeyMultibase)
	last := found.Keys[1]
	fmt.Println(last.Purposes, "until", last.Until.Format(time.DateTime))
	for _, name := range append(last.Aliases, last.ID) {
		fmt.Println(name[strings.Index(name, "#"):])
	}

	later, err := didethr.Fold(network, history, id, did.At{}, last.Until)
	if err != nil {
		panic(err)
	}
	fmt.Println("methods from then on:", len(later.Document.VerificationMethod))
	// Output:
	// zDnaepsL7AXenJkVYdkh5KuKsSU7Ykh7kyXaLLU7auN9FWSiZ
	// [assertionMethod] until 2026-03-01 23:38:56
	// #xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M
	// #delegate-1
	// methods from then on: 1
}
