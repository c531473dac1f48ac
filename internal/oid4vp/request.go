package oid4vp

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
)

// Request is an authorization request (section 5 and, through the Digital Credentials API, appendix A.2). Members that are not here are ignored.
type Request struct {
	ClientID    ClientID // zero in an unsigned request of the Digital Credentials API
	Mode        Mode
	ResponseURI string // where a posted answer goes
	RedirectURI string // where an answer in a fragment goes
	Nonce       string
	State       string
	WalletNonce string
	Audience    string // aud of a request object: StaticAudience where the wallet is not known before

	// DCQL is the query as it stands in the request, a JSON object. ParseRequest sets Query, what dcql.Parse made of it.
	DCQL  json.RawMessage
	Query *dcql.Query

	Metadata        *Metadata      // client_metadata; nil if there is none
	TransactionData []string       // as they stand in the request: what is hashed is this and not what it encodes
	VerifierInfo    []VerifierInfo // what others say of the verifier
	ExpectedOrigins []string       // of a signed request of the Digital Credentials API (appendix A.2)
	Issued, Expires time.Time      // iat and exp of a request object; zero if absent
}

// StaticAudience is aud of a request to a wallet that the verifier does not know (section 5.8).
const StaticAudience = "https://self-issued.me/v2"

// VerifierInfo is one attestation about the verifier (section 5.11).
type VerifierInfo struct {
	Format        string
	Data          json.RawMessage // a string or an object
	CredentialIDs []string        // none: it is about all
}

// Bounds of a request.
const (
	MaxRequest = 128 << 10 // bytes of a request in JSON
	maxItems   = 32        // elements of a list
	maxText    = 8 << 10   // bytes of a parameter that is a text
)

// ParseRequest reads a request in JSON of at most MaxRequest bytes: the payload of a request object, or what the Digital Credentials API hands over. Nothing
// of it is authenticated. The error is *Error, or *dcql.Error.
func ParseRequest(payload []byte) (*Request, error) {
	if len(payload) > MaxRequest {
		return nil, fail(RequestTooLarge, "")
	}
	v, err := strictjson.Parse(payload, strictjson.Limits{Bytes: MaxRequest, Depth: 16})
	if err != nil || v.Kind() != strictjson.Object {
		return nil, fail(RequestMalformed, "no JSON object, or a member twice")
	}
	return readRequest(v, v.Get("client_id"))
}

// ParseData reads what the Digital Credentials API hands to a wallet (appendix A.3): a request object, for Verify, or an unsigned request, whose client_id
// and expected_origins are ignored because nobody stands for them.
func ParseData(data []byte) (object string, r *Request, err error) {
	if len(data) > maxObject {
		return "", nil, fail(RequestTooLarge, "")
	}
	v, err := strictjson.Parse(data, strictjson.Limits{Bytes: maxObject, Depth: 16})
	if err != nil || v.Kind() != strictjson.Object {
		return "", nil, fail(RequestMalformed, "no JSON object, or a member twice")
	}
	if signed := v.Get("request"); signed.Exists() {
		if object, ok := signed.Text(); ok { // what stands beside it is not signed, and ignored
			return object, nil, nil
		}
		return "", nil, fail(RequestMalformed, "request is no text")
	}
	if len(data) > MaxRequest {
		return "", nil, fail(RequestTooLarge, "")
	}
	if mode, _ := v.Get("response_mode").Text(); !Mode(mode).InBrowser() {
		return "", nil, fail(ModeUnsupported, "")
	}
	r, err = readRequest(v, strictjson.Value{})
	if err != nil {
		return "", nil, err
	}
	r.ExpectedOrigins = nil
	return "", r, nil
}

