package interop_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
)

// goldenCount is how many random histories are written on each registry; KHYER_HISTORIES asks for others.
const goldenCount = 40

// setting reads a number from the environment.
func setting(t testing.TB, name string, or uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return or
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// goldenSeed is fixed, so that a change is judged as the one before; KHYER_SEED=0 takes a fresh one.
func goldenSeed(t testing.TB) uint64 {
	seed := setting(t, "KHYER_SEED", 1)
	if seed == 0 {
		var b [4]byte
		rand.Read(b[:])
		seed = uint64(binary.BigEndian.Uint32(b[:])) + 1
	}
	t.Logf("KHYER_SEED=%d", seed)
	return seed
}

// TestRandomHistories writes random histories on three registries of our chain, and on our registry on anvil, and compares ours with
// npm's resolver at every version: before, at and after each change, and now. The profile v11 must give the same JSON, the current one
// the same ids, keys, relationships and services; what differs must follow from the events by a rule with a name (rules_test.go).
//
//	KHYER_NODE=1 KHYER_SEED=0 KHYER_HISTORIES=500 go test -count=1 -run RandomHistories -v ./testvectors/interop
func TestRandomHistories(t *testing.T) {
	startPeer(t)
	count, seed := setting(t, "KHYER_HISTORIES", goldenCount), goldenSeed(t)
	all := map[string]int{}
	for _, on := range append([]string{"anvil/ours"}, prefixed("our chain/", registries)...) {
		t.Run(on, func(t *testing.T) {
			chain, registry, _ := strings.Cut(on, "/")
			if chain == "anvil" {
				count := (count + 4) / 5
				golden(t, openWorld(t, chain, registry), seed+1<<32, count, all)
				return
			}
			golden(t, openWorld(t, chain, registry), seed, count, all)
		})
	}
	t.Log("compared and corrected:")
	for _, what := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%8d %s", all[what], what)
	}
	if os.Getenv("KHYER_SEED") == "" && all["histories"] > 3*goldenCount { // nothing was left out by -run
		for _, rule := range []string{"F1", "EQ", "N1", "N2", "N5", "N6", "deactivated", "versions"} {
			if all[rule] == 0 {
				t.Errorf("the histories show no %s", rule)
			}
		}
	}
}

func prefixed(with string, names []string) (out []string) {
	for _, n := range names {
		out = append(out, with+n)
	}
	return out
}

func golden(t *testing.T, w *world, seed, count uint64, seen map[string]int) {
	profiles := map[string]*didethr.Resolver{"v11": w.with(t, didethr.V11), "current": w.with(t, didethr.Current)}
	for i := range count {
		r := w.random(t, seed+i)
		r.write(t)
		g := &comparison{w: w, seed: seed + i, id: r.did(), seen: seen}
		history := w.history(t, r.me())
		g.events = decode(t, history)
		g.versions = versionsOf(history)
		g.compare(t, profiles)
		seen["histories"]++
		seen["events"] += len(history.Logs)
		if t.Failed() {
			t.Fatalf("the history with seed %d on %s", seed+i, w.kind)
		}
	}
}

// versionsOf are the blocks to ask for: those with a change, one before, one after; and 0, which is now.
func versionsOf(h didethr.History) []uint64 {
	blocks := map[uint64]bool{0: true}
	for n := range h.Blocks {
		blocks[n-1], blocks[n] = true, true
		if n < h.Head.Number {
			blocks[n+1] = true
		}
	}
	return slices.Sorted(maps.Keys(blocks))
}

type comparison struct {
	w        *world
	seed     uint64
	id       string
	events   []event
	versions []uint64
	seen     map[string]int
}

// stockResult is a DID resolution result as JSON has it.
type stockResult struct {
	DIDDocument, DIDDocumentMetadata, DIDResolutionMetadata object
}

func (g *comparison) compare(t *testing.T, profiles map[string]*didethr.Resolver) {
	q := g.w.question(g.id)
	delete(q, "did")
	var dids []string
	for _, at := range g.versions {
		name := g.id
		if at != 0 {
			name += fmt.Sprintf("?versionId=%d", at)
		}
		dids = append(dids, name)
	}
	q["dids"] = dids
	var all []stockResult
	startPeer(t).must(t, &all, "resolveAll", q)
	for i, at := range g.versions {
		theirs := all[i]
		if e := theirs.DIDResolutionMetadata["error"]; e != nil {
			t.Fatalf("%s: the peer says %v: %v", dids[i], e, theirs.DIDResolutionMetadata["message"])
		}
		block, now := at, uint64(time.Now().Unix())
		if at == 0 {
			block = 1 << 62
		} else {
			now = g.timeOf(t, at)
		}
		d := stockDifferences(g.events, block, now)
		d.right(theirs.DIDDocument, g.seen)
		g.seen["versions"]++
		if theirs.DIDDocumentMetadata["deactivated"] == true {
			g.seen["deactivated"]++
		}
		g.same(t, "v11", dids[i], d.unordered, theirs, g.ours(t, profiles["v11"], at))
		ours := g.ours(t, profiles["current"], at)
		g.plain(theirs.DIDDocument, nil)
		g.plain(ours.DIDDocument, d.noPEM)
		g.same(t, "current", dids[i], d.unordered, theirs, ours)
	}
}

