package pubkey

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
)

// ParseJWK, FromValue and the plain path are of one mind about every document (see compare). Whatever they accept has a canonical form
// that leads back to the same key.
func FuzzParseJWK(f *testing.F) {
	for _, s := range []string{
		`{` + ecKey + `}`, `{` + edKey + `,"use":"sig"}`, `{` + xKey + `,"alg":"ECDH-ES"}`, `{` + ecKey + `,"d":"` + d256 + `"}`,
		`{"kty":"EC","crv":"secp256k1","x":"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g","y":"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg"}`,
		`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, `{"kty":"EC","kty":"OKP"}`, `[`, ``, "{\"kty\":\"\xff\"}",
		`{"kid":"1","key_ops":["verify"],"ext":true,"alg":"ES256","x5c":["AA=="],` + ecKey + `}`, `{` + ecKey + `,"D":""}`, `{` + ecKey + `,"u\u017fe":""}`,
		`{"kty":"EC","crv":"P-384","x":"` + x384 + `","y":"` + y384 + `","use":"enc"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := compare(t, data)
		if err != nil {
			return
		}
		back, err := ParseJWK(k.JWK())
		if err != nil || !back.Equal(k) || !bytes.Equal(back.JWK(), k.JWK()) {
			t.Fatalf("the canonical form is another key: %v", err)
		}
		if _, err := New(k.Public()); err != nil {
			t.Fatalf("New refuses what ParseJWK accepted: %v", err)
		}
	})
}

// A Multikey that is accepted is the only spelling of its key, and the plain path and go-jose accept the JWK of that key.
func FuzzParseMultikey(f *testing.F) {
	for _, s := range []string{
		"z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", "z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F",
		"zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme", "zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169",
		"z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9", "z", "zé", "f8024", "z1111",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseMultikey(s)
		if err != nil {
			return
		}
		if back, ok := k.Multikey(); !ok || back != s {
			t.Fatalf("%q has the canonical form %q", s, back)
		}
		if byJWK, err := compare(t, k.JWK()); err != nil || !byJWK.Equal(k) {
			t.Fatalf("the JWK is another key: %v", err)
		}
	})
}

// No input makes Verify panic, and nothing passes: what was signed is random, so that the fuzzer cannot find it.
func FuzzVerify(f *testing.F) {
	signed := make([]byte, 32)
	if _, err := rand.Read(signed); err != nil {
		f.Fatal(err)
	}
	keys := map[Algorithm][]Key{}
	for _, a := range algorithms {
		s := generate(f, a)
		keys[a] = []Key{s.Public()}
		f.Add([]byte("another input"), sign(f, s, a, signed))
	}
	address, _ := keys[ES256K][0].Address()
	keys[ES256K] = append(keys[ES256K], FromAddress(address))
	f.Add([]byte{}, make([]byte, 65))
	f.Add([]byte{}, make([]byte, 96))
	f.Fuzz(func(t *testing.T, input, sig []byte) {
		for a, list := range keys {
			for _, k := range list {
				if err := k.Verify(a, input, sig); !errors.Is(err, SignatureInvalid) {
					t.Fatalf("%s: %v", a, err)
				}
			}
		}
	})
}
