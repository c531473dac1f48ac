package catalogue_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/khyer/khyer/credential/catalogue"
)

// An issuer checks a citizen's record, adds the claims that are computed in advance, and learns what the holder may hide.
func Example() {
	card, _ := catalogue.NDI().Type("https://registry.example/types/foundational-id")
	record := `{"ID Type":"Citizenship","ID Number":"10000000001","Full Name":"Example Citizen","Gender":"Female","Date of Birth":"29/02/1964","Citizenship":"Bhutanese"}`

	claims, err := card.Compute([]byte(record), time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(claims[len(record)-1:]))
	fmt.Println(len(card.Conceal()), "claims may be hidden")
	// Output:
	// ,"age_over_18":true,"age_over_60":true}
	// 8 claims may be hidden
}

// Names are exact. A near miss is reported, not guessed at.
func ExampleType_Check() {
	card, _ := catalogue.NDI().Type("https://registry.example/types/foundational-id")
	err := card.Check([]byte(`{"ID Number ":"10000000001"}`))
	fmt.Println(err)
	fmt.Println(errors.Is(err, catalogue.NearMiss))
	// Output:
	// catalogue: record_claim_near_miss in Foundational ID at "ID Number ", did you mean "ID Number"
	// true
}
