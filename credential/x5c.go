package credential

import (
	"crypto/x509"
	"encoding/base64"
	"strings"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Bounds of x5c, checked before any certificate is parsed. A chain of three is usual, and a certificate of one kilobyte.
const (
	maxCertificates = 8
	maxCertificate  = 8 << 10 // bytes of DER
)

// ChainMalformed says that x5c is no array of certificates in the form of RFC 7515 section 4.1.6, or beyond the bounds.
const ChainMalformed disclosure.Reason = "x5c_malformed"

// Chain parses the certificates of x5c in the protected header (SD-JWT VC section 2.5, "Inline X.509 Certificates"; RFC 7515 section
// 4.1.6), the one that signed first. It returns nil without an error if there is no x5c.
//
// Nothing about them was verified: whoever made the presentation may have made them. At most 8 of at most 8 KiB each are read.
// Errors are *disclosure.Error: ChainMalformed; HeaderForeignKey if jwk, jku or x5u stands beside x5c; KeyIDForeign if kid is a DID
// URL, because a card under certificates cannot be one under a DID as well.
func (h Hint) Chain() ([]*x509.Certificate, error) {
	switch {
	case h.foreignKey:
		return nil, fail(HeaderForeignKey)
	case h.x5c == nil:
		return nil, nil
	case strings.HasPrefix(h.KeyID, "did:"):
		return nil, fail(KeyIDForeign)
	}
	v, err := strictjson.Parse(h.x5c, strictjson.Limits{Bytes: len(h.x5c), Depth: 1})
	if err != nil || v.Kind() != strictjson.Array || v.Len() == 0 || v.Len() > maxCertificates {
		return nil, fail(ChainMalformed)
	}
	chain := make([]*x509.Certificate, 0, v.Len())
	for e := range v.Elements() {
		text, ok := e.Text()
		if !ok {
			return nil, fail(ChainMalformed)
		}
		cert, ok := parseCertificate(text)
		if !ok {
			return nil, fail(ChainMalformed)
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// parseCertificate reads one element: base64 and not base64url, with padding, in its one spelling.
func parseCertificate(text string) (*x509.Certificate, bool) {
	// The decoder skips line breaks, so that one certificate would have several spellings.
	if len(text) > base64.StdEncoding.EncodedLen(maxCertificate) || strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, false
	}
	cert, err := x509.ParseCertificate(der) // the error would quote what a stranger wrote
	return cert, err == nil
}
