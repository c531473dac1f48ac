package jose

import (
	"bytes"
	"compress/flate"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func newKey(t testing.TB) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEncryptedIsDecrypted(t *testing.T) {
	k := newKey(t)
	for _, enc := range []string{"A128GCM", "A256GCM"} {
		jwe, err := Encrypt(k.PublicKey(), "one", enc, []byte("a text"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := Decrypt(k, "one", jwe, 1<<10)
		if err != nil || string(text) != "a text" {
			t.Errorf("%s: %q, %v", enc, text, err)
		}
		if h := headerOf(t, jwe); h["enc"] != enc || h["alg"] != "ECDH-ES" || h["kid"] != "one" {
			t.Errorf("header %v", h)
		}
	}
}

func headerOf(t testing.TB, jwe string) (h map[string]any) {
	t.Helper()
	first, _, _ := strings.Cut(jwe, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err == nil {
		err = json.Unmarshal(raw, &h)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The example of OpenID4VP 1.0 section 8.3, with the key that it gives.
func TestDecryptPublishedResponse(t *testing.T) {
	const (
		d        = "Et-3ce0omz8_TuZ96Df9lp0GAaaDoUnDe6X-CRO7Aww"
		response = "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTEyOEdDTSIsImtpZCI6ImFjIiwiZXBrIjp7Imt0eSI6IkVDIiwieCI6Im5ubVZwbTNWM2piaGNhZlFhUkJrU1ZOSGx3Wkh3dC05ck9wSnVmeVlJdWsiLCJ5Ijoicj" +
			"RmakRxd0p5czlxVU9QLV9iM21SNVNaRy0tQ3dPMm1pYzVWU05UWU45ZyIsImNydiI6IlAtMjU2In19..uAYcHRUSSn2X0WPX.yVzlGSYG4qbg0bq18JcUiDRw56yVnbKR8E7S7YlEtzT00RqE3Pw5oTpUG3hdLN4taHZ9gC1kwak8" +
			"JOnJgQ.1wR024_3-qtAlx1oFIUpQQ"
	)
	raw, err := base64.RawURLEncoding.DecodeString(d)
	if err != nil {
		t.Fatal(err)
	}
	k, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	text, err := Decrypt(k, "ac", response, 1<<10)
	var got struct {
		Token map[string][]string `json:"vp_token"`
	}
	if err != nil || json.Unmarshal(text, &got) != nil || len(got.Token["example_credential_id"]) != 1 {
		t.Errorf("%q, %v", text, err)
	}
}

func TestDecryptRefuses(t *testing.T) {
	k, other := newKey(t), newKey(t)
	good, err := Encrypt(k.PublicKey(), "one", "A256GCM", bytes.Repeat([]byte("a"), 100))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decrypt(k, "one", good, 1<<10); err != nil {
		t.Fatal(err)
	}
	foreign := func(alg jose.KeyAlgorithm, enc jose.ContentEncryption, key any, zip jose.CompressionAlgorithm, extra map[jose.HeaderKey]any) string {
		e, err := jose.NewEncrypter(enc, jose.Recipient{Algorithm: alg, Key: key, KeyID: "one"}, &jose.EncrypterOptions{Compression: zip, ExtraHeaders: extra})
		if err != nil {
			t.Fatal(err)
		}
		o, err := e.Encrypt([]byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := o.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for name, jwe := range map[string]string{
		"another key":                mustEncrypt(t, other, "one"),
		"another kid":                mustEncrypt(t, k, "two"),
		"no kid":                     mustEncrypt(t, k, ""),
		"compressed":                 foreign(jose.ECDH_ES, jose.A128GCM, pub, jose.DEFLATE, nil),
		"CBC":                        foreign(jose.ECDH_ES, jose.A128CBC_HS256, pub, jose.NONE, nil),
		"A192GCM":                    foreign(jose.ECDH_ES, jose.A192GCM, pub, jose.NONE, nil),
		"a wrapped key":              foreign(jose.ECDH_ES_A128KW, jose.A128GCM, pub, jose.NONE, nil),
		"a shared secret":            foreign(jose.DIRECT, jose.A128GCM, make([]byte, 16), jose.NONE, nil),
		"an encrypted key":           parts[0] + ".AAAA." + strings.Join(parts[2:], "."),
		"a critical header":          foreign(jose.ECDH_ES, jose.A128GCM, pub, jose.NONE, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}),
		"a flipped tag":              good[:len(good)-2] + flip(good[len(good)-2]) + good[len(good)-1:],
		"a flipped body":             strings.Join(parts[:3], ".") + "." + flip(parts[3][0]) + parts[3][1:] + "." + parts[4],
		"a shorter tag":              strings.Join(parts[:4], ".") + "." + parts[4][:16],
		"no tag":                     strings.Join(parts[:4], ".") + ".",
		"four parts":                 strings.Join(parts[:4], "."),
		"a line break":               good + "\n",
		"nothing":                    "",
		"dots":                       "....",
		"JSON":                       `{"protected":"` + parts[0] + `","iv":"` + parts[2] + `","ciphertext":"` + parts[3] + `","tag":"` + parts[4] + `"}`,
		"an ephemeral key off curve": strings.Join(append([]string{base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ECDH-ES","enc":"A128GCM","kid":"one","epk":{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}}`))}, parts[1:]...), "."),
	} {
		if text, err := Decrypt(k, "one", jwe, 1<<10); !errors.Is(err, ErrDecrypt) || text != nil {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := Decrypt(k, "one", good, len(good)-1); !errors.Is(err, ErrDecrypt) {
		t.Errorf("too long: %v", err)
	}
	if _, err := Decrypt(nil, "one", good, 1<<10); !errors.Is(err, ErrDecrypt) {
		t.Errorf("no key: %v", err)
	}
}

// A few bytes that become many are refused before anything is unpacked.
func TestDecompressionBomb(t *testing.T) {
	k := newKey(t)
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	e, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: pub, KeyID: "one"}, &jose.EncrypterOptions{Compression: jose.DEFLATE})
	if err != nil {
		t.Fatal(err)
	}
	o, err := e.Encrypt(make([]byte, 200<<10))
	if err != nil {
		t.Fatal(err)
	}
	bomb, err := o.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if len(bomb) > 4<<10 {
		t.Fatalf("no bomb: %d bytes", len(bomb))
	}
	if text, err := o.Decrypt(mustECDSA(t, k)); err != nil || len(text) != 200<<10 {
		t.Fatalf("go-jose itself unpacks it: %d, %v", len(text), err) // or the test shows nothing
	}
	if _, err := Decrypt(k, "one", bomb, 64<<10); !errors.Is(err, ErrDecrypt) {
		t.Errorf("%v", err)
	}
	// The same with what go-jose calls compression left out of the header is no JSON later, and not unpacked here.
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, 9)
	w.Write(make([]byte, 1<<20))
	w.Close()
	jwe, err := Encrypt(k.PublicKey(), "one", "A128GCM", packed.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := Decrypt(k, "one", jwe, 64<<10); err != nil || len(text) != packed.Len() {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestEncryptRefuses(t *testing.T) {
	p384, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() (string, error){
		"P-384":   func() (string, error) { return Encrypt(p384.PublicKey(), "", "A128GCM", nil) },
		"no key":  func() (string, error) { return Encrypt(nil, "", "A128GCM", nil) },
		"CBC":     func() (string, error) { return Encrypt(newKey(t).PublicKey(), "", "A128CBC-HS256", nil) },
		"no enc":  func() (string, error) { return Encrypt(newKey(t).PublicKey(), "", "", nil) },
		"A192GCM": func() (string, error) { return Encrypt(newKey(t).PublicKey(), "", "A192GCM", nil) },
	} {
		if jwe, err := f(); !errors.Is(err, ErrEncrypt) || jwe != "" {
			t.Errorf("%s: %q, %v", name, jwe, err)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	k := newKey(f)
	jwe, err := Encrypt(k.PublicKey(), "one", "A128GCM", []byte("text"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(jwe)
	f.Add("....")
	f.Fuzz(func(t *testing.T, s string) {
		if text, err := Decrypt(k, "one", s, 1<<16); err != nil && (!errors.Is(err, ErrDecrypt) || text != nil) {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func mustEncrypt(t testing.TB, k *ecdh.PrivateKey, kid string) string {
	t.Helper()
	s, err := Encrypt(k.PublicKey(), kid, "A128GCM", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustECDSA(t testing.TB, k *ecdh.PrivateKey) *ecdsa.PrivateKey {
	t.Helper()
	p, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), k.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}
