package oid4vp

import (
	"crypto"
	_ "crypto/sha256" // the hashes that are in use
	_ "crypto/sha512"
	"slices"

	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
)

// TransactionData is what every element of transaction_data says (section 5.1), with the hash that appendix B.3.3.1 knows.
type TransactionData struct {
	Type          string
	CredentialIDs []string
	HashAlgs      []string // transaction_data_hashes_alg; none: sha-256
}

const maxTransactionData = 16 << 10

// transactionHashes by their names in the IANA registry of named information hashes, the preferred first.
var transactionHashes = []struct {
	name string
	hash crypto.Hash
}{{"sha-256", crypto.SHA256}, {"sha-384", crypto.SHA384}, {"sha-512", crypto.SHA512}}

// ReadTransactionData reads one element.
func ReadTransactionData(encoded string) (t TransactionData, err error) {
	bad := func(what string) (TransactionData, error) {
		return TransactionData{}, fail(RequestMalformed, "transaction_data: "+what)
	}
	if len(encoded) > maxTransactionData {
		return bad("too long")
	}
	text, ok := strictjson.AppendBase64URL(nil, []byte(encoded))
	if !ok {
		return bad("not base64url")
	}
	v, perr := strictjson.Parse(text, strictjson.Limits{Bytes: maxTransactionData, Depth: 12})
	if perr != nil || v.Kind() != strictjson.Object {
		return bad("no JSON object")
	}
	f := &fields{of: v}
	f.text("type", &t.Type)
	f.texts("credential_ids", &t.CredentialIDs)
	f.texts("transaction_data_hashes_alg", &t.HashAlgs)
	if f.err != nil || t.Type == "" || len(t.CredentialIDs) == 0 {
		return bad("type or credential_ids is missing")
	}
	return t, nil
}

// checkTransactionData: what is signed with a card must name a card that is asked for, with a key (appendix B.3.3).
func (r *Request) checkTransactionData() error {
	for _, encoded := range r.TransactionData {
		t, err := ReadTransactionData(encoded)
		if err != nil {
			return err
		}
		for _, id := range t.CredentialIDs {
			i := slices.IndexFunc(r.Query.Credentials, func(c dcql.Credential) bool { return c.ID == id })
			if i < 0 || r.Query.Credentials[i].Unbound {
				return fail(RequestMalformed, "transaction_data names a credential that is not asked for with a key binding")
			}
		}
	}
	return nil
}

// HashTransactionData hashes an element as it stands in the request (appendix B.3.3.1: it is not decoded before), base64url. ok is false if the hash is
// not known.
func HashTransactionData(alg, encoded string) (hash string, ok bool) {
	for _, h := range transactionHashes {
		if h.name == alg {
			d := h.hash.New()
			d.Write([]byte(encoded))
			return encode(d.Sum(nil)), true
		}
	}
	return "", false
}

// ChooseTransactionHash returns the hash that all these elements allow, the preferred first. named says that one of them named hashes, so that the
// answer must say which was used.
func ChooseTransactionHash(elements []TransactionData) (alg string, named, ok bool) {
	for _, h := range transactionHashes {
		fits := !slices.ContainsFunc(elements, func(t TransactionData) bool {
			if len(t.HashAlgs) == 0 {
				return h.name != "sha-256"
			}
			return !slices.Contains(t.HashAlgs, h.name)
		})
		if fits {
			return h.name, slices.ContainsFunc(elements, func(t TransactionData) bool { return len(t.HashAlgs) > 0 }), true
		}
	}
	return "", false, false
}
