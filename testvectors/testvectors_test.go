package testvectors_test

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/khyer/khyer/testvectors"
)

// TestVectorsKeepTheFormat holds each vector against what the README promises to other implementations.
func TestVectorsKeepTheFormat(t *testing.T) {
	all, err := testvectors.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`^(disclosure|credential|dcql|status|verifier|did)/[a-z0-9]+(-[a-z0-9]+)*$`)
	verdicts := map[string]int{}
	for _, v := range all {
		if !name.MatchString(v.Name) || v.Section == "" || v.Why == "" || v.Op == "" {
			t.Errorf("%s: a name, section, reason or operation is missing or malformed", v.Name)
		}
		var request map[string]json.RawMessage
		if err := json.Unmarshal(v.Request, &request); err != nil || request["op"] != nil || request["id"] != nil {
			t.Errorf("%s: the request is no object, or has op or id: %v", v.Name, err)
		}
		var expect struct{ Verdict, Reason string }
		if err := json.Unmarshal(v.Expect, &expect); err != nil || (expect.Reason == "") != (expect.Verdict == "accept") {
			t.Errorf("%s: expects neither accept nor a reason: %v", v.Name, err)
		}
		verdicts[expect.Verdict]++
	}
	if len(all) < 80 || verdicts["accept"] < 20 {
		t.Errorf("%d vectors, of them %v: some are missing", len(all), verdicts)
	}
	t.Logf("%d vectors: %v", len(all), verdicts)
}

// TestVectorsAreTheCallersOwn: changing one answer must not change the next.
func TestVectorsAreTheCallersOwn(t *testing.T) {
	first, err := testvectors.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	want := string(first[0].Request)
	clear(first[0].Request)
	second, err := testvectors.Vectors()
	if err != nil || string(second[0].Request) != want {
		t.Errorf("a caller changed what others get: %v", err)
	}
}
