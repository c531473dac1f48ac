package didethr

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// TestLogsThatNoRegistryWrites are refused as a whole: no document is made of the rest.
func TestLogsThatNoRegistryWrites(t *testing.T) {
	wide := bytes.Repeat([]byte{1}, 32)
	owner := func(previous []byte) []byte { return append(make([]byte, 32), previous...) }
	attribute := func(value []byte) []byte { return attributeData(veriKey, value, uintWord(never), uintWord(0)) }
	put := func(data []byte, word int, w []byte) []byte { copy(data[32*word:], w); return data }
	for _, test := range []struct {
		name  string
		topic [32]byte
		data  []byte
	}{
		{"no data", topicOwner, nil},
		{"an owner event too long", topicOwner, append(owner(uintWord(0)), make([]byte, 32)...)},
		{"an owner wider than an address", topicOwner, put(owner(uintWord(0)), 0, wide)},
		{"a link into the future", topicOwner, owner(uintWord(10))},
		{"a link wider than a block number", topicOwner, owner(wide)},
		{"a delegate event too short", topicDelegate, make([]byte, 3*32)},
		{"a delegate wider than an address", topicDelegate, put(make([]byte, 4*32), 1, wide)},
		{"an attribute event too short", topicAttribute, make([]byte, 4*32)},
		{"a value elsewhere", topicAttribute, put(attribute([]byte("value")), 1, uintWord(160))},
		{"a value far away", topicAttribute, put(attribute([]byte("value")), 1, wide)},
		{"a value shorter than it says", topicAttribute, put(attribute([]byte("value")), 4, uintWord(33))},
		{"a length of 2^63", topicAttribute, put(attribute([]byte("value")), 4, append(make([]byte, 24), 0x80, 0, 0, 0, 0, 0, 0, 0))},
		{"a word after the value", topicAttribute, append(attribute([]byte("value")), make([]byte, 32)...)},
	} {
		c := newChain()
		a, id := issuer(1)
		c.attribute(a, veriKey, p256Value(1), never)
		c.emit(a, test.topic, func([]byte) []byte { return slices.Clone(test.data) })
		n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}
		h := History{Head: c.head(), Logs: c.logs}
		if r, err := Fold(n, h, id, did.At{}, time.Time{}); !errors.Is(err, did.GarbledAnswer) || r != nil {
			t.Errorf("%s: error %v, want garbledAnswer", test.name, err)
		}
	}
}

// TestLogOfAnotherBlock: a log belongs to a block of the history, by number and hash, and to none after the newest.
func TestLogOfAnotherBlock(t *testing.T) {
	for what, change := range map[string]func(*History){
		"another hash":     func(h *History) { h.Logs[0].BlockHash[0]++ },
		"after the newest": func(h *History) { h.Head = h.Blocks[h.Head.Number-1] },
	} {
		c := newChain()
		a, id := issuer(1)
		c.attribute(a, veriKey, p256Value(1), never)
		h := historyOf(c)
		change(&h)
		n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}
		if _, err := Fold(n, h, id, did.At{}, time.Time{}); !errors.Is(err, did.GarbledAnswer) {
			t.Errorf("%s: error %v, want garbledAnswer", what, err)
		}
	}
}

// TestUnpaddedValue: the compilers of the first registries ended some events without filling the last word.
func TestUnpaddedValue(t *testing.T) {
	l := Log{Topics: [][32]byte{topicAttribute, {}}, Data: attributeData("did/svc/X", []byte("abc"), uintWord(7), uintWord(0))[:163]}
	if e, err := l.decode(); err != nil || string(e.value) != "abc" || e.validTo != 7 {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestEndpoint(t *testing.T) {
	deep := strings.Repeat("[", 12000)
	for value, want := range map[string]string{
		"https://issuer.example/?a=1&b=<2>": `"https://issuer.example/?a=1&b=<2>"`,
		`{"uri":"https://issuer.example"}`:  `{"uri":"https://issuer.example"}`,
		`["https://issuer.example"]`:        `["https://issuer.example"]`,
		`"text"`:                            `"text"`,
		`{"a":1} {"b":2}`:                   `"{\"a\":1} {\"b\":2}"`,
		`["a"]]`:                            `"[\"a\"]]"`,
		`{"a":1,"a":12345678901234567890}`:  `{"a":12345678901234567890}`,
		"12345678901234567890":              `"12345678901234567890"`,
		"null":                              `"null"`,
		"":                                  `""`,
		deep:                                `"` + deep + `"`,
	} {
		if got := string(endpoint([]byte(value))); got != want {
			t.Errorf("%.40s: %.80s, want %.80s", value, got, want)
		}
	}
}
