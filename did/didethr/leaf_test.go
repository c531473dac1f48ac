package didethr

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
)

// TestLeaf compares leaves of the accumulator with values that ethers 6 made by AbiCoder.encode and keccak256, from contract/README.md. The
// lengths of values lie around that of a word.
func TestLeaf(t *testing.T) {
	bytesOf := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	identity := addressWord(Address(bytesOf("00112233445566778899aabbccddeeff00112233")))
	other := addressWord(Address(bytesOf("ffeeddccbbaa99887766554433221100ffeeddcc")))
	text := func(s string) []byte { return append([]byte(s), make([]byte, 32-len(s))...) }
	late := new(big.Int).Lsh(big.NewInt(1), 200).FillBytes(make([]byte, 32))
	attribute := func(n int) []byte {
		padded := append(bytes.Repeat([]byte("a"), n), make([]byte, (32-n%32)%32)...)
		return slices.Concat(text("did/svc/Example"), uintWord(128), uintWord(1800086400), uintWord(7), uintWord(uint64(n)), padded)
	}
	for name, c := range map[string]struct {
		topic [32]byte
		data  []byte
		want  string
	}{
		"owner":                   {topicOwner, slices.Concat(other[:], uintWord(7)), "99b2b67fce3bffcc5d4667c97feb41afb7957df9b68f057c25e6a00bdb003ade"},
		"delegate":                {topicDelegate, slices.Concat(text("veriKey"), other[:], late, uintWord(7)), "ed5d00749078ff752529f06e7a2c74040480b1fac4e3cad369d86205dae6d68e"},
		"attribute without value": {topicAttribute, attribute(0), "22ff017376da09c59019a5a9a1a124597e43502ec68d664e8a27f45e5ccb9fb2"},
		"attribute of 31 bytes":   {topicAttribute, attribute(31), "0580bd2d619351106331152751037a80712f3068e85c5087db1cde40bdbbbb2d"},
		"attribute of 32 bytes":   {topicAttribute, attribute(32), "a497e008b2b05de1896e686892edee3648e6be45e7d4cd4a08472a86aa221b42"},
		"attribute of 33 bytes":   {topicAttribute, attribute(33), "8fcc0361613a0f85fdc36c0b27cf947ca373659496d3c6ab9f691493a0cdd1b4"},
	} {
		l := Log{Topics: [][32]byte{c.topic, identity}, Data: c.data, Block: 9}
		e, err := l.decode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := e.leaf(identity); hex.EncodeToString(got[:]) != c.want {
			t.Errorf("%s: the leaf is %x", name, got)
		}
	}
}
