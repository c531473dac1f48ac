package interop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ethereum/go-ethereum/common"

	"github.com/khyer/khyer/did/didethr"
)

// event is one of the registry's, decoded by go-ethereum.
type event struct {
	kind    string // DIDOwnerChanged, DIDDelegateChanged or DIDAttributeChanged
	name    string
	value   []byte // of an attribute
	party   common.Address
	validTo *big.Int
	block   uint64
	time    uint64
}

func decode(t testing.TB, h didethr.History) (out []event) {
	t.Helper()
	for _, l := range h.Logs {
		of, err := artifact(t, "1.3.0").ABI.EventByID(l.Topics[0])
		if err != nil {
			t.Fatal(err)
		}
		args, err := of.Inputs.Unpack(l.Data)
		if err != nil {
			t.Fatal(err)
		}
		e := event{kind: of.Name, validTo: new(big.Int), block: l.Block, time: h.Blocks[l.Block].Time}
		text := func(v any) string { b := v.([32]byte); return strings.TrimRight(string(b[:]), "\x00") }
		switch of.Name {
		case "DIDOwnerChanged":
			e.party = args[0].(common.Address)
		case "DIDDelegateChanged":
			e.name, e.party, e.validTo = text(args[0]), args[1].(common.Address), args[2].(*big.Int)
		case "DIDAttributeChanged":
			e.name, e.value, e.validTo = text(args[0]), args[1].([]byte), args[2].(*big.Int)
		}
		if utf8.ValidString(e.name) { // the others are no DID data
			out = append(out, e)
		}
	}
	return out
}

// differences are what version 11 of the stock resolver does otherwise than ours in a document, found from the events alone, with none of our
// code. Each has the name that the notes on did:ethr give it.
type differences struct {
	ids       map[string]string // N2: their number of an entry, and the right one
	ended     map[string]string // F1 or EQ: entries that are listed in the second in which they end, by their id
	endpoints map[string]string // N6: services whose value is a JSON number, boolean or null, by the right id
	noPEM     map[string]bool   // keys that are to be written as PEM and are no text, by the right id: only profiles that know PEM leave them out
	unordered bool              // EQ: an entry that ends now keeps its place if it is set again, and with ours it gets a new one
}

var attributeWords = regexp.MustCompile(`^did/(pub|svc)/(\w+)(/(\w+))?(/(\w+))?$`)

func stockDifferences(events []event, block, now uint64) differences {
	d := differences{ids: map[string]string{}, ended: map[string]string{}, endpoints: map[string]string{}, noPEM: map[string]bool{}}
	type number struct{ theirs, right int }
	counts := map[string]*number{"delegate": {}, "service": {}}
	type last struct {
		id      string
		validTo *big.Int
		time    uint64
	}
	listed := map[string]last{}
	moment := new(big.Int).SetUint64(now)
	for _, e := range events {
		if e.block > block {
			break
		}
		if e.kind == "DIDOwnerChanged" {
			if (e.party == common.Address{}) {
				break
			}
			continue
		}
		words, section := []string(nil), "delegate"
		if e.kind == "DIDAttributeChanged" {
			words = attributeWords.FindStringSubmatch(e.name)
			switch {
			case strings.HasPrefix(e.name, "did/svc/"):
				section = "service"
			case !strings.HasPrefix(e.name, "did/pub/"):
				continue
			}
		}
		valid := e.validTo.Sign() > 0 && e.validTo.Cmp(moment) >= 0
		d.unordered = d.unordered || e.validTo.Cmp(moment) == 0
		n := counts[section]
		n.right++
		if !valid || words != nil || e.kind == "DIDDelegateChanged" {
			n.theirs++
		}
		key := fmt.Sprint(e.kind, "\x00", e.name, "\x00", string(e.value), e.party)
		if delete(listed, key); !valid || words == nil && e.kind == "DIDAttributeChanged" {
			continue
		}
		theirs, right := fmt.Sprintf("#%s-%d", section, n.theirs), fmt.Sprintf("#%s-%d", section, n.right)
		listed[key] = last{theirs, e.validTo, e.time}
		d.ids[theirs] = right
		if section == "service" && isScalar(e.value) {
			d.endpoints[right] = string(e.value)
		}
		if words != nil && words[6] == "pem" && !utf8.Valid(e.value) {
			d.noPEM[right] = true
		}
	}
	for _, x := range listed {
		if x.validTo.Cmp(moment) == 0 {
			d.ended[x.id] = "EQ"
			if x.time == now {
				d.ended[x.id] = "F1"
			}
		}
	}
	return d
}