func readRequest(v, clientID strictjson.Value) (*Request, error) {
	r, f := &Request{}, &fields{of: v}
	client, ok := clientID.Text()
	if clientID.Exists() && (!ok || client == "") {
		return nil, fail(ClientIDMalformed, "client_id is no text, or an empty one")
	}
	var kind, mode string
	f.text("response_type", &kind)
	f.text("response_mode", &mode)
	f.text("response_uri", &r.ResponseURI)
	f.text("redirect_uri", &r.RedirectURI)
	f.text("nonce", &r.Nonce)
	f.text("state", &r.State)
	f.text("wallet_nonce", &r.WalletNonce)
	r.Audience, _ = v.Get("aud").Text() // JWTs know lists of audiences too, and nothing is decided by it
	f.time("iat", &r.Issued)
	f.time("exp", &r.Expires)
	f.texts("transaction_data", &r.TransactionData)
	f.texts("expected_origins", &r.ExpectedOrigins)
	if f.err != nil {
		return nil, f.err
	}
	r.Mode = Mode(mode)
	if client != "" {
		var err error
		if r.ClientID, err = ParseClientID(client); err != nil {
			return nil, err
		}
	}
	if kind != "vp_token" {
		return nil, fail(RequestMalformed, "response_type is not vp_token")
	}
	if mode == "" {
		r.Mode = Fragment // section 5.6
	}
	var err error
	if r.Metadata, err = readMetadata(v.Get("client_metadata")); err != nil {
		return nil, err
	}
	if err := r.readVerifierInfo(v.Get("verifier_info")); err != nil {
		return nil, err
	}
	query := v.Get("dcql_query")
	if v.Get("scope").Exists() || query.Kind() != strictjson.Object {
		return nil, fail(RequestMalformed, "dcql_query is missing, or a scope stands for it")
	}
	r.DCQL = append(json.RawMessage(nil), query.Raw()...)
	if r.Query, err = dcql.Parse(r.DCQL); err != nil {
		return nil, err
	}
	return r, r.check()
}

// check holds the members of a request against each other.
func (r *Request) check() error {
	switch {
	case !r.Mode.known():
		return fail(ModeUnsupported, "")
	case !urlSafe(r.Nonce) || r.Nonce == "":
		return fail(NonceMissing, "")
	case !urlSafe(r.State):
		return fail(RequestMalformed, "state has characters that are not URL safe")
	case r.Mode.Encrypted() && (r.Metadata == nil || len(r.Metadata.Keys) == 0):
		return fail(RequestMalformed, "no key to encrypt the answer for")
	}
	if err := r.checkPlace(); err != nil {
		return err
	}
	return r.checkTransactionData()
}

// checkPlace fixes where the answer goes (sections 5.9.3 and 8.2).
func (r *Request) checkPlace() error {
	implied := ""
	if r.ClientID.Prefix == RedirectURI {
		implied = r.ClientID.Name
	}
	place := func(uri *string, other string) error {
		if *uri == "" {
			*uri = implied
		}
		switch {
		case other != "":
			return fail(RequestMalformed, "response_uri and redirect_uri, or one that the response mode does not know")
		case !absolute(*uri):
			return fail(RequestMalformed, "no place for the answer")
		case implied != "" && *uri != implied:
			return fail(ClientIDMismatch, "the answer goes elsewhere than the client identifier says")
		}
		return nil
	}
	switch {
	case r.Mode.InBrowser():
		r.ResponseURI, r.RedirectURI, r.State = "", "", "" // not parameters of this mode: appendix A.2 ignores them
		return nil
	case r.ClientID == (ClientID{}):
		return fail(ClientIDMalformed, "client_id is missing")
	case r.Mode.Posted():
		return place(&r.ResponseURI, r.RedirectURI)
	}
	return place(&r.RedirectURI, r.ResponseURI)
}

func (r *Request) readVerifierInfo(v strictjson.Value) error {
	if !v.Exists() {
		return nil
	}
	if v.Kind() != strictjson.Array || v.Len() == 0 || v.Len() > maxItems {
		return fail(RequestMalformed, "verifier_info is no array of 1 to 32 elements")
	}
	for e := range v.Elements() {
		var i VerifierInfo
		f := &fields{of: e}
		f.text("format", &i.Format)
		f.texts("credential_ids", &i.CredentialIDs)
		data := e.Get("data")
		if f.err != nil || i.Format == "" || data.Kind() != strictjson.String && data.Kind() != strictjson.Object {
			return fail(RequestMalformed, "verifier_info has an element without format or data")
		}
		i.Data = append(json.RawMessage(nil), data.Raw()...)
		r.VerifierInfo = append(r.VerifierInfo, i)
	}
	return nil
}

