package didethr

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// recording is one file of the set ethr-did-histories: logs, and what ethr-did-resolver 14.1.2 answered about them.
type recording struct {
	Name    string
	Network struct {
		Name     string
		ChainID  uint64
		Registry string
	}
	Identity struct{ Address string }
	Blocks   []struct {
		Number    uint64
		Hash      string
		Timestamp uint64
	}
	Logs, ForeignLogs []recordedLog
	End               struct {
		Head       uint64
		Identities map[string]struct{ Changed uint64 }
	}
	Queries []recordedQuery
	Results []recordedResult
}

type recordedLog struct {
	Address, Data, BlockHash string
	Topics                   []string
	BlockNumber, LogIndex    uint64
}

type recordedQuery struct {
	Kind, DID, Params string
	Accept            *string
	Clock             int64
	V11, V14          *int
	Faults            []struct {
		ID      string
		In, IDs []string
	}
}

type recordedResult struct {
	DIDDocument           map[string]any
	DIDDocumentMetadata   map[string]any
	DIDResolutionMetadata struct{ ContentType, Error string }
}

func (q *recordedQuery) fault(id string) (ids []string, has bool) {
	for _, f := range q.Faults {
		if f.ID == id && slices.Contains(f.In, "v14") {
			return f.IDs, true
		}
	}
	return nil, false
}

// recordings reads the published set, or skips.
func recordings(t testing.TB) []recording {
	dir := os.Getenv("KHYER_VECTORS")
	files, _ := filepath.Glob(filepath.Join(dir, "ethr-did-histories", "*.json"))
	if dir == "" || len(files) == 0 {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("needs KHYER_VECTORS, the folder that holds ethr-did-histories")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder that holds ethr-did-histories")
	}
	var out []recording
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(f, err)
		}
		out = append(out, r)
	}
	return out
}

func bytesOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *recording) history(t testing.TB) (Network, History) {
	t.Helper()
	registry, err := ParseAddress(r.Network.Registry)
	if err != nil {
		t.Fatal(err)
	}
	n := Network{Name: r.Network.Name, ChainID: r.Network.ChainID, Registry: registry}
	h := History{Blocks: map[uint64]Block{}}
	for _, b := range r.Blocks {
		h.Blocks[b.Number] = Block{b.Number, [32]byte(bytesOf(t, b.Hash)), b.Timestamp}
	}
	h.Head = h.Blocks[r.End.Head]
	for _, l := range slices.Concat(r.Logs, r.ForeignLogs) {
		out := Log{Address: Address(bytesOf(t, l.Address)), Data: bytesOf(t, l.Data), Block: l.BlockNumber,
			BlockHash: [32]byte(bytesOf(t, l.BlockHash)), Index: l.LogIndex}
		for _, topic := range l.Topics {
			out.Topics = append(out.Topics, [32]byte(bytesOf(t, topic)))
		}
		h.Logs = append(h.Logs, out)
	}
	return n, h
}

// answer is what a query gives here: parse, choose the version, fold.
func (r *recording) answer(n Network, h History, q *recordedQuery) (*did.Resolution, error) {
	text := q.DID
	if q.Params != "" {
		text += "?" + q.Params
	}
	u, err := did.ParseURL(text)
	if err != nil {
		return nil, err
	}
	at, err := u.At()
	if err != nil {
		return nil, err
	}
	return Fold(n, h, u.DID, at, time.Unix(q.Clock, 0))
}

// plain writes a document as the JSON values of the recordings.
func plain(t testing.TB, d *did.Document, ld bool) (out map[string]any) {
	t.Helper()
	b, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !ld {
		delete(out, "@context")
	}
	return out
}

func plainMetadata(r *did.Resolution) map[string]any {
	out := map[string]any{}
	put := func(name, value string, t time.Time, timeName string) {
		if value != "" {
			out[name], out[timeName] = value, t.Format(time.RFC3339)
		}
	}
	put("versionId", r.Metadata.VersionID, r.Metadata.Updated, "updated")
	put("nextVersionId", r.Metadata.NextVersionID, r.Metadata.NextUpdate, "nextUpdate")
	if r.Deactivated {
		out["deactivated"] = true
	}
	return out
}

