// Package catalogue holds credential types as data: what a card of a type contains, what its holder may hide, and which claims
// the issuer computes in advance.
//
// A catalogue is one JSON file per authority or country. Adding a type, or a country, is a change of data and needs no Go:
//
//	{
//	  "catalogue": 1, "name": "…", "about": "…", "utc_offset": "+06:00",
//	  "types": [{
//	    "name": "…", "issuer": "…", "vct": "https://…", "schemas": ["https://…"], "invented": false,
//	    "claims": [
//	      {"name": "Full Name"},
//	      {"name": "ID Number", "pattern": "[0-9]{11}"},
//	      {"name": "Date of Birth", "format": "dd/mm/yyyy", "sd": "always"},
//	      {"name": "age_over_18", "format": "boolean", "age_over": 18, "of": "Date of Birth"}
//	    ]
//	  }]
//	}
//
// The member sd has the meaning of SD-JWT VC draft 13 section 9.4 (always, never), except that a claim is concealed unless the file
// says "never". A pattern is a Go regular expression that the whole text must match. Every claim of a type is mandatory.
//
// Claim names are compared byte for byte: NDI has names that end in a space. [Type.Check] does not match loosely, but it says
// which name was probably meant.
//
// # Ages
//
// An age_over_N claim says whether the holder has completed N years on the date of issue where the card is issued, so that a
// pension office need not see the date of birth. The date is taken at the catalogue's offset from UTC (Bhutan: +06:00, no
// daylight saving time). Somebody born on 29 February completes a year on 1 March in years without that day: of the two rules in
// use, 28 February and 1 March, it is the one that never says "over" a day early. The claim is a statement about the day of
// issue: a card that says false can be out of date later, one that says true cannot.
package catalogue

import (
	_ "embed"
	"regexp"
	"time"

	"github.com/khyer/khyer/disclosure"
)

//go:embed ndi.json
var ndi []byte

//go:embed invented.json
var invented []byte

// Catalogue is what one file says.
type Catalogue struct {
	Name  string
	About string
	Types []Type
}

// NDI returns the types of Bhutan's National Digital Identity. Each call returns a copy of its own.
func NDI() *Catalogue { return shipped(ndi) }

// Invented returns types for examples and tests that no authority issues: NDI's catalogue has no health card. Each call returns
// a copy of its own.
func Invented() *Catalogue { return shipped(invented) }

func shipped(file []byte) *Catalogue {
	c, err := Load(file)
	if err != nil {
		panic(err) // the files are part of the package and its tests load them
	}
	return c
}

// Type returns the type with that identifier, the vct of SD-JWT VC.
func (c *Catalogue) Type(vct string) (*Type, bool) {
	for i := range c.Types {
		if c.Types[i].VCT == vct {
			return &c.Types[i], true
		}
	}
	return nil, false
}

// Type is a credential type. It is made by [Load]; it is safe for concurrent use as long as nobody changes it.
type Type struct {
	Name     string   // for people, such as Foundational ID
	Issuer   string   // the kind of authority that issues it, for people; trust is decided elsewhere
	VCT      string   // the type identifier of SD-JWT VC (draft 13 section 3.2.2.1)
	Schemas  []string // where the authority's own schema stands; never fetched
	Invented bool     // no authority issues it
	Claims   []Claim  // in the authority's order

	zone *time.Location
}

// Format is the form of a claim's value.
type Format string

// Formats.
const (
	Text    Format = "text"       // a JSON string with at least one character
	Texts   Format = "texts"      // an array of such strings, possibly empty
	Boolean Format = "boolean"    // true or false
	Date    Format = "dd/mm/yyyy" // a string such as 01/02/1990, a day that exists
)

// Claim is one claim of a type.
type Claim struct {
	Name    string // exact: case and spaces count, at the end too
	Format  Format
	Pattern string // a regular expression that the whole text matches; empty for none
	Hidden  bool   // the issuer makes it selectively disclosable
	AgeOver int    // years; not zero for a claim that Compute adds
	Of      string // the Date claim that AgeOver is computed from

	pattern *regexp.Regexp
}

// Conceal returns the paths of the claims that the issuer makes selectively disclosable, for
// [disclosure.ConcealOptions].
func (t *Type) Conceal() []disclosure.Path {
	var out []disclosure.Path
	for _, c := range t.Claims {
		if c.Hidden {
			out = append(out, disclosure.Path{c.Name})
		}
	}
	return out
}

func (t *Type) claim(name string) *Claim {
	for i := range t.Claims {
		if t.Claims[i].Name == name {
			return &t.Claims[i]
		}
	}
	return nil
}

// Reasons of this package. They are about an issuer's record and never about a presentation, so their words are kept apart from the
// verifier's.
const (
	BadCatalogue    disclosure.Reason = "catalogue_malformed"
	BadClaims       disclosure.Reason = "record_malformed"          // not one JSON object without duplicate members
	UnknownClaim    disclosure.Reason = "record_claim_unknown"      // the type has no claim of that name
	NearMiss        disclosure.Reason = "record_claim_near_miss"    // it has none, but Error.Near is one letter or space away
	MissingClaim    disclosure.Reason = "record_claim_missing"      // the type has a claim that the card lacks
	WrongType       disclosure.Reason = "record_claim_wrong_type"   // such as a number where a string is due
	WrongFormat     disclosure.Reason = "record_claim_wrong_format" // empty, outside the pattern, no such day
	ImplausibleDate disclosure.Reason = "record_date_implausible"   // a birth after the day of issue, or more than 150 years before
	AlreadyComputed disclosure.Reason = "record_claim_computed"     // Compute was given a claim that it computes
	NoTime          disclosure.Reason = "record_time_missing"       // Compute was given the zero time
)

// Error is the error of this package. It names claims, never their values.
type Error struct {
	Reason disclosure.Reason
	Type   string          // name of the credential type; empty for a fault of a whole file
	Path   disclosure.Path // the claim, as the caller wrote its name
	Near   string          // for NearMiss: the exact name that was probably meant
	Detail string          // for BadCatalogue: what and where
}

func (e *Error) Error() string {
	s := "catalogue: " + string(e.Reason)
	if e.Type != "" {
		s += " in " + e.Type
	}
	if len(e.Path) > 0 {
		s += " at " + e.Path.String()
	}
	if e.Near != "" {
		s += ", did you mean " + disclosure.Path{e.Near}.String()
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap returns the Reason.
func (e *Error) Unwrap() error { return e.Reason }
