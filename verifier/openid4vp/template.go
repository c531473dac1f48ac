package openid4vp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// Template is a named request: what an agency asks for to one end, and what it tells the citizen beside it.
type Template struct {
	Name    string // what Door.Begin calls it
	Purpose string // its name in the agency's policy; empty means Name

	// Type and Claims ask for one card, or Query, a DCQL query, for any number (section 6).
	Type   string
	Claims []disclosure.Path
	Query  json.RawMessage
	// DifferentHolders, Linked and RefuseSurplus are those of verifier.Expect. The query that Type and Claims stand for has the id "card".
	DifferentHolders bool
	Linked           [][]verifier.Link
	RefuseSurplus    bool

	// Why says to the citizen why the agency asks, and Paper how the same is had without a wallet, which section 52 of the NDI Act promises: a text by language
	// tag. Both are required in "en"; "dz" should be there.
	Why, Paper map[string]string

	// Retention is how long the result may be read after it was accepted, at most a day. Zero means that it is given out once, within two minutes. Then its claims
	// are deleted.
	Retention time.Duration

	// Mode is the response_mode: "direct_post.jwt", which empty means, "direct_post", "fragment", "dc_api" or "dc_api.jwt".
	Mode string
	// CrossDevice lets the wallet be on another device than the browser: a QR code. It cannot show that both are with the same person. It is for the direct_post
	// modes; the Digital Credentials API crosses devices by itself, and safely.
	CrossDevice bool
	// Transactions are the types of transaction data that Door.Begin takes with this template.
	Transactions []string
}

// templateFile is a Template in JSON.
type templateFile struct {
	Purpose          string            `json:"purpose"`
	Type             string            `json:"type"`
	Claims           []disclosure.Path `json:"claims"`
	Query            json.RawMessage   `json:"dcql_query"`
	DifferentHolders bool              `json:"different_holders"`
	Linked           [][]struct {
		Query string          `json:"query"`
		Path  disclosure.Path `json:"path"`
	} `json:"linked"`
	RefuseSurplus bool              `json:"refuse_surplus"`
	Why           map[string]string `json:"why"`
	Paper         map[string]string `json:"paper"`
	Retention     string            `json:"retention"`
	Mode          string            `json:"response_mode"`
	CrossDevice   bool              `json:"cross_device"`
	Transactions  []string          `json:"transaction_types"`
}

const maxTemplate = 128 << 10

// ReadTemplates reads every file of the root of a file system whose name ends in .json; the rest of its name is the template's. The members of the object are those
// of Template, in the spelling of JSON: purpose, type, claims, dcql_query, different_holders, linked (lists of {"query", "path"}), refuse_surplus, why, paper,
// retention ("15m", as time.ParseDuration reads it), response_mode, cross_device, transaction_types. A member that is not among them is an error.
func ReadTemplates(from fs.FS) ([]Template, error) {
	names, err := fs.Glob(from, "*.json")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("openid4vp: no template: no file ends in .json")
	}
	var out []Template
	for _, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		t, err := readTemplate(text)
		if err != nil {
			return nil, fmt.Errorf("openid4vp: template %s: %w", name, err)
		}
		t.Name = strings.TrimSuffix(name, ".json")
		out = append(out, t)
	}
	return out, nil
}

func readTemplate(text []byte) (t Template, err error) {
	if _, err := strictjson.Parse(text, strictjson.Limits{Bytes: maxTemplate}); err != nil {
		return t, err
	}
	var f templateFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return t, err
	}
	t = Template{
		Purpose: f.Purpose, Type: f.Type, Claims: f.Claims, Query: f.Query, DifferentHolders: f.DifferentHolders, RefuseSurplus: f.RefuseSurplus,
		Why: f.Why, Paper: f.Paper, Mode: f.Mode, CrossDevice: f.CrossDevice, Transactions: f.Transactions,
	}
	for _, group := range f.Linked {
		var links []verifier.Link
		for _, l := range group {
			links = append(links, verifier.Link{Query: l.Query, Path: l.Path})
		}
		t.Linked = append(t.Linked, links)
	}
	if f.Retention != "" {
		if t.Retention, err = time.ParseDuration(f.Retention); err != nil {
			return t, errors.New(`retention is no duration such as "15m"`)
		}
	}
	return t, nil
}

// form is a template that has been checked.
type form struct {
	Template
	mode  oid4vp.Mode
	dcql  json.RawMessage
	query *dcql.Query
	info  []oid4vp.VerifierInfo
}

