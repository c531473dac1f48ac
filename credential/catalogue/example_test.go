package catalogue_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/disclosure"
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
	paths, err := card.Conceal(claims) // for disclosure.ConcealOptions
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(claims[len(record)-1:]))
	fmt.Println(len(paths), "claims may be hidden")
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

// An agency's test asks whether the names in its request are those of the type.
func ExampleType_Find() {
	card, _ := catalogue.NDI().Type("https://registry.example/types/work-permit")
	_, err := card.Find(disclosure.Path{"Location Gewog"})
	fmt.Println(err)
	// Output:
	// catalogue: record_claim_near_miss in Work Permit at "Location Gewog", did you mean "Location Gewog "
}

// A type that no Go knows: its metadata are what SD-JWT VC publishes under the type's identifier. A language is in them when native
// speakers have read all of it, and until then a wallet shows the file's own.
func ExampleLoad() {
	types, err := catalogue.Load([]byte(`{
	  "catalogue": 1, "name": "volunteers", "locale": "en", "utc_offset": "+06:00",
	  "types": [{
	    "name": "Volunteer Pass", "issuer": "Invented Society", "vct": "https://society.example/types/volunteer-pass",
	    "display": {"name": "Volunteer pass", "description": "That somebody helps in a valley."},
	    "claims": [{"path": ["Full Name"], "label": "Full name"}]
	  }],
	  "translations": {"dz": {
	    "Volunteer pass": {"text": "", "reviewed_by": "", "reviewed_on": ""},
	    "That somebody helps in a valley.": {"text": "", "reviewed_by": "", "reviewed_on": ""},
	    "Full name": {"text": "", "reviewed_by": "", "reviewed_on": ""}
	  }}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	pass, _ := types.Type("https://society.example/types/volunteer-pass")
	fmt.Println(pass.Label("dz"))
	fmt.Println(string(pass.Metadata()))
	// Output:
	// Volunteer pass
	// {"vct":"https://society.example/types/volunteer-pass","name":"Volunteer Pass","description":"That somebody helps in a valley.","display":[{"locale":"en","name":"Volunteer pass","description":"That somebody helps in a valley."}],"claims":[{"path":["Full Name"],"display":[{"locale":"en","label":"Full name"}],"mandatory":true,"sd":"always"}]}
}