// JSON writes the request: the payload of a request object. It writes DCQL and not Query. The error says what ParseRequest would refuse.
func (r *Request) JSON() ([]byte, error) {
	var aud any
	if r.Audience != "" {
		aud = r.Audience
	}
	out := struct {
		Audience        any              `json:"aud,omitempty"`
		Issued          int64            `json:"iat,omitempty"`
		Expires         int64            `json:"exp,omitempty"`
		ClientID        string           `json:"client_id,omitempty"`
		ResponseType    string           `json:"response_type"`
		Mode            Mode             `json:"response_mode"`
		ResponseURI     string           `json:"response_uri,omitempty"`
		RedirectURI     string           `json:"redirect_uri,omitempty"`
		Nonce           string           `json:"nonce"`
		State           string           `json:"state,omitempty"`
		WalletNonce     string           `json:"wallet_nonce,omitempty"`
		DCQL            json.RawMessage  `json:"dcql_query"`
		Metadata        *Metadata        `json:"client_metadata,omitempty"`
		TransactionData []string         `json:"transaction_data,omitempty"`
		VerifierInfo    []map[string]any `json:"verifier_info,omitempty"`
		ExpectedOrigins []string         `json:"expected_origins,omitempty"`
	}{
		aud, seconds(r.Issued), seconds(r.Expires), r.ClientID.String(), "vp_token", r.Mode, r.ResponseURI, r.RedirectURI, r.Nonce, r.State, r.WalletNonce,
		r.DCQL, r.Metadata, r.TransactionData, nil, r.ExpectedOrigins,
	}
	for _, i := range r.VerifierInfo {
		m := map[string]any{"format": i.Format, "data": i.Data}
		if len(i.CredentialIDs) > 0 {
			m["credential_ids"] = i.CredentialIDs
		}
		out.VerifierInfo = append(out.VerifierInfo, m)
	}
	text, err := marshal(out)
	if err != nil {
		return nil, fail(RequestMalformed, "dcql_query or verifier_info is no JSON")
	}
	if _, err := ParseRequest(text); err != nil {
		return nil, err
	}
	return text, nil
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// urlSafe tells whether a text has only the characters that nonce and state may have (section 5.2).
func urlSafe(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~") == ""
}

// fields reads members of an object and keeps the first fault. A member that is not there leaves the field as it is.
type fields struct {
	of  strictjson.Value
	err error
}

func (f *fields) fail(name, what string) {
	if f.err == nil {
		f.err = fail(RequestMalformed, name+" is "+what)
	}
}

func (f *fields) text(name string, into *string) {
	if v := f.of.Get(name); v.Exists() {
		s, ok := v.Text()
		if !ok || s == "" || len(s) > maxText {
			f.fail(name, "no text, an empty one, or a long one")
		}
		*into = s
	}
}

func (f *fields) texts(name string, into *[]string) {
	v := f.of.Get(name)
	if !v.Exists() {
		return
	}
	if v.Kind() != strictjson.Array || v.Len() == 0 || v.Len() > maxItems {
		f.fail(name, "no array of 1 to 32 texts")
		return
	}
	for e := range v.Elements() {
		s, ok := e.Text()
		if !ok || s == "" {
			f.fail(name, "no array of 1 to 32 texts")
			return
		}
		*into = append(*into, s)
	}
}

func (f *fields) time(name string, into *time.Time) {
	if v := f.of.Get(name); v.Exists() {
		// RFC 7519 section 2: a NumericDate may have a fraction.
		s, ok := v.Float64()
		if !ok || s < 0 || s > 1<<40 {
			f.fail(name, "no time")
			return
		}
		*into = time.Unix(int64(s), 0)
	}
}