const (
	longestRetention = 24 * time.Hour
	onlyCard         = "card" // the id of the credential query that Type and Claims stand for
)

// check reads a template. Nothing in it depends on who asks.
func (t Template) check() (*form, error) {
	f := &form{Template: t, mode: oid4vp.Mode(t.Mode)}
	if f.Purpose == "" {
		f.Purpose = f.Name
	}
	if f.mode == "" {
		f.mode = oid4vp.DirectPostJWT
	}
	switch {
	case t.Name == "":
		return nil, errors.New("a template has no name")
	case strings.TrimSpace(t.Why["en"]) == "":
		return nil, errors.New("why is missing in en: the citizen must be told")
	case strings.TrimSpace(t.Paper["en"]) == "":
		return nil, errors.New("paper is missing in en: who has no wallet must be told what to do (NDI Act section 52)")
	case t.Retention < 0 || t.Retention > longestRetention:
		return nil, errors.New("retention is negative or longer than a day")
	case !f.mode.Posted() && !f.mode.InBrowser() && f.mode != oid4vp.Fragment:
		return nil, errors.New("response_mode is not one that is known")
	case t.DifferentHolders && len(t.Linked) == 0:
		return nil, errors.New("different_holders without linked: nothing makes the cards belong together")
	case t.CrossDevice && !f.mode.Posted():
		return nil, errors.New("cross_device is for the direct_post modes")
	}
	if err := f.readQuery(); err != nil {
		return nil, err
	}
	for _, c := range f.query.Credentials {
		if c.Format != dcql.FormatSDJWT {
			return nil, fmt.Errorf("the query %q asks for the format %q, of which no card can be verified here", c.ID, c.Format)
		}
	}
	return f, nil
}

func (f *form) readQuery() (err error) {
	if (f.Type == "") == (len(f.Query) == 0) || len(f.Query) > 0 && len(f.Claims) > 0 {
		return errors.New("either type and claims, or dcql_query")
	}
	f.dcql = f.Query
	if f.Type != "" {
		if len(f.Claims) == 0 {
			return errors.New("claims is empty: name what is asked for")
		}
		type claim struct {
			Path disclosure.Path `json:"path"`
		}
		var claims []claim
		for _, p := range f.Claims {
			if p.Check() != nil {
				return errors.New("claims has a malformed path")
			}
			claims = append(claims, claim{p})
		}
		if f.dcql, err = json.Marshal(map[string]any{"credentials": []any{map[string]any{
			"id": onlyCard, "format": dcql.FormatSDJWT, "meta": map[string]any{"vct_values": []string{f.Type}}, "claims": claims,
		}}}); err != nil {
			return err
		}
	}
	f.query, err = dcql.Parse(f.dcql)
	return err
}

// asked is what a policy decides about: every credential query with all its claims, for each type that it takes. One that takes any type asks for too much.
func (f *form) asked() (all []trust.Asked) {
	for _, c := range f.query.Credentials {
		var paths []disclosure.Path
		for _, claim := range c.Claims {
			paths = append(paths, claim.Path)
		}
		if len(c.Types) == 0 {
			all = append(all, trust.Asked{Claims: paths})
		}
		for _, vct := range c.Types {
			all = append(all, trust.Asked{Type: vct, Claims: paths})
		}
	}
	return all
}

// transactionData writes what the holder is to authorize as it travels (section 5.1). A transaction without credential_ids may be authorized with any card.
func (f *form) transactionData(transactions []json.RawMessage) (out []string, err error) {
	for _, raw := range transactions {
		v, err := strictjson.Parse(raw, strictjson.Limits{})
		kind, _ := v.Get("type").Text()
		if err != nil || v.Kind() != strictjson.Object || !slices.Contains(f.Transactions, kind) {
			return nil, &verifier.Misuse{Detail: "a transaction is no JSON object, or of a type that the template does not name"}
		}
		if !v.Get("credential_ids").Exists() {
			var ids []string
			for _, c := range f.query.Credentials {
				if !c.Unbound {
					ids = append(ids, c.ID)
				}
			}
			list, _ := json.Marshal(ids) // an array of strings
			raw = slices.Concat([]byte(`{"credential_ids":`), list, []byte(","), v.Raw()[1:])
		}
		sent := string(strictjson.AppendAsBase64URL(nil, raw))
		if slices.Contains(out, sent) {
			return nil, &verifier.Misuse{Detail: "a transaction is there twice: give each a member that tells them apart"}
		}
		out = append(out, sent)
	}
	return out, nil
}
