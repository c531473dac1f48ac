package testvectors_test

import (
	"encoding/json"
	"fmt"

	"github.com/khyer/khyer/testvectors"
)

func ExampleVectors() {
	all, err := testvectors.Vectors()
	if err != nil {
		panic(err)
	}
	for _, v := range all {
		if v.Name != "credential/audience-of-another-verifier" {
			continue
		}
		var expect struct{ Verdict, Reason string }
		if err := json.Unmarshal(v.Expect, &expect); err != nil {
			panic(err)
		}
		fmt.Printf("%s (%s): %s\n%s: %s\n", v.Op, v.Section, v.Why, expect.Verdict, expect.Reason)
	}
	// Output:
	// sdjwt.verify (RFC 9901 7.3 step 5.6): a stolen presentation to somebody else
	// reject: audience_mismatch
}
