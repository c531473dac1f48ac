package status

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/khyer/khyer/did/pubkey"
)

// payload checks a statement and writes its claims.
func (s Statement) payload() ([]byte, error) {
	switch s.Bits {
	case 1, 2, 4, 8:
	default:
		return nil, BadBits
	}
	switch {
	case s.URI == "", !utf8.ValidString(s.URI), !utf8.ValidString(s.Aggregation),
		s.Issued.Unix() < 0, s.Issued.IsZero(), s.Expires.Unix() > lastSecond, s.Expires.Unix() <= s.Issued.Unix(),
		s.TTL < 0, s.TTL%time.Second != 0, len(s.Data) == 0:
		return nil, StatementMalformed
	case len(s.Data) > maxInflated:
		return nil, ListTooLarge
	}
	type list struct {
		Bits        int    `json:"bits"`
		List        string `json:"lst"`
		Aggregation string `json:"aggregation_uri,omitempty"`
	}
	return json.Marshal(struct {
		Subject string `json:"sub"`
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
		TTL     int64  `json:"ttl,omitempty"`
		List    list   `json:"status_list"`
	}{s.URI, s.Issued.Unix(), s.Expires.Unix(), int64(s.TTL / time.Second), list{s.Bits, base64.RawURLEncoding.EncodeToString(deflate(s.Data)), s.Aggregation}})
}

// deflate compresses as section 4.1 recommends, at the highest level.
func deflate(data []byte) []byte {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err == nil {
		_, err = z.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("status: writing to memory failed") // bytes.Buffer does not fail
	}
	return out.Bytes()
}

func appendHeader(alg pubkey.Algorithm, keyID string) ([]byte, error) {
	if keyID == "" || !utf8.ValidString(keyID) {
		return nil, StatementMalformed
	}
	return json.Marshal(struct {
		Algorithm pubkey.Algorithm `json:"alg"`
		KeyID     string           `json:"kid"`
		Type      string           `json:"typ"`
	}{alg, keyID, tokenType})
}

func appendBase64URL(dst, data []byte) []byte { return base64.RawURLEncoding.AppendEncode(dst, data) }
