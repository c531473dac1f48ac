package main

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// recorded is what TestHistories needs of a file of ethr-did-histories.
type recorded struct {
	Network, Logs, ForeignLogs, End json.RawMessage
	Blocks                          []struct {
		Number    uint64 `json:"number"`
		Hash      string `json:"hash"`
		Timestamp int64  `json:"timestamp"`
	}
	Queries []recordedQuery
	Results []map[string]any
}

type recordedQuery struct {
	Kind, DID, Params string
	Accept            *string
	Clock             int64
	V11               *int
	V14               int
	Faults            []struct {
		ID      string
		In, IDs []string
	}
}

// faults are what the recorded answer of a generation has that is not right, with the ids concerned. R (another id after a renewal) is no
// fault of a document. A clock that is behind is one even where it is not marked (F2).
func (q *recordedQuery) faults(generation string) map[string][]string {
	out := map[string][]string{}
	for _, f := range q.Faults {
		if slices.Contains(f.In, generation) && f.ID != "R" {
			out[f.ID] = f.IDs
		}
	}
	if q.Kind == "latest-slow-clock" {
		out["F2"] = nil
	}
	return out
}

// TestHistories folds every query of the published histories by the shim, in both profiles, and compares the whole answer with the recorded one,
// or with what is right where that one shows a fault: a revoked or ended entry (F1, EQ, N1) taken out, a malformed question (F9) refused, a
// slow clock (F2) without effect. What is right for the other faults the tests of package didethr know; here they must get an answer.
func TestHistories(t *testing.T) {
	files := published(t, "ethr-did-histories/*.json")
	for profile, generation := range map[string]string{"current": "v14", "v11": "v11"} {
		count := map[string]int{}
		for _, file := range files {
			var h recorded
			if err := json.Unmarshal(readFile(t, file), &h); err != nil {
				t.Fatal(file, err)
			}
			f := folding{history: map[string]any{"network": h.Network, "blocks": h.Blocks, "logs": h.Logs, "foreignLogs": h.ForeignLogs, "end": h.End}, profile: profile}
			for i := range h.Queries {
				q := &h.Queries[i]
				result := &q.V14
				if generation == "v11" {
					result = q.V11
				}
				if result == nil {
					continue // version 11 knows no versionTime
				}
				f.what = filepath.Base(file) + " " + generation + ": " + q.DID + "?" + q.Params
				count[f.check(t, q, q.faults(generation), h.Results[*result], h.Blocks[len(h.Blocks)-1].Timestamp)]++
			}
		}
		if count["documents"] < 1000 || count["F4"] == 0 || count["refusals"] < 70 || count["F1"] < 20 || count["F9"] < 80 || count["F2"] < 80 {
			t.Errorf("%s: compared only %v", generation, count)
		}
		t.Logf("%s, %d histories: %v", generation, len(files), count)
	}
}

type folding struct {
	history map[string]any
	profile string
	what    string
}

func (f *folding) ask(t *testing.T, q *recordedQuery, clock int64) map[string]any {
	request := map[string]any{"history": f.history, "did": q.DID, "params": q.Params, "clock": clock, "profile": f.profile}
	if q.Accept != nil {
		request["accept"] = *q.Accept
	}
	got := ask(t, "did.ethr.fold", request)
	delete(got, "id")
	delete(got, "keys") // the stock resolver tells no history
	return got
}

// check answers one query, and says what it was an example of.
func (f *folding) check(t *testing.T, q *recordedQuery, faults map[string][]string, recorded map[string]any, head int64) string {
	t.Helper()
	got := f.ask(t, q, q.Clock)
	want := plainNumbers(t, recorded).(map[string]any) // several queries share a result
	refused := func(reason string) bool { return got["verdict"] == "reject" && got["reason"] == reason }
	fails := func(want any) { t.Helper(); t.Errorf("%s\n got %s\nwant %s", f.what, show(got), show(want)) }
	kind := "documents"
	switch reason := want["didResolutionMetadata"].(map[string]any)["error"]; {
	case has(faults, "F9"):
		if !refused("invalidDid") && !refused("notFound") && !refused("invalidOptions") {
			fails("a refusal")
		}
		return "F9"
	case has(faults, "F2"):
		if now := f.ask(t, q, head); got["verdict"] != "accept" || q.Clock < head && !reflect.DeepEqual(got, now) {
			fails(now)
		}
		return "F2"
	case has(faults, "N2"), has(faults, "N3"), has(faults, "N4"), has(faults, "N5"), has(faults, "N6"), has(faults, "N7"):
		if got["verdict"] != "accept" {
			fails("a document")
		}
		return "another fault"
	case reason != nil:
		if !refused(text(reason)) && !refused(nowCalled[text(reason)]) {
			fails(reason)
		}
		return "refusals"
	}
	document, _ := want["didDocument"].(map[string]any)
	if strings.HasSuffix(q.DID, ":0x"+strings.Repeat("0", 40)) { // fault F4: everybody writes for it
		if methods := got["didDocument"].(map[string]any)["verificationMethod"].([]any); len(methods) != 0 {
			fails("no keys")
		}
		return "F4"
	}
	for _, fault := range []string{"F1", "EQ", "N1"} {
		if has(faults, fault) {
			kind = fault
			without(document, faults[fault])
			if f.profile == "current" {
				delete(document, "@context") // follows from the methods
				delete(got["didDocument"].(map[string]any), "@context")
			}
		}
	}
	want["verdict"] = "accept"
	dropEmptyKeys(want)
	if !reflect.DeepEqual(plainNumbers(t, got), plainNumbers(t, want)) {
		fails(want)
	}
	return kind
}

