// Package catalogue holds credential types as data: what a card of a type contains, what its holder may hide, which claims the
// issuer computes in advance, and how all of it is called for people, in several languages.
//
// A catalogue is one JSON file per authority or country, read by [Load]. Adding a type, or a country, is a change of data and needs
// no Go; testdata/varendal.json is a country that has nothing in common with Bhutan.
//
//	{
//	  "catalogue": 1, "name": "…", "about": "…", "locale": "en", "utc_offset": "+06:00",
//	  "types": [{
//	    "name": "…", "issuer": "…", "vct": "https://…", "invented": false,
//	    "display": {"name": "…", "description": "…"},
//	    "schemas": [{"uri": "https://…", "environment": "production", "reliability": "confirmed"}],
//	    "claims": [
//	      {"path": ["Full Name"], "label": "Full name"},
//	      {"path": ["ID Number"], "label": "ID number", "pattern": "[0-9]{11}"},
//	      {"path": ["Date of Birth"], "label": "Date of birth", "format": "dd/mm/yyyy", "sd": "always"},
//	      {"path": ["Department "], "label": "Department", "byte_exact": true, "mandatory": false},
//	      {"path": ["languages"], "label": "Languages", "format": "array"},
//	      {"path": ["languages", null], "label": "Language", "sd": "never"},
//	      {"path": ["age_over_18"], "label": "18 or older", "format": "boolean", "age_over": 18, "of": ["Date of Birth"]}
//	    ]
//	  }],
//	  "translations": {"dz": {"Full name": {"text": "", "reviewed_by": "", "reviewed_on": ""}}}
//	}
//
// To add a type, write its object; to add a country, write a file. Load says with line, type and claim what is wrong.
//
//   - path is a claims path (SD-JWT VC draft 19 section 5.6.1) of names and nulls. What is inside an object or an array comes after
//     it, and each of them has something inside. Names are compared byte for byte, and each is written once: NDI has names that
//     end in a space. A name that begins or ends with a space, has two in a row, or differs from a neighbour only in case or
//     spaces must say "byte_exact": true, so that a slip of the keyboard cannot become a name.
//   - format is one of the constants of [Format]; text unless it is given. A pattern is a Go regular expression that the whole text
//     must match.
//   - sd is always or never (section 5.6.4): a claim is concealed unless the file says never.
//   - mandatory is true unless the file says false. A claim that an array's element or an optional object contains is mandatory
//     where that is there.
//   - reliability is confirmed, single source or conflicting, and must be conflicting for a schema that several types give. Only a
//     confirmed one finds a type ([Catalogue.BySchema]).
//
// # Languages
//
// Labels, names and descriptions for people are written in the language that locale names. Translations are one table for each
// other language, keyed by the text that they translate, so that a reader of that language goes through one list; two meanings
// need two texts. Each language that the table names has a row for every text, and a row stays empty until a native speaker has
// read it: a text without reviewed_by and reviewed_on (YYYY-MM-DD) is refused, and so is the reverse. Where a row is empty,
// [Claim.Label] and its like answer in the language of the file. Changing a text leaves its old row without use, which Load
// refuses: what somebody has reviewed cannot come to stand for something else.
//
// # Ages
//
// An age_over_N claim says whether the holder has completed N years on the date of issue where the card is issued, so that a
// pension office need not see the date of birth. The date is taken at the catalogue's offset from UTC (Bhutan: +06:00, no
// daylight saving time). Somebody born on 29 February completes a year on 1 March in years without that day: of the two rules in
// use, 28 February and 1 March, it is the one that never says "over" a day early. The claim is a statement about the day of
// issue: a card that says false can be out of date later, one that says true cannot.
//
// example_test.go prepares a record for a card, looks for a name, and loads a catalogue of a single type.
package catalogue

import (
	_ "embed"
	"regexp"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
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

// NDI returns the 57 types of Bhutan's National Digital Identity that are publicly known. Each call returns a copy of its own.
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

// BySchema returns the type whose authority's schema stands at that URI, if the identifier is confirmed. One that was seen in a
// single source, or that several types give, finds nothing: it is a note in [Type.Schemas] and identifies no type.
func (c *Catalogue) BySchema(uri string) (*Type, bool) {
	for i := range c.Types {
		for _, s := range c.Types[i].Schemas {
			if s.URI == uri && s.Reliability == Confirmed {
				return &c.Types[i], true
			}
		}
	}
	return nil, false
}

// Type is a credential type. It is made by [Load]; it is safe for concurrent use as long as nobody changes it.
type Type struct {
	Name     string   // the authority's, such as Foundational ID; two authorities may use one name
	Issuer   string   // the kind of authority that issues it, for people; trust is decided elsewhere
	VCT      string   // the type identifier of SD-JWT VC (draft 19 section 2.2.2.1)
	Schemas  []Schema // where the authority's own schema stands; never fetched
	Invented bool     // no authority issues it
	Claims   []Claim  // in the authority's order; what is inside another claim comes after it

	title, description string // in the file's own language
	root               node
	zone               *time.Location
	book               *book
}

// Schema is where an authority keeps its own description of a type.
type Schema struct {
	URI         string
	Production  bool // false: its staging environment
	Reliability Reliability
}

// Reliability says how well it is known that a schema's URI belongs to a type.
type Reliability string

// Reliabilities.
const (
	Confirmed    Reliability = "confirmed"     // seen in at least two independent places
	SingleSource Reliability = "single source" // seen once
	Conflicting  Reliability = "conflicting"   // given for several types
)

// Format is the form of a claim's value.
type Format string

// Formats.
const (
	Text    Format = "text"       // a JSON string with at least one character
	Boolean Format = "boolean"    // true or false
	Integer Format = "integer"    // a JSON number without fraction and exponent, of at most 2^53-1, which every reader of JSON keeps
	Number  Format = "number"     // any JSON number
	Date    Format = "dd/mm/yyyy" // a string such as 01/02/1990, a day that exists
	ISODate Format = "yyyy-mm-dd" // a string such as 1990-02-01, a day that exists
	Object  Format = "object"     // an object of the claims that follow
	Array   Format = "array"      // an array, possibly empty, whose elements are the claim that follows
)

// Claim is one claim of a type.
type Claim struct {
	Path      disclosure.Path // names, exact: case and spaces count, at the end too; nil is every element of an array
	Format    Format
	Pattern   string          // a regular expression that the whole text matches; empty for none
	Hidden    bool            // the issuer makes it selectively disclosable
	Mandatory bool            // the card has it, if it has what contains it
	AgeOver   int             // years; not zero for a claim that Compute adds
	Of        disclosure.Path // the claim with the date that AgeOver is computed from

	label   string
	book    *book
	pattern *regexp.Regexp
	exact   bool
}

// node is a claim with what is inside it. The root is the card.
type node struct {
	claim   *Claim
	name    string  // in the object that contains it
	step    any     // the same as a step of a path
	quoted  []byte  // the same as JSON
	members []*node // of an object, in the file's order
	element *node   // of an array
}

// knows tells whether an object has a member of the name that is written there.
func (n *node) knows(written strictjson.Value) bool {
	for _, m := range n.members {
		if written.Is(m.name) {
			return true
		}
	}
	return false
}

func (n *node) member(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// at returns the claim at a path of the type; nil if there is none.
func (n *node) at(p disclosure.Path) *node {
	for _, e := range p {
		if name, ok := e.(string); ok {
			n = n.member(name)
		} else {
			n = n.element
		}
		if n == nil {
			return nil
		}
	}
	return n
}
