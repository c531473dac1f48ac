package didethr

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/khyer/khyer/did"
)

// right is the recorded answer, or where the recording marks a fault, what its README calls right.
func right(t *testing.T, r *recording, q *recordedQuery, g generation) wanted {
	t.Helper()
	if _, ok := q.fault(g, "F9"); ok {
		switch {
		case strings.Count(q.Params, "versionId") > 1 || strings.Contains(q.Params, "versionTime"):
			return wanted{code: did.InvalidOptions}
		case q.Params != "":
			return wanted{code: did.NotFound}
		}
		return wanted{code: did.InvalidDID}
	}
	result := q.result(r, g)
	if q.Kind == "latest-slow-clock" && q.Clock < int64(r.Blocks[len(r.Blocks)-1].Timestamp) {
		// Fault F2: the right answer does not depend on a clock that is behind, it is that of the newest block.
		for _, other := range r.Queries {
			if other.Kind == "latest" && other.DID == q.DID && other.Accept != nil && *other.Accept == *q.Accept {
				other.Clock = int64(r.Blocks[len(r.Blocks)-1].Timestamp)
				return right(t, r, &other, g)
			}
		}
		t.Fatal("no latest query to compare with")
	}
	if _, ok := q.fault(g, "N7"); ok {
		return wrongChecksum(t, r, q, g)
	}
	if result.DIDResolutionMetadata.Error != "" {
		return wanted{code: rightCode(q, did.Code(result.DIDResolutionMetadata.Error))}
	}
	w := wanted{
		document: clone(result.DIDDocument), metadata: result.DIDDocumentMetadata,
		ld: q.Accept == nil || *q.Accept == "application/did+ld+json",
	}
	if strings.HasSuffix(q.DID, ":0x"+strings.Repeat("0", 40)) { // fault F4
		for name, v := range w.document {
			if list, ok := v.([]any); ok && name != "@context" {
				if w.document[name] = list[:0]; name == "keyAgreement" || name == "service" {
					delete(w.document, name)
				}
			}
		}
		w.document["@context"] = contextsOf(w.document)
		if g.profile == V11 || !w.ld {
			w.document["@context"] = result.DIDDocument["@context"]
		}
		if !w.ld {
			delete(w.document, "@context")
		}
		return w
	}
	for _, id := range []string{"F1", "EQ", "N1", "N5"} {
		if ids, ok := q.fault(g, id); ok {
			remove(w.document, ids)
		}
	}
	if ids, ok := q.fault(g, "N3"); ok {
		nameTypes(t, r, q, w.document, ids)
	}
	if ids, ok := q.fault(g, "N6"); ok {
		serviceTexts(t, r, w.document, ids)
	}
	if _, ok := q.fault(g, "N4"); ok {
		addControllerKey(t, q, w.document)
	}
	if _, ok := q.fault(g, "N2"); ok {
		countAlways(t, r, q, w.document)
	}
	dropEmptyKeys(w.document)
	if w.ld && g.profile == Current {
		// Contexts follow the methods; a method more or less may change them.
		if len(q.Faults) > 0 {
			w.document["@context"] = contextsOf(w.document)
		}
	}
	return w
}

// rightCode is the reason for a recorded error.
func rightCode(q *recordedQuery, recorded did.Code) did.Code {
	switch {
	case recorded == did.InternalError || recorded == "unknownNetwork": // 14 and 11 about a network that they do not know
		return did.UnknownNetwork
	case recorded == did.NotFound && q.Params == "": // 11 about a public key off the curve
		return did.InvalidDID
	}
	return recorded
}

// countAlways gives the ids that entries have if every event counts. Version 11 counts an attribute whose name is outside the grammar
// only once it is not valid any more (fault N2), so that other entries' ids move. Both counts are done here, straight in the logs' bytes.
func countAlways(t *testing.T, r *recording, q *recordedQuery, doc map[string]any) {
	t.Helper()
	wellFormed := regexp.MustCompile(`^did/(pub|svc)/\w+(/\w+)?(/\w+)?$`)
	last, now := uint64(math.MaxUint64), uint64(q.Clock)
	if version, ok := strings.CutPrefix(q.Params, "versionId="); ok {
		last, _ = strconv.ParseUint(version, 10, 64)
		now = r.Blocks[slices.IndexFunc(r.Blocks, func(b recordedBlock) bool { return b.Number == last })].Timestamp
	}
	rename := map[string]string{}
	was, is := map[string]int{}, map[string]int{}
	identity := strings.ToLower(r.Identity.Address[2:])
	for _, l := range r.Logs {
		data := bytesOf(t, l.Data)
		if l.BlockNumber > last || !strings.HasSuffix(l.Topics[1], identity) || len(data) < 4*32 {
			continue
		}
		name, isText := wordText(data[:32])
		class := "#delegate-"
		switch {
		case !isText, len(data) > 4*32 && !strings.HasPrefix(name, "did/pub/") && !strings.HasPrefix(name, "did/svc/"):
			continue
		case len(data) > 4*32 && strings.HasPrefix(name, "did/svc/"):
			class = "#service-"
		}
		is[class]++
		if len(data) == 4*32 || wordTime(data[64:96]) < now || wellFormed.MatchString(name) {
			was[class]++
			rename[class+strconv.Itoa(was[class])] = class + strconv.Itoa(is[class])
		}
	}
	for name, v := range doc {
		list, ok := v.([]any)
		for i := 0; ok && name != "@context" && i < len(list); i++ {
			switch f := fragmentOf(list[i]); v := list[i].(type) {
			case string:
				list[i] = q.DID + cmp.Or(rename[f], f)
			case map[string]any:
				v["id"] = q.DID + cmp.Or(rename[f], f)
			}
		}
	}
}

// dropEmptyKeys leaves out what did.Method does not write: a key member without a value.
func dropEmptyKeys(doc map[string]any) {
	for _, v := range doc["verificationMethod"].([]any) {
		if m := v.(map[string]any); m["publicKeyHex"] == "" {
			delete(m, "publicKeyHex")
		}
	}
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
func wrongChecksum(t *testing.T, r *recording, q *recordedQuery, g generation) wanted {
	t.Helper()
	i := strings.LastIndexByte(q.DID, ':')
	for _, other := range r.Queries {
		if other.Kind != "latest" || other.DID == q.DID || *other.Accept != "application/did+json" {
			continue
		}
		if strings.EqualFold(other.DID[strings.LastIndexByte(other.DID, ':'):], q.DID[i:]) {
			w := right(t, r, &other, g)
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
