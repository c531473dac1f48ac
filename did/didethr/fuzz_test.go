package didethr

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// FuzzFold builds logs from bytes and looks for panics, for entries that outlive their time, for ids that name two things, for versions that
// depend on what came later, and for keys that depend on the profile.
func FuzzFold(f *testing.F) {
	f.Add([]byte("\x01did/pub/Multikey/veriKey\x00value"), uint64(100))
	f.Add([]byte("\x02did/svc/Hub\x00{\"a\":1,\"a\":[2]}"), uint64(0))
	f.Add([]byte("\x03veriKey\x00"), uint64(1<<63))
	f.Add([]byte("\x04"), uint64(7))
	f.Add([]byte("\x02did/pub/Secp256k1/veriKey/pem\x00\x02y\xbef~\xf9\xdc\xbb\xacU\xa0b\x95\xce\x87\x0b\x07\x02\x9b\xfc\xdb-\xce(\xd9Y\xf2\x81[\x16\xf8\x17\x98"), uint64(7))
	f.Add([]byte("\x81did/pub/Ed25519/veriKey\x00k\n\x81did/pub/Ed25519/veriKey\x00k\n\x14\n\x04\n\x02did/svc/A\x00b"), uint64(61))
	f.Add(append([]byte("\x05"), attributeData("did/pub/X/enc/base58", []byte("k"), uintWord(9), uintWord(0))...), uint64(7))
	f.Fuzz(func(t *testing.T, script []byte, validTo uint64) {
		c := newChain()
		a, id := issuer(1)
		for n := 0; len(script) > 0 && n < 50; n++ {
			kind := script[0]
			line, rest, _ := bytes.Cut(script[1:], []byte{'\n'})
			script = rest
			name, value, _ := bytes.Cut(line, []byte{0})
			text := string(name[:min(len(name), 32)])
			until := c.head().Time + validTo%1000
			switch kind % 6 {
			case 1:
				c.attribute(a, text, value, until)
			case 2:
				c.attribute(a, text, value, never)
			case 3:
				c.delegate(a, text, Address{kind}, until)
			case 4:
				c.changeOwner(a, Address{kind >> 4})
			case 5: // raw data under one of the topics
				topics := [][32]byte{topicOwner, topicDelegate, topicAttribute}
				c.emit(a, topics[int(kind/6)%3], func([]byte) []byte { return line })
			}
			if kind >= 128 {
				c.mine(1)
			}
		}
		n := Network{Name: "dev", ChainID: c.chainID, Registry: c.registry}
		h := historyOf(c)
		r, err := Fold(n, h, id, did.At{}, time.Time{})
		if err != nil {
			return
		}
		b, err := json.Marshal(r.Document)
		if err != nil {
			t.Fatal(err)
		}
		var again any
		if err := json.Unmarshal(b, &again); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
		names := map[string]bool{}
		for _, m := range r.Document.VerificationMethod {
			if names[m.ID] {
				t.Fatalf("%s names two methods", m.ID)
			}
			names[m.ID] = true
		}
		now := unix(h.Head.Time)
		aliases := map[string]bool{}
		for _, k := range r.Keys {
			if names[k.ID] && (!k.Revoked.IsZero() && !k.Revoked.Equal(k.From) || !k.Until.IsZero() && !k.Until.After(now)) {
				t.Fatalf("%s is listed and does not count: %+v", k.ID, k)
			}
			for _, s := range append(k.Aliases, k.ID) {
				if aliases[s] {
					t.Fatalf("%s names two keys", s)
				}
				aliases[s] = true
			}
		}
		cutAfterEachVersion(t, n, h, id)
		n.Profile = V11
		old, err := Fold(n, h, id, did.At{}, time.Time{})
		if err != nil || !reflect.DeepEqual(old.Keys, r.Keys) {
			t.Fatalf("the profile changes the keys: %v\n%+v\n%+v", err, old.Keys, r.Keys)
		}
	})
}

// cutAfterEachVersion: what counted at a block does not depend on anything that came later.
func cutAfterEachVersion(t *testing.T, n Network, h History, id did.DID) {
	t.Helper()
	for number, b := range h.Blocks {
		if number == 0 {
			continue // no version
		}
		cut := History{Head: b, Blocks: h.Blocks}
		for _, l := range h.Logs {
			if l.Block <= number {
				cut.Logs = append(cut.Logs, l)
			}
		}
		old, err := Fold(n, h, id, did.At{Block: number}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		then, err := Fold(n, cut, id, did.At{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		then.Metadata.NextVersionID, then.Metadata.NextUpdate = old.Metadata.NextVersionID, old.Metadata.NextUpdate
		then.Anchor.Tag = old.Anchor.Tag
		if !reflect.DeepEqual(old, then) {
			t.Fatalf("version %d differs from the history that ends there\n%+v\n%+v", number, old, then)
		}
	}
}

// FuzzDecodeLog looks for panics, and for bytes that are read two ways: what decodes must encode to the same.
func FuzzDecodeLog(f *testing.F) {
	f.Add(byte(0), append(make([]byte, 32), uintWord(3)...))
	f.Add(byte(1), append(append(append(textWord("veriKey"), make([]byte, 32)...), bytes.Repeat([]byte{0xff}, 32)...), uintWord(3)...))
	f.Add(byte(2), attributeData("did/svc/Hub", []byte("https://issuer.example"), uintWord(1), uintWord(0)))
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		topics := [][32]byte{topicOwner, topicDelegate, topicAttribute}
		l := Log{Topics: [][32]byte{topics[kind%3], {}}, Data: data, Block: 9}
		e, err := l.decode()
		if err != nil {
			return
		}
		if e.kind == attributeChanged {
			again := attributeData("", e.value, data[64:96], uintWord(e.previous))
			copy(again, data[:32])
			n := 160 + len(e.value)
			if !bytes.Equal(again[:n], data[:n]) {
				t.Fatalf("%x decodes to %+v", data, e)
			}
		}
		if e.previous > 9 || e.validTo > maxTime {
			t.Fatalf("%+v", e)
		}
	})
}