func (g *comparison) timeOf(t testing.TB, block uint64) uint64 {
	var b struct{ Timestamp hexUint }
	g.w.call(t, &b, "eth_getBlockByNumber", fmt.Sprintf("0x%x", block), false)
	return uint64(b.Timestamp)
}

func (g *comparison) ours(t testing.TB, r *didethr.Resolver, at uint64) (out stockResult) {
	t.Helper()
	id, err := did.Parse(g.id)
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.Resolve(t.Context(), id, did.At{Block: at})
	text, marshalErr := json.Marshal(did.Represent(res, err, ""))
	if err != nil || marshalErr != nil {
		t.Fatalf("%s at %d: %v %v", g.id, at, err, marshalErr)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (g *comparison) same(t *testing.T, profile, name string, unordered bool, theirs, ours stockResult) {
	if unordered {
		sorted(theirs.DIDDocument)
		sorted(ours.DIDDocument)
	}
	if !reflect.DeepEqual(theirs, ours) {
		a, _ := json.MarshalIndent(ours, "", " ")
		b, _ := json.MarshalIndent(theirs, "", " ")
		t.Errorf("%s, %s\nours %s\npeer, corrected %s", name, profile, a, b)
	}
}

// plain leaves of each method what does not depend on how a generation writes keys: id, controller and the key's bytes. Keys that the
// current profile does not list, since they are no points (N5), go from version 11's document; those that are in noPEM from ours.
func (g *comparison) plain(doc object, noPEM map[string]bool) {
	delete(doc, "@context")
	id := doc["id"].(string)
	methods, _ := doc["verificationMethod"].([]any)
	gone := map[string]bool{}
	kept := []any{}
	for _, x := range methods {
		m := x.(object)
		name := m["id"].(string)
		key, ok := keyOf(m)
		if noPEM[strings.TrimPrefix(name, id)] {
			ok = false
		} else if !ok {
			g.seen["N5"]++
		}
		if gone[name] = !ok; ok {
			kept = append(kept, object{"id": name, "controller": m["controller"], "key": key})
		}
	}
	doc["verificationMethod"] = kept
	for _, r := range relationshipNames {
		if list, ok := doc[r].([]any); ok {
			if doc[r] = slices.DeleteFunc(list, func(ref any) bool { return gone[ref.(string)] }); len(doc[r].([]any)) == 0 {
				delete(doc, r)
			}
		}
	}
}

// keyOf reads a method's key: its bytes in hex, a point compressed; an address with its chain. ok is false for a secp256k1 key that is no
// point.
func keyOf(m object) (key string, ok bool) {
	text := func(name string) string { s, _ := m[name].(string); return s }
	kind := text("type")
	if a := text("blockchainAccountId"); a != "" {
		return a, true
	}
	var b []byte
	switch {
	case m["publicKeyJwk"] != nil:
		x, _ := m["publicKeyJwk"].(object)["x"].(string)
		y, _ := m["publicKeyJwk"].(object)["y"].(string)
		bx, _ := base64.RawURLEncoding.DecodeString(x)
		by, _ := base64.RawURLEncoding.DecodeString(y)
		b = append(append([]byte{4}, bx...), by...)
		kind = "Secp256k1"
	case text("publicKeyMultibase") != "":
		_, b, _ = multibase.Decode(text("publicKeyMultibase"))
		if kind != "Multikey" {
			b = b[2:]
		}
	case text("publicKeyPem") != "":
		b = []byte(text("publicKeyPem"))
	case text("publicKeyBase64") != "":
		b, _ = base64.StdEncoding.DecodeString(text("publicKeyBase64"))
	case text("publicKeyBase58") != "":
		_, b, _ = multibase.Decode("z" + text("publicKeyBase58"))
	default:
		b, _ = hex.DecodeString(text("publicKeyHex") + text("value"))
	}
	if kind == "EcdsaSecp256k1VerificationKey2019" || kind == "Secp256k1" {
		if len(b) == 64 {
			b = append([]byte{4}, b...)
		}
		if p, err := crypto.DecompressPubkey(b); err == nil {
			return hex.EncodeToString(crypto.CompressPubkey(p)), true
		}
		p, err := crypto.UnmarshalPubkey(b)
		if err != nil {
			return "", false
		}
		b = crypto.CompressPubkey(p)
	}
	return hex.EncodeToString(b), true
}
