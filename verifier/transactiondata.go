package verifier

import (
	"crypto"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/internal/strictjson"

	_ "crypto/sha256" // the hashes below
	_ "crypto/sha512"
)

// transaction is what this package reads of one string of Expect.TransactionData (OpenID4VP 1.0 section 5.1).
type transaction struct {
	credentials []string // ids of credential queries, of which one is to authorize it
	algorithms  []string // transaction_data_hashes_alg; none means sha-256, and that the answer need not say so
}

// Bounds of transaction data.
const (
	maxTransactions = 64
	maxTransaction  = 64 << 10 // bytes of one
)

// transactionHashes are the algorithms that the holder may hash with, by their names in the IANA registry "Named Information Hash Algorithm".
var transactionHashes = map[string]crypto.Hash{"sha-256": crypto.SHA256, "sha-384": crypto.SHA384, "sha-512": crypto.SHA512}

// readTransaction reads one string of Expect.TransactionData. Its other members are its type's, and the caller's business.
func readTransaction(sent string) (t transaction, err error) {
	raw, ok := strictjson.AppendBase64URL(nil, []byte(sent))
	if !ok || len(raw) > maxTransaction {
		return t, errors.New("is no base64url, or too large")
	}
	v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: maxTransaction})
	if kind, isText := v.Get("type").Text(); err != nil || v.Kind() != strictjson.Object || !isText || kind == "" {
		return t, errors.New("is no JSON object with a type")
	}
	if t.credentials, ok = nonEmptyTexts(v.Get("credential_ids")); !ok {
		return t, errors.New("has no credential_ids")
	}
	if alg := v.Get("transaction_data_hashes_alg"); alg.Exists() {
		if t.algorithms, ok = nonEmptyTexts(alg); !ok || !slices.ContainsFunc(t.algorithms, func(s string) bool { return transactionHashes[s] != 0 }) {
			return t, errors.New("names no hash algorithm that is supported: sha-256, sha-384, sha-512")
		}
	}
	return t, nil
}

func nonEmptyTexts(v strictjson.Value) (out []string, ok bool) {
	if v.Kind() != strictjson.Array || v.Len() == 0 {
		return nil, false
	}
	for e := range v.Elements() {
		s, ok := e.Text()
		if !ok || s == "" {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// checkTransactions looks for mistakes of the caller.
func (e Expect) checkTransactions() error {
	if len(e.TransactionData) > maxTransactions {
		return &Misuse{"Expect.TransactionData has more than 64 strings"}
	}
	for n, sent := range e.TransactionData {
		t, err := readTransaction(sent)
		switch {
		case err != nil:
			return &Misuse{"a string of Expect.TransactionData " + err.Error()}
		case slices.Contains(e.TransactionData[:n], sent):
			return &Misuse{"Expect.TransactionData has the same string twice: which of the two was authorized would not be known"}
		case e.InsecureUnbound:
			return &Misuse{"Expect.TransactionData needs key binding"}
		case e.Query == nil:
			continue
		}
		for _, id := range t.credentials {
			i := slices.IndexFunc(e.Query.Credentials, named(id))
			if i < 0 {
				return &Misuse{"Expect.TransactionData names a credential query that is not in Query"}
			}
			if e.Query.Credentials[i].Unbound {
				return &Misuse{"Expect.TransactionData needs key binding, and names a credential query without it"}
			}
		}
	}
	return nil
}

// hash is what a key binding has of sent, if it hashes with the algorithm that it says. ok is false if it may not use that one.
func (t transaction) hash(sent, algorithm string) (hash string, ok bool) {
	switch {
	case len(t.algorithms) > 0 && !slices.Contains(t.algorithms, algorithm): // also if it says none
		return "", false
	case len(t.algorithms) == 0 && algorithm != "" && algorithm != "sha-256":
		return "", false
	case algorithm == "":
		algorithm = "sha-256"
	}
	by := transactionHashes[algorithm]
	if by == 0 {
		return "", false
	}
	h := by.New()
	h.Write([]byte(sent)) // as it was sent: appendix B.3.3.1 decodes nothing before
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)), true
}

// authorized returns which strings of Expect.TransactionData the holder of a card signed with it. Every hash that was signed must be of one of them, and of one
// that this card may authorize: what was not asked for, the holder was shown by somebody else.
func (a *attempt) authorized(v *credential.Verified) (out []int, err error) {
	hashes, algorithm := v.TransactionHashes()
	for n, sent := range a.expect.TransactionData {
		t, err := readTransaction(sent)
		if err != nil {
			return nil, &Misuse{"a string of Expect.TransactionData " + err.Error()}
		}
		hash, ok := t.hash(sent, algorithm)
		i := slices.Index(hashes, hash)
		if !ok || i < 0 || a.query != nil && !slices.Contains(t.credentials, a.query.ID) {
			continue
		}
		hashes = slices.Delete(hashes, i, i+1)
		out = append(out, n)
	}
	if len(hashes) > 0 {
		return nil, a.reject(TransactionDataMismatch)
	}
	if a.query == nil && len(out) < len(a.expect.TransactionData) {
		return nil, a.reject(TransactionDataMissing)
	}
	return out, nil
}

// authorized holds an answer against the transactions that were to be authorized: each by one card (OpenID4VP 1.0 section 5.1: the wallet must use only one of
// those that are named), so that nobody executes it twice.
func (w *whole) authorized(cards []Card, found func(error) bool) bool {
	for n := range w.expect.TransactionData {
		by := 0
		for i := range cards {
			if slices.Contains(cards[i].Transactions, n) {
				by++
			}
		}
		switch {
		case by == 0 && !found(w.reject(TransactionDataMissing, nil)), by > 1 && !found(w.reject(TransactionDataMismatch, nil)):
			return false
		}
	}
	return true
}
