package dcql

import (
	"encoding/json"

	"github.com/khyer/khyer/disclosure"
)

type wireQuery struct {
	Credentials []wireCredential `json:"credentials"`
	Sets        []wireSet        `json:"credential_sets,omitempty"`
}

type wireCredential struct {
	ID          string          `json:"id"`
	Format      string          `json:"format"`
	Multiple    bool            `json:"multiple,omitempty"`
	Meta        json.RawMessage `json:"meta"`
	Authorities []wireAuthority `json:"trusted_authorities,omitempty"`
	Bound       *bool           `json:"require_cryptographic_holder_binding,omitempty"`
	Claims      []wireClaim     `json:"claims,omitempty"`
	ClaimSets   [][]string      `json:"claim_sets,omitempty"`
}

type wireAuthority struct {
	Type   string   `json:"type"`
	Values []string `json:"values"`
}

type wireClaim struct {
	ID     string            `json:"id,omitempty"`
	Path   disclosure.Path   `json:"path"`
	Values []json.RawMessage `json:"values,omitempty"`
}

type wireSet struct {
	Options  [][]string `json:"options"`
	Required *bool      `json:"required,omitempty"`
}

// MarshalJSON writes the query for a request. What Parse ignored is not written; the meta of a format that nothing here matches is, as it was read.
// The error is *Error with Malformed: of a query that a program made, Parse would refuse it.
func (q *Query) MarshalJSON() ([]byte, error) {
	no := false
	var w wireQuery
	for _, c := range q.Credentials {
		out := wireCredential{ID: c.ID, Format: c.Format, Multiple: c.Multiple, Meta: c.meta}
		if len(out.Meta) == 0 {
			out.Meta = json.RawMessage(`{}`)
		}
		if c.Format == FormatSDJWT && len(c.Types) > 0 {
			out.Meta, _ = json.Marshal(map[string][]string{"vct_values": c.Types}) // texts cannot fail
		}
		for _, a := range c.Authorities {
			out.Authorities = append(out.Authorities, wireAuthority(a))
		}
		if c.Unbound {
			out.Bound = &no
		}
		for _, claim := range c.Claims {
			out.Claims = append(out.Claims, wireClaim(claim))
		}
		for _, set := range c.ClaimSets {
			ids := make([]string, len(set))
			for i, n := range set {
				if n < 0 || n >= len(c.Claims) {
					return nil, malformed("a claim set names a claim that is not there")
				}
				ids[i] = c.Claims[n].ID
			}
			out.ClaimSets = append(out.ClaimSets, ids)
		}
		w.Credentials = append(w.Credentials, out)
	}
	for _, s := range q.Sets {
		out := wireSet{Options: s.Options}
		if s.Optional {
			out.Required = &no
		}
		w.Sets = append(w.Sets, out)
	}
	data, err := json.Marshal(w)
	if err != nil {
		return nil, malformed("a value or a path is no JSON")
	}
	if _, err := Parse(data); err != nil {
		return nil, err
	}
	return data, nil
}