func isScalar(value []byte) bool {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return false
	}
	switch v.(type) {
	case float64, bool, nil:
		return true
	}
	return false
}

type object = map[string]any

var relationshipNames = []string{"authentication", "assertionMethod", "keyAgreement"}

// right corrects a document of version 11 by what is known of it, and counts what it corrects.
func (d *differences) right(doc object, seen map[string]int) {
	id := doc["id"].(string)
	methods, _ := doc["verificationMethod"].([]any)
	services, _ := doc["service"].([]any)
	listed := map[string]bool{}
	for _, m := range methods {
		listed[m.(object)["id"].(string)] = true
	}
	drop := func(in any, rule string, when func(string) bool) []any {
		list, _ := in.([]any)
		return slices.DeleteFunc(list, func(x any) bool {
			name, isRef := x.(string)
			if !isRef {
				name = x.(object)["id"].(string)
			}
			if !when(name) {
				return false
			}
			seen[rule]++
			return true
		})
	}
	if ka, ok := doc["keyAgreement"]; ok {
		if doc["keyAgreement"] = drop(ka, "N1", func(ref string) bool { return !listed[ref] }); len(doc["keyAgreement"].([]any)) == 0 {
			delete(doc, "keyAgreement")
		}
	}
	for fragment, rule := range d.ended {
		ended := func(name string) bool { return name == id+fragment }
		methods, services = drop(methods, rule, ended), drop(services, rule, ended)
		for _, r := range relationshipNames {
			if list, ok := doc[r]; ok {
				doc[r] = drop(list, "references of "+rule, ended)
			}
		}
	}
	rename := func(name string) string {
		fragment := strings.TrimPrefix(name, id)
		if right, ok := d.ids[fragment]; ok && right != fragment {
			seen["N2"]++
			return id + right
		}
		return name
	}
	for _, list := range [][]any{methods, services} {
		for _, x := range list {
			x.(object)["id"] = rename(x.(object)["id"].(string))
		}
	}
	for _, r := range relationshipNames {
		list, _ := doc[r].([]any)
		for i := range list {
			list[i] = rename(list[i].(string))
		}
		if list != nil && len(list) == 0 && r == "keyAgreement" {
			delete(doc, r)
		}
	}
	for _, x := range services {
		s := x.(object)
		if text, ok := d.endpoints[strings.TrimPrefix(s["id"].(string), id)]; ok {
			s["serviceEndpoint"] = text
			seen["N6"]++
		}
	}
	for _, x := range methods {
		for _, member := range []string{"publicKeyHex", "publicKeyBase64", "publicKeyBase58", "publicKeyPem", "value"} {
			if x.(object)[member] == "" {
				delete(x.(object), member)
				seen["a key without a value"]++
			}
		}
	}
	if doc["verificationMethod"] = methods; methods == nil {
		doc["verificationMethod"] = []any{}
	}
	if doc["service"] = services; len(services) == 0 {
		delete(doc, "service")
	}
}

// sorted gives lists whose order does not count the same order.
func sorted(doc object) {
	for name, v := range doc {
		if list, ok := v.([]any); ok && name != "@context" {
			slices.SortFunc(list, func(a, b any) int {
				x, _ := json.Marshal(a)
				y, _ := json.Marshal(b)
				return bytes.Compare(x, y)
			})
		}
	}
}