// TestRecordedHistories compares every recorded query with what the stock resolver answered, and where that shows a fault, with the
// right answer.
func TestRecordedHistories(t *testing.T) {
	compared, faulty := map[string]int{}, map[string]int{}
	all := recordings(t)
	for i := range all {
		r := &all[i]
		t.Run(r.Name, func(t *testing.T) {
			n, h := r.history(t)
			for j := range r.Queries {
				q := &r.Queries[j]
				if q.Accept != nil && *q.Accept == "application/did+cbor" {
					continue // a representation is no matter of this package
				}
				name := fmt.Sprintf("%s %s?%s clock %d", q.Kind, q.DID, q.Params, q.Clock)
				got, err := r.answer(n, h, q)
				if want := right(t, r, q); !same(t, name, want, got, err) {
					continue
				}
				compared[q.Kind]++
				for _, f := range q.Faults {
					if slices.Contains(f.In, "v14") {
						faulty[f.ID]++
					}
				}
			}
		})
	}
	t.Logf("%d histories; queries that agree, by kind: %v; of them with the right result in place of a stock fault: %v", len(all), compared, faulty)
}

// wanted is the right answer to a recorded query.
type wanted struct {
	code     did.Code // of the error, or empty
	document map[string]any
	metadata map[string]any
	ld       bool
}

