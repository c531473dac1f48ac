package verifiertest

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"slices"
)

// authorizes returns the hashes of those transactions that a card authorizes which answers the credential query id; of all if id is empty. Of several
// credential queries that a transaction names, the first one's card authorizes it (OpenID4VP 1.0 section 5.1: only one may). Each key binding has one
// algorithm: sha-256, if all of them allow that, else the first that they name.
func authorizes(sent []string, id string) (hashes []string, algorithm string) {
	type transaction struct {
		Credentials []string `json:"credential_ids"`
		Algorithms  []string `json:"transaction_data_hashes_alg"`
	}
	var mine []string
	for _, s := range sent {
		var t transaction
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || json.Unmarshal(raw, &t) != nil || id != "" && (len(t.Credentials) == 0 || t.Credentials[0] != id) {
			continue // what is no transaction, the verifier tells its caller of
		}
		mine = append(mine, s)
		if len(t.Algorithms) > 0 && algorithm == "" {
			algorithm = t.Algorithms[0]
			if slices.Contains(t.Algorithms, "sha-256") {
				algorithm = "sha-256"
			}
		}
	}
	for _, s := range mine {
		hashes = append(hashes, base64.RawURLEncoding.EncodeToString(sum(algorithm, s)))
	}
	return hashes, algorithm
}

func sum(algorithm, s string) []byte {
	switch algorithm {
	case "sha-384":
		h := sha512.Sum384([]byte(s))
		return h[:]
	case "sha-512":
		h := sha512.Sum512([]byte(s))
		return h[:]
	}
	h := sha256.Sum256([]byte(s))
	return h[:]
}
