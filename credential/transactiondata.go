package credential

import "github.com/khyer/khyer/internal/strictjson"

// maxTransactions bounds the transactions of one key binding.
const maxTransactions = 64

// transactions is what a key binding says of transaction data (OpenID4VP 1.0 appendix B.3.3.1).
type transactions struct {
	hashes    []string
	algorithm string
}

// TransactionHashes returns what the holder signed of transaction data, transaction_data_hashes and transaction_data_hashes_alg of the key binding
// (OpenID4VP 1.0 appendix B.3.3.1): hashes in base64url, as they were written, at least one and at most 64, and the name of their algorithm, empty if
// it says none. There are none if the card is not Bound, or if the holder signed no transaction. Whether they are those of a request is the caller's to say.
func (v *Verified) TransactionHashes() (hashes []string, algorithm string) {
	if v == nil || v.transactions == nil || !v.Bound {
		return nil, ""
	}
	return append([]string(nil), v.transactions.hashes...), v.transactions.algorithm
}

// readTransactions reads the claims of a key binding; nil if it has none of them.
func readTransactions(c strictjson.Value) (*transactions, error) {
	all, alg := c.Get("transaction_data_hashes"), c.Get("transaction_data_hashes_alg")
	if !all.Exists() && !alg.Exists() {
		return nil, nil
	}
	if all.Kind() != strictjson.Array || all.Len() == 0 || all.Len() > maxTransactions {
		return nil, fail(BindingMalformed)
	}
	t := &transactions{hashes: make([]string, 0, all.Len())}
	for e := range all.Elements() {
		hash, ok := e.Text()
		if !ok || hash == "" {
			return nil, fail(BindingMalformed)
		}
		t.hashes = append(t.hashes, hash)
	}
	var ok bool
	if t.algorithm, ok = alg.Text(); alg.Exists() && !ok {
		return nil, fail(BindingMalformed)
	}
	return t, nil
}

// appendTransactions writes the claims that readTransactions reads, as further members of an object.
func appendTransactions(dst []byte, hashes []string, algorithm string) []byte {
	if len(hashes) == 0 {
		return dst
	}
	dst = append(dst, `,"transaction_data_hashes":[`...)
	for i, h := range hashes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, h)
	}
	dst = append(dst, ']')
	if algorithm != "" {
		dst = appendString(append(dst, `,"transaction_data_hashes_alg":`...), algorithm)
	}
	return dst
}
