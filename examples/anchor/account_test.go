package main

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/crypto/sha3"

	"github.com/khyer/khyer/did/didethr/anchor"
)

// keystore writes a key as version 3 of the Web3 Secret Storage Definition has it.
func keystore(t *testing.T, secret []byte, passphrase string) string {
	t.Helper()
	random := make([]byte, 48)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	salt, iv := random[:32], random[32:]
	const rounds = 262144
	derived, err := pbkdf2.Key(sha256.New, passphrase, salt, rounds, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		t.Fatal(err)
	}
	hidden := make([]byte, len(secret))
	cipher.NewCTR(block, iv).XORKeyStream(hidden, secret)
	mac := sha3.NewLegacyKeccak256()
	mac.Write(derived[16:32])
	mac.Write(hidden)
	return fmt.Sprintf(`{"version":3,"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","crypto":{"cipher":"aes-128-ctr","ciphertext":"%x","cipherparams":{"iv":"%x"},
		"kdf":"pbkdf2","kdfparams":{"c":%d,"dklen":32,"prf":"hmac-sha256","salt":"%x"},"mac":"%x"}}`, hidden, iv, rounds, salt, mac.Sum(nil))
}

// An operator's account is a keystore file, or a service that signs. What opens either is in no argument and in no output.
func TestAccounts(t *testing.T) {
	o := newOperator(t)
	_, key := issuerKey(t)
	const phrase = "correct horse battery staple"
	store, opens, wrong := o.file("keystore.json", keystore(t, o.secret, phrase)), o.file("phrase", phrase+"\r\nmore\n"), o.file("other", "wrong horse\n")
	signer, err := anchor.NewSigner(o.secret)
	if err != nil {
		t.Fatal(err)
	}
	const bearer = "Bearer 6c1d1f0c5a"
	t.Setenv("ANCHOR_AUTHORIZATION", bearer)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask struct{ Address, Digest string }
		err := json.NewDecoder(r.Body).Decode(&ask)
		digest, _ := hex.DecodeString(strings.TrimPrefix(ask.Digest, "0x"))
		if err != nil || len(digest) != 32 || r.Header.Get("Authorization") != bearer {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		sig, err := signer.SignDigest(r.Context(), [32]byte(digest))
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"signature":"0x%x"}`, sig)
	}))
	defer service.Close()
	mine := signer.Address().String()
	for _, c := range []struct {
		name string
		with []string
		code int
		says string
	}{
		{"a keystore", []string{"-key", store, "-passphrase", opens}, done, ""},
		{"a service", []string{"-signer", service.URL, "-account", mine}, done, ""},
		{"another passphrase", []string{"-key", store, "-passphrase", wrong}, refused, "bad_key"},
		{"a keystore alone", []string{"-key", store}, wrongUsage, "give -passphrase"},
		{"a passphrase that is nowhere", []string{"-key", store, "-passphrase", "nowhere"}, wrongUsage, "cannot be read"},
		{"a passphrase for digits", []string{"-key", o.keyFile, "-passphrase", opens}, wrongUsage, "belongs to a keystore"},
		{"a service without its account", []string{"-signer", service.URL}, wrongUsage, "needs -account"},
		{"a service and a key", []string{"-signer", service.URL, "-account", mine, "-key", store}, wrongUsage, "no -key"},
		{"a service far away without TLS", []string{"-signer", "http://signer.example", "-account", mine}, refused, "https"},
		{"a service that signs for another", []string{"-signer", service.URL, "-account", "0x00000000000000000000000000000000000000aa", "-did", o.DID}, refused, "anchor:"},
		{"a service that refuses", []string{"-signer", service.URL, "-account", mine, "-finality", "latest"}, refused, "signer_failed"},
	} {
		if strings.HasSuffix(c.name, "refuses") {
			t.Setenv("ANCHOR_AUTHORIZATION", "Bearer old")
		}
		args := append([]string{"add", "-rpc", o.chain.URL(), "-registry", o.registry, "-finality", "latest"}, c.with...)
		got := execute(t, append(args, key)...)
		if got.code != c.code || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: exit %d, want %d, and %q in:\n%s%s", c.name, got.code, c.code, c.says, got.err, got.out)
		}
		for _, secret := range []string{hex.EncodeToString(o.secret), phrase, "wrong horse", bearer, "Bearer old"} {
			if strings.Contains(got.out+got.err, secret) {
				t.Errorf("%s: a secret is printed:\n%s%s", c.name, got.err, got.out)
			}
		}
	}
}