func same(t *testing.T, name string, want wanted, got *did.Resolution, err error) bool {
	t.Helper()
	if want.code != "" || err != nil {
		if !errors.Is(err, want.code) {
			t.Errorf("%s: error %v, want %q", name, err, want.code)
			return false
		}
		return true
	}
	ok := true
	if m := plainMetadata(got); !reflect.DeepEqual(m, want.metadata) {
		t.Errorf("%s: metadata %v, want %v", name, m, want.metadata)
		ok = false
	}
	if d := plain(t, got.Document, want.ld); !reflect.DeepEqual(d, want.document) {
		t.Errorf("%s: document\n got %s\nwant %s", name, text(d), text(want.document))
		ok = false
	}
	return ok
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// right is the recorded answer, or where the recording marks a fault, what its README calls right.
func right(t *testing.T, r *recording, q *recordedQuery) wanted {
	t.Helper()
	if _, ok := q.fault("F9"); ok {
		switch {
		case strings.Count(q.Params, "versionId") > 1 || strings.Contains(q.Params, "versionTime"):
			return wanted{code: did.InvalidOptions}
		case q.Params != "":
			return wanted{code: did.NotFound}
		}
		return wanted{code: did.InvalidDID}
	}
	result := r.Results[*q.V14]
	if _, ok := q.fault("F2"); ok {
		// The right answer does not depend on a clock that is behind: it is that of the newest block.
		for _, other := range r.Queries {
			if other.Kind == "latest" && other.DID == q.DID && other.Accept != nil && *other.Accept == *q.Accept {
				other.Clock = int64(r.Blocks[len(r.Blocks)-1].Timestamp)
				return right(t, r, &other)
			}
		}
		t.Fatal("no latest query to compare with")
	}
	if _, ok := q.fault("N7"); ok {
		return wrongChecksum(t, r, q)
	}
	if result.DIDResolutionMetadata.Error != "" {
		code := did.Code(result.DIDResolutionMetadata.Error)
		if code == did.InternalError { // the stock resolver's name for a network that it does not know
			code = did.UnknownNetwork
		}
		return wanted{code: code}
	}
	w := wanted{
		document: clone(result.DIDDocument), metadata: result.DIDDocumentMetadata,
		ld: q.Accept == nil || *q.Accept == "application/did+ld+json",
	}
	for _, id := range []string{"F1", "EQ", "N5"} {
		if ids, ok := q.fault(id); ok {
			remove(w.document, ids)
		}
	}
	if ids, ok := q.fault("N3"); ok {
		nameTypes(t, r, q, w.document, ids)
	}
	if ids, ok := q.fault("N6"); ok {
		serviceTexts(t, r, w.document, ids)
	}
	if _, ok := q.fault("N4"); ok {
		addControllerKey(t, q, w.document)
	}
	if w.ld {
		// Contexts follow the methods; a method more or less may change them.
		if len(q.Faults) > 0 {
			w.document["@context"] = contextsOf(w.document)
		}
	}
	return w
}

func clone(m map[string]any) (out map[string]any) {
	b, _ := json.Marshal(m)
	_ = json.Unmarshal(b, &out)
	return out
}

func fragmentOf(v any) string {
	s, ok := v.(string)
	if !ok {
		s = v.(map[string]any)["id"].(string)
	}
	return s[strings.IndexByte(s, '#'):]
}

// remove takes the entries with these fragments out of a document.
func remove(doc map[string]any, fragments []string) {
	for name, v := range doc {
		list, ok := v.([]any)
		if !ok || name == "@context" {
			continue
		}
		list = slices.DeleteFunc(list, func(v any) bool { return slices.Contains(fragments, fragmentOf(v)) })
		if doc[name] = list; len(list) == 0 && (name == "keyAgreement" || name == "service") {
			delete(doc, name)
		}
	}
}

// nameTypes writes the algorithm's name, which the stock resolver of version 11 gives, or else the attribute itself.
func nameTypes(t *testing.T, r *recording, q *recordedQuery, doc map[string]any, fragments []string) {
	t.Helper()
	for _, v := range doc["verificationMethod"].([]any) {
		m := v.(map[string]any)
		if !slices.Contains(fragments, fragmentOf(m)) {
			continue
		}
		m["type"] = ""
		if q.V11 != nil {
			for _, v := range r.Results[*q.V11].DIDDocument["verificationMethod"].([]any) {
				if old := v.(map[string]any); old["id"] == m["id"] {
					m["type"] = old["type"]
				}
			}
		}
		if m["type"] == "" {
			m["type"] = algorithmOf(t, r, fragmentOf(m))
		}
	}
}

// algorithmOf finds the algorithm by counting events, straight in the logs' bytes, as the ids are made.
func algorithmOf(t *testing.T, r *recording, fragment string) string {
	t.Helper()
	number, err := strconv.Atoi(strings.TrimPrefix(fragment, "#delegate-"))
	if err != nil {
		t.Fatal(err)
	}
	identity := strings.ToLower(r.Identity.Address[2:])
	for _, l := range r.Logs {
		data := bytesOf(t, l.Data)
		name, isKey := strings.CutPrefix(strings.TrimRight(string(data[:32]), "\x00"), "did/pub/")
		if !strings.HasSuffix(l.Topics[1], identity) || !isKey && len(data) != 4*32 {
			continue
		}
		if number--; number == 0 {
			return strings.Split(name, "/")[0]
		}
	}
	t.Fatal("fewer events than the id says")
	return ""
}

// serviceTexts writes the text of each service's attribute. The attribute is found by counting, as the ids are made.
func serviceTexts(t *testing.T, r *recording, doc map[string]any, fragments []string) {
	t.Helper()
	identity := strings.ToLower(r.Identity.Address[2:])
	var values []string
	for _, l := range r.Logs {
		data := bytesOf(t, l.Data)
		if strings.HasPrefix(string(data), "did/svc/") && strings.HasSuffix(l.Topics[1], identity) {
			size := int(data[4*32+30])<<8 | int(data[4*32+31])
			values = append(values, string(data[5*32:5*32+size]))
		}
	}
	for _, v := range doc["service"].([]any) {
		if s := v.(map[string]any); slices.Contains(fragments, fragmentOf(s)) {
			number, err := strconv.Atoi(strings.TrimPrefix(fragmentOf(s), "#service-"))
			if err != nil {
				t.Fatal(err)
			}
			s["serviceEndpoint"] = values[number-1]
		}
	}
}

// addControllerKey adds what the method specification demands: the identity's own key, where #controller stands.
func addControllerKey(t *testing.T, q *recordedQuery, doc map[string]any) {
	t.Helper()
	id, err := did.Parse(q.DID)
	if err != nil {
		t.Fatal(err)
	}
	ident, err := parseIdentifier(id)
	if err != nil || ident.key == nil {
		t.Fatal("not the public-key form", err)
	}
	point := ident.key.SerializeUncompressed()
	method := map[string]any{"id": q.DID + "#controllerKey", "type": "EcdsaSecp256k1VerificationKey2019", "controller": q.DID,
		"publicKeyJwk": map[string]any{"kty": "EC", "crv": "secp256k1", "x": base64url(point[1:33]), "y": base64url(point[33:])}}
	doc["verificationMethod"] = slices.Insert(doc["verificationMethod"].([]any), 1, any(method))
	for _, p := range []string{"authentication", "assertionMethod"} {
		doc[p] = slices.Insert(doc[p].([]any), 1, any(q.DID+"#controllerKey"))
	}
}

// wrongChecksum is the answer to the same address in lower case, with the DID as it was asked.
func wrongChecksum(t *testing.T, r *recording, q *recordedQuery) wanted {
	t.Helper()
	i := strings.LastIndexByte(q.DID, ':')
	for _, other := range r.Queries {
		if other.Kind != "latest" || other.DID == q.DID || *other.Accept != "application/did+json" {
			continue
		}
		if strings.EqualFold(other.DID[strings.LastIndexByte(other.DID, ':'):], q.DID[i:]) {
			w := right(t, r, &other)
			b := strings.ReplaceAll(text(w.document), other.DID, q.DID)
			w.document = nil
			if err := json.Unmarshal([]byte(b), &w.document); err != nil {
				t.Fatal(err)
			}
			return w
		}
	}
	// No query about that address: it is no issuer's, and has never changed.
	controller := map[string]any{"id": q.DID + "#controller", "type": "EcdsaSecp256k1RecoveryMethod2020", "controller": q.DID,
		"blockchainAccountId": fmt.Sprintf("eip155:%d:%s", r.Network.ChainID, Address(bytesOf(t, q.DID[i+3:])))}
	refs := []any{q.DID + "#controller"}
	if r.End.Identities[Address(bytesOf(t, q.DID[i+3:])).String()].Changed != 0 {
		t.Fatal("an address with changes")
	}
	return wanted{metadata: map[string]any{}, document: map[string]any{"id": q.DID, "verificationMethod": []any{controller},
		"authentication": refs, "assertionMethod": refs}}
}

// contextsOf says again, on plain values, which contexts the methods need.
func contextsOf(doc map[string]any) []any {
	out := []any{"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/secp256k1recovery-2020/v2"}
	has := func(member, value string) bool {
		return slices.ContainsFunc(doc["verificationMethod"].([]any), func(v any) bool {
			got, ok := v.(map[string]any)[member]
			return ok && (value == "" || got == value)
		})
	}
	if has("type", "EcdsaSecp256k1VerificationKey2019") || has("publicKeyBase58", "") {
		out = append(out, "https://w3id.org/security/v2")
	}
	if has("type", "Ed25519VerificationKey2020") {
		out = append(out, "https://w3id.org/security/suites/ed25519-2020/v1")
	}
	if has("type", "X25519KeyAgreementKey2020") {
		out = append(out, "https://w3id.org/security/suites/x25519-2020/v1")
	}
	if has("type", "Multikey") {
		out = append(out, "https://w3id.org/security/multikey/v1")
	}
	inline := map[string]any{}
	if has("publicKeyHex", "") {
		inline["publicKeyHex"] = "https://w3id.org/security#publicKeyHex"
	}
	if has("publicKeyJwk", "") {
		inline["publicKeyJwk"] = map[string]any{"@id": "https://w3id.org/security#publicKeyJwk", "@type": "@json"}
	}
	if has("publicKeyBase64", "") {
		inline["publicKeyBase64"] = "https://w3id.org/security#publicKeyBase64"
	}
	if len(inline) > 0 {
		out = append(out, inline)
	}
	return out
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
