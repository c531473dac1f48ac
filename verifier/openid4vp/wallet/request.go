package wallet

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier/trust"
)

// Request is a request whose sender has proved who it is, and which asks for no more than it may: what a citizen is shown before anything is. It is safe for concurrent
// use; its fields must not be changed.
type Request struct {
	// Client is who asks: a client identifier with its prefix, or "origin:" and the origin of a page.
	Client string
	// Listed tells that the signed list knows who asks; Purpose is its entry. Only with Config.InsecureUnlisted is it false, and Purpose empty.
	Listed  bool
	Purpose trust.Purpose
	// Agency is the name, Why the reason, and Paper the way without a wallet, as who asks says them: texts by language ("en", "dz").
	Agency, Why, Paper map[string]string
	// Kept is how long who asks says that the claims are kept; 0 with SaysKept: not beyond the answer.
	Kept     time.Duration
	SaysKept bool
	// Asked is every claim that is asked for, by type of card; alternatives too.
	Asked []trust.Asked
	// Transactions are what the holder would authorize with the answer.
	Transactions []Transaction
	// AnswerTo is where the answer would go: a URL, or the origin of the page.
	AnswerTo string
	// Expires is when it is too late to answer; zero: the request does not say.
	Expires time.Time

	w        *Wallet
	wire     *oid4vp.Request
	audience string
	enc      string // content encryption; empty: the answer is plain
	refused  error  // why it can only be declined

	mu      sync.Mutex
	done    bool
	pending *message // an answer that may not have arrived
}

// Transaction is one thing that the holder would authorize (V 5.1, 8.4).
type Transaction struct {
	Type string
	Data json.RawMessage // the whole object, for the citizen to read
	// Queries are the ids of the credential queries of which one authorizes it.
	Queries []string

	encoded string
	read    oid4vp.TransactionData
}

// check looks at a request that is genuine. origin is empty unless it came through a page.
func (w *Wallet) check(wire *oid4vp.Request, agency, audience, origin string) (*Request, error) {
	r := &Request{Client: agency, Expires: wire.Expires, Asked: asked(wire.Query), AnswerTo: origin, w: w, wire: wire, audience: audience}
	said, _ := wire.Statement()
	r.Agency, r.Why, r.Paper = said.Verifier, said.Why, said.Paper
	r.Kept, r.SaysKept = said.Kept()
	if origin == "" {
		r.AnswerTo = wire.ResponseURI
		if wire.Mode == oid4vp.Fragment {
			r.AnswerTo = wire.RedirectURI
		}
	}
	// Where the answer goes comes first: a request that wants it elsewhere cannot even be declined there.
	if err := w.place(r, said.Purpose); err != nil {
		return nil, err
	}
	for _, check := range []func() error{func() error { return w.permitted(r, said.Purpose) }, r.readTransactions, r.readAbilities} {
		if err := check(); err != nil {
			refusal := refusalOf(err).(*Refusal)
			refusal.Request, r.refused = r, err
			return nil, refusal
		}
	}
	return r, nil
}

// place finds the entry of the list, and holds the place of the answer against it.
func (w *Wallet) place(r *Request, purpose string) error {
	all := w.c.Policy.Purposes(r.Client, w.c.Now())
	var hosts []string
	for _, u := range all {
		if u.Name == purpose {
			r.Listed, r.Purpose = true, u
		}
		hosts = append(hosts, u.Hosts...)
	}
	if r.Listed {
		hosts = r.Purpose.Hosts
	}
	if !w.accredited(r.AnswerTo, hosts, len(all) == 0) {
		return refuse(PlaceNotAccredited, errors.New("where the answer would go"))
	}
	if c := r.wire.ClientID; len(all) == 0 && c.Prefix == oid4vp.X509SanDNS && !r.wire.Mode.InBrowser() { // V 5.9.3, where no list says more
		if u, err := url.Parse(r.AnswerTo); err != nil || u.Hostname() != c.Name {
			return refuse(PlaceNotAccredited, errors.New("where the answer would go is not the host of the certificate"))
		}
	}
	return nil
}

// permitted holds what is asked for against the purpose.
func (w *Wallet) permitted(r *Request, purpose string) error {
	if !r.Listed && w.c.InsecureUnlisted && len(w.c.Policy.Purposes(r.Client, w.c.Now())) == 0 {
		return nil
	}
	return w.c.Policy.Check(r.Client, purpose, w.c.Now(), r.Asked...)
}

// asked lists every claim of a query, for each type that it takes; a query that takes any type asks for a type without a name, which no policy allows.
func asked(q *dcql.Query) (all []trust.Asked) {
	for _, c := range q.Credentials {
		paths := make([]disclosure.Path, 0, len(c.Claims))
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

func (r *Request) readTransactions() error {
	for _, encoded := range r.wire.TransactionData {
		t, err := oid4vp.ReadTransactionData(encoded)
		if err != nil {
			return err
		}
		if !slices.Contains(r.w.c.Transactions, t.Type) {
			return refuse(TransactionUnknown, nil)
		}
		if _, _, ok := oid4vp.ChooseTransactionHash([]oid4vp.TransactionData{t}); !ok {
			return refuse(TransactionUnknown, errors.New("no hash that is known here"))
		}
		data, _ := strictjson.AppendBase64URL(nil, []byte(encoded)) // ReadTransactionData has read it
		r.Transactions = append(r.Transactions, Transaction{t.Type, data, t.CredentialIDs, encoded, t})
	}
	return nil
}

// readAbilities looks for a format and an encryption that both sides know.
func (r *Request) readAbilities() error {
	m := r.wire.Metadata
	if m != nil && m.Formats != nil {
		formats, err := strictjson.Parse(m.Formats, strictjson.Limits{})
		if err != nil || formats.Get(dcql.FormatSDJWT).Kind() != strictjson.Object {
			return refuse(NothingInCommon, errors.New("vp_formats_supported"))
		}
	}
	if !r.wire.Mode.Encrypted() {
		return nil
	}
	switch encs := m.Encs; {
	case slices.Contains(encs, oid4vp.A256GCM): // HAIP 1.0 section 5 prefers it
		r.enc = oid4vp.A256GCM
	case len(encs) == 0, slices.Contains(encs, oid4vp.A128GCM):
		r.enc = oid4vp.A128GCM
	default:
		return refuse(NothingInCommon, errors.New("encrypted_response_enc_values_supported"))
	}
	return nil
}

// takes tells whether the verifier says that it reads signatures of these two algorithms (V B.3.4): of the issuer and of the holder.
func (r *Request) takes(issuer, holder string) bool {
	if r.wire.Metadata == nil || r.wire.Metadata.Formats == nil {
		return true
	}
	formats, err := strictjson.Parse(r.wire.Metadata.Formats, strictjson.Limits{})
	if err != nil {
		return false
	}
	names := func(list, alg string) bool {
		v := formats.Get(dcql.FormatSDJWT).Get(list)
		if v.Kind() != strictjson.Array {
			return true
		}
		for e := range v.Elements() {
			if s, _ := e.Text(); s == alg || alg == "EdDSA" && s == "Ed25519" {
				return true
			}
		}
		return false
	}
	return names("sd-jwt_alg_values", issuer) && names("kb-jwt_alg_values", holder)
}
