package oid4vp

import (
	"encoding/json"
	"time"

	"github.com/khyer/khyer/internal/strictjson"
)

// StatementFormat is the format of an element of verifier_info (section 5.11) whose data is a Statement.
const StatementFormat = "khyer-purpose/1"

// Statement is what a verifier says of why it asks. It is no attestation of others: in a signed request it is the verifier's own word, which a wallet shows,
// and holds against what the signed list says of the purpose. Texts are for people, by language ("en", "dz").
type Statement struct {
	Purpose   string            `json:"purpose"` // its name in the list: trust.Purpose.Name
	Verifier  map[string]string `json:"verifier,omitempty"`
	Why       map[string]string `json:"why,omitempty"`
	Paper     map[string]string `json:"paper,omitempty"`             // how the same is had without a wallet: NDI Act of Bhutan 2023, section 52
	Retention *int64            `json:"retention_seconds,omitempty"` // how long claims are kept; 0: not beyond the answer; nil: it does not say
}

// Info makes an element of verifier_info of it.
func (s Statement) Info() (VerifierInfo, error) {
	data, err := marshal(s)
	return VerifierInfo{Format: StatementFormat, Data: data}, err
}

// Kept returns Retention as a duration; ok is false if it does not say.
func (s Statement) Kept() (d time.Duration, ok bool) {
	if s.Retention == nil {
		return 0, false
	}
	return time.Duration(*s.Retention) * time.Second, true
}

const (
	maxLanguages = 16
	maxRetention = int64(100 * 365 * 24 * 3600) // seconds
)

// Statement returns what the request says of why it asks; ok is false if it does not say, or if what it says has another form.
func (r *Request) Statement() (s Statement, ok bool) {
	for _, i := range r.VerifierInfo {
		if i.Format == StatementFormat {
			return readStatement(i.Data)
		}
	}
	return s, false
}

func readStatement(data json.RawMessage) (s Statement, ok bool) {
	v, err := strictjson.Parse(data, strictjson.Limits{Bytes: MaxRequest, Depth: 4})
	if err != nil || v.Kind() != strictjson.Object {
		return s, false
	}
	f := &fields{of: v}
	f.text("purpose", &s.Purpose)
	f.byLanguage("verifier", &s.Verifier)
	f.byLanguage("why", &s.Why)
	f.byLanguage("paper", &s.Paper)
	if kept := v.Get("retention_seconds"); kept.Exists() {
		n, ok := kept.Int64()
		if !ok || n < 0 || n > maxRetention {
			f.fail("retention_seconds", "no number of seconds")
		}
		s.Retention = &n
	}
	return s, f.err == nil && s.Purpose != ""
}

func (f *fields) byLanguage(name string, into *map[string]string) {
	v := f.of.Get(name)
	if !v.Exists() {
		return
	}
	if v.Kind() != strictjson.Object || v.Len() > maxLanguages {
		f.fail(name, "no object of texts by language")
		return
	}
	*into = make(map[string]string, v.Len())
	for lang, text := range v.Members() {
		s, ok := text.Text()
		if !ok || len(s) > maxText {
			f.fail(name, "no object of texts by language")
		}
		(*into)[lang] = s
	}
}
