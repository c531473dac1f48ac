package interop_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/khyer/khyer/testvectors"
)

// TestVectorsBeforeThePeer gives the vectors of did.ethr.fold to npm's resolver. It must answer those of profile v11 as they expect, but
// where they correct it, and differently wherever a vector shows one of its faults: a vector that no fault fails shows nothing.
func TestVectorsBeforeThePeer(t *testing.T) {
	node(t)
	corrected := map[string]bool{"did/didethr-n1-agreement-key-revoked": true, "did/didethr-n2-name-outside-the-grammar-counts": true}
	// Vectors of faults of version 11 that it passes all the same: what it does there is right, or comes to the same.
	passes := map[string]bool{}
	for name := range strings.FieldsSeq("no-colon empty-network upper-case-x no-0x one-digit-short one-digit-long key-off-the-curve key-of-another-parity version-zero version-of-the-future") {
		passes["did/didethr-f9-"+name] = true
	}
	passes["did/didethr-n7-key-in-upper-case"] = true // and writes the key in another form
	all, err := testvectors.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	var asked []testvectors.Vector
	var in bytes.Buffer
	for _, v := range all {
		if v.Op == "did.ethr.fold" {
			asked = append(asked, v)
			if err := json.Compact(&in, v.Request); err != nil {
				t.Fatal(err)
			}
			in.WriteByte('\n')
		}
	}
	cmd := exec.CommandContext(bounded(t, answerTime), "node", "vectors.mjs")
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	answers := bytes.Split(bytes.TrimSpace(out), []byte{'\n'})
	if len(answers) != len(asked) || len(asked) < 140 {
		t.Fatalf("%d answers to %d vectors", len(answers), len(asked))
	}
	asPeer, shown := 0, 0
	for i, v := range asked {
		agrees := agreesWithVector(t, answers[i], v.Expect)
		switch {
		case strings.Contains(string(v.Request), `"profile": "v11"`):
			if asPeer++; agrees == corrected[v.Name] {
				t.Errorf("%s: the peer agrees: %v\n%s", v.Name, agrees, answers[i])
			}
		case isFaultOfThePeer(v.Name):
			if shown++; agrees && !passes[v.Name] {
				t.Errorf("%s: the peer passes", v.Name)
			}
		}
	}
	if asPeer < 20 || shown < 25 {
		t.Errorf("only %d vectors of its profile and %d of its faults", asPeer, shown)
	}
	t.Logf("%d vectors of profile v11, %d of faults of version 11", asPeer, shown)
}

// isFaultOfThePeer goes by the names: F1, F9, N6 and N7 are faults of version 11 that documents of either profile show.
func isFaultOfThePeer(name string) bool {
	for _, fault := range []string{"f1", "f9", "n6", "n7"} {
		if strings.HasPrefix(name, "did/didethr-"+fault+"-") {
			return true
		}
	}
	return false
}

func agreesWithVector(t *testing.T, result, expect []byte) bool {
	t.Helper()
	var got, want struct {
		Verdict                          string
		DIDDocument, DIDDocumentMetadata any
	}
	if err := json.Unmarshal(result, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(expect, &want); err != nil {
		t.Fatal(err)
	}
	if want.Verdict != "accept" {
		return got.DIDDocument == nil
	}
	return reflect.DeepEqual(got.DIDDocument, want.DIDDocument) && reflect.DeepEqual(got.DIDDocumentMetadata, want.DIDDocumentMetadata)
}
