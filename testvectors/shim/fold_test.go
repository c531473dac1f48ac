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
	Network, Blocks, Logs, ForeignLogs, End json.RawMessage
	Queries                                 []recordedQuery
	Results                                 []map[string]any
}

type recordedQuery struct {
	Kind, DID, Params string
	Accept            *string
	Clock             int64
	V11               *int
	V14               int
	Faults            []struct {
		ID string
		In []string
	}
}

// faulty reports whether the recorded answer is not the right one. With a clock that is behind, none is (fault F2), nor for identity zero
// (fault F4).
func (q *recordedQuery) faulty(generation string) bool {
	for _, f := range q.Faults {
		if slices.Contains(f.In, generation) {
			return true
		}
	}
	return q.Kind == "latest-slow-clock" || strings.HasSuffix(q.DID, ":0x"+strings.Repeat("0", 40))
}

// TestHistories folds the published histories by the shim and compares the whole answer with the recorded ones, of both generations,
// wherever the stock resolver shows no fault. (The tests of package didethr say what is right where it does.)
func TestHistories(t *testing.T) {
	files := published(t, "ethr-did-histories/*.json")
	for profile, generation := range map[string]string{"current": "v14", "v11": "v11"} {
		compared, faulty, refused := 0, 0, 0
		for _, file := range files {
			var h recorded
			if err := json.Unmarshal(readFile(t, file), &h); err != nil {
				t.Fatal(file, err)
			}
			history := map[string]json.RawMessage{"network": h.Network, "blocks": h.Blocks, "logs": h.Logs, "foreignLogs": h.ForeignLogs, "end": h.End}
			for i, q := range h.Queries {
				if i%3 != 0 && (q.Kind == "versionId" || q.Kind == "versionTime") {
					continue // each request carries its whole history; package didethr folds all
				}
				result := &q.V14
				if generation == "v11" {
					result = q.V11
				}
				if result == nil {
					continue // version 11 knows no versionTime
				}
				request := map[string]any{"history": history, "did": q.DID, "params": q.Params, "clock": q.Clock, "profile": profile}
				if q.Accept != nil {
					request["accept"] = *q.Accept
				}
				got := ask(t, "did.ethr.fold", request)
				what := filepath.Base(file) + " " + generation + ": " + q.DID + "?" + q.Params
				if q.faulty(generation) {
					if faulty++; got["verdict"] != "accept" && got["verdict"] != "reject" {
						t.Errorf("%s: %s", what, show(got))
					}
					continue
				}
				want := h.Results[*result]
				meta := want["didResolutionMetadata"].(map[string]any)
				if reason := meta["error"]; reason != nil {
					if refused++; got["verdict"] != "reject" || got["reason"] != reason && got["reason"] != nowCalled[text(reason)] {
						t.Errorf("%s: %s, want %v", what, show(got), reason)
					}
					continue
				}
				compared++
				want["verdict"] = "accept"
				dropEmptyKeys(want)
				delete(got, "id")
				delete(got, "keys") // the stock resolver tells no history
				if b := show(want); !reflect.DeepEqual(plainNumbers(t, got), plainNumbers(t, want)) {
					t.Errorf("%s\n got %s\nwant %s", what, show(got), b)
				}
			}
		}
		if compared < 500 || refused < 20 {
			t.Errorf("%s: compared only %d documents and %d refusals", generation, compared, refused)
		}
		t.Logf("%s: %d documents and %d refusals agree; %d queries with a stock fault were answered", generation, compared, refused, faulty)
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
