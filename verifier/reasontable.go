package verifier

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"
	"sync"
)

// Info explains a Reason.
type Info struct {
	Reason  Reason `json:"reason"`
	Meaning string `json:"meaning"` // for developers
	// Section is where the rule stands: in a standard, or in this module.
	Section string `json:"section"`
	// English and Dzongkha are for the citizen, and for the officer who reads them out. Those of a reason that a stranger can cause say
	// that something could not be read, and never whose card it is. Reviewed says that a native speaker has read the Dzongkha, which is
	// empty until then.
	English  string `json:"english"`
	Dzongkha string `json:"dzongkha"`
	Reviewed bool   `json:"reviewed"`
	HelpCode string `json:"help"` // short enough to be read out on the telephone; never changes its meaning
	// HTTPStatus is what a service may answer with. It is zero where none fits, and for a word that is none of this module's: answer 500 then,
	// since net/http panics on a status of zero.
	HTTPStatus int  `json:"http"`
	Retry      bool `json:"retry"` // inconclusive, trying again may help
}

// Code returns the help code as an agency shows it, after a prefix that tells its help desk from others: Code("LIC-") is "LIC-H05". It is
// empty for a word that is none of this module's.
func (i Info) Code(prefix string) string {
	if i.HelpCode == "" {
		return ""
	}
	return prefix + i.HelpCode
}

// Reasons returns every Reason that this module gives, with its explanation. The rooms F (form), H (holder), C (card), I (issuer), A
// (agency), R (retry), S (skipped) and E (caller's error) are the first letters of the help codes.
func Reasons() []Info { return slices.Clone(reasons().list) }

// Describe returns the explanation of one Reason; its HelpCode is empty for a word that is none of this module's.
func Describe(r Reason) Info {
	if i, ok := reasons().of[r]; ok {
		return i
	}
	return Info{Reason: r}
}

// reasonFile is what a translator edits: rows of Info.
//
//go:embed reasons.json
var reasonFile []byte

type reasonTable struct {
	list []Info
	of   map[Reason]Info
}

// reasons reads the file, once. That it can be read is what the tests of this package are for.
var reasons = sync.OnceValue(func() reasonTable {
	t := reasonTable{of: map[Reason]Info{}}
	d := json.NewDecoder(bytes.NewReader(reasonFile))
	d.DisallowUnknownFields()
	if err := d.Decode(&t.list); err != nil {
		panic("verifier: reasons.json: " + err.Error())
	}
	for _, i := range t.list {
		t.of[i.Reason] = i
	}
	return t
})