func has(faults map[string][]string, id string) bool { _, ok := faults[id]; return ok }

// without takes entries and references with these fragments out of a document.
func without(document map[string]any, fragments []string) {
	for name, v := range document {
		list, ok := v.([]any)
		if !ok || name == "@context" {
			continue
		}
		list = slices.DeleteFunc(list, func(x any) bool {
			id, isReference := x.(string)
			if !isReference {
				id = text(x.(map[string]any)["id"])
			}
			_, fragment, _ := strings.Cut(id, "#")
			return slices.Contains(fragments, "#"+fragment)
		})
		if document[name] = list; len(list) == 0 && (name == "keyAgreement" || name == "service") {
			delete(document, name)
		}
	}
}

// dropEmptyKeys leaves out key members without a value, which version 11 writes for an attribute without a value, and the library does not.
func dropEmptyKeys(result map[string]any) {
	methods, _ := result["didDocument"].(map[string]any)["verificationMethod"].([]any)
	for _, v := range methods {
		if m := v.(map[string]any); m["publicKeyHex"] == "" {
			delete(m, "publicKeyHex")
		}
	}
}

// nowCalled are the errors of version 11 under the names of DID Resolution section 11. notFound is what it says of a public key off the
// curve.
var nowCalled = map[string]string{"unknownNetwork": "internalError", "unsupportedFormat": "representationNotSupported", "notFound": "invalidDid"}

// plainNumbers gives two answers the same Go types.
func plainNumbers(t *testing.T, v any) (out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(show(v)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHistoriesThatCannotBeRead: a request that is no history is an error, never a document.
func TestHistoriesThatCannotBeRead(t *testing.T) {
	const good = `{"network":{"name":"x","chainId":5,"registry":"0x0000000000000000000000000000000000000001"},"blocks":[{"number":1,"hash":"0x1111111111111111111111111111111111111111111111111111111111111111","timestamp":1}],"logs":[],"foreignLogs":[],"end":{"head":1}}`
	did := "did:ethr:x:0x00000000000000000000000000000000000000Aa"
	if got := ask(t, "did.ethr.fold", map[string]any{"history": json.RawMessage(good), "did": did, "clock": 1}); got["verdict"] != "accept" {
		t.Fatal(show(got))
	}
	for what, change := range map[string][2]string{
		"no registry": {`"registry"`, `"registrar"`}, "short hash": {`"0x11`, `"0x`}, "no hexadecimal": {`"0x11`, `"0xgg`}, "a head of no block": {`"head":1`, `"head":2`},
		"negative number": {`"number":1`, `"number":-1`}, "logs are no array": {`"logs":[]`, `"logs":{}`}, "a log without topics": {`"logs":[]`, `"logs":[{"topics":[1]}]`},
		"chain id is no number": {`"chainId":5`, `"chainId":"five"`},
	} {
		got := ask(t, "did.ethr.fold", map[string]any{"history": json.RawMessage(strings.Replace(good, change[0], change[1], 1)), "did": did, "clock": 1})
		if got["verdict"] != "error" {
			t.Errorf("%s: %s", what, show(got))
		}
	}
	for _, c := range []struct{ did, params, profile, verdict, reason string }{
		{did: did, profile: "v11", verdict: "accept"},
		{did: did, profile: "v12", verdict: "error"},
		{did: "did:ethr:y:0x00000000000000000000000000000000000000Aa", verdict: "reject", reason: "internalError"},
		{did: "did:ethr:x:0x00", verdict: "reject", reason: "invalidDid"},
		{did: did, params: "versionId=2", verdict: "reject", reason: "notFound"},
		{did: did, params: "versionId=1&versionTime=1", verdict: "reject", reason: "invalidOptions"},
	} {
		got := ask(t, "did.ethr.fold", map[string]any{"history": json.RawMessage(good), "did": c.did, "params": c.params, "profile": c.profile, "clock": 1})
		if got["verdict"] != c.verdict || text(got["reason"]) != c.reason {
			t.Errorf("%+v: %s", c, show(got))
		}
	}
}
