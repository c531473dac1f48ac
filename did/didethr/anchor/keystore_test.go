package anchor

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test vectors of the Web3 Secret Storage Definition (ethereum.org, "Test Vectors"): passphrase testpassword.
const (
	publishedSecret = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
	publishedPBKDF2 = `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2",
"kdfparams":{"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`
	publishedScrypt = `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},
"ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt",
"kdfparams":{"dklen":32,"n":262144,"p":8,"r":1,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
"mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}`
)

func TestPublishedKeystores(t *testing.T) {
	secret, err := hex.DecodeString(publishedSecret)
	if err != nil {
		t.Fatal(err)
	}
	want, err := NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{publishedPBKDF2, publishedScrypt} {
		s, err := openKeystore([]byte(text), []byte("testpassword"))
		if err != nil || s.Address() != want.Address() {
			t.Errorf("%v, %v", err, s)
		}
	}
}

// What go-ethereum wrote (accounts/keystore/testdata, v1.17.10): very-light-scrypt.json, whose passphrase is empty, and a key that has lost its
// leading zero, whose passphrase is foo.
const (
	gethKeystore = `{"address":"45dea0fb0bba44f4fcf290bba71fd57d7117cbb8","crypto":{"cipher":"aes-128-ctr",
"ciphertext":"b87781948a1befd247bff51ef4063f716cf6c2d3481163e9a8f42e1f9bb74145","cipherparams":{"iv":"dc4926b48a105133d2f16b96833abf1e"},
"kdf":"scrypt","kdfparams":{"dklen":32,"n":2,"p":1,"r":8,"salt":"004244bbdc51cadda545b1cfa43cff9ed2ae88e08c61f1479dbb45410722f8f0"},
"mac":"39990c1684557447940d4c69e06b1b82b2aceacb43f284df65c956daf3046b85"},"id":"ce541d8d-c79b-40f8-9f8c-20f59616faba","version":3}`
	shortKeystore = `{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"e0c41130a323adc1446fc82f724bca2f"},
"ciphertext":"9517cd5bdbe69076f9bf5057248c6c050141e970efa36ce53692d5d59a3984","kdf":"scrypt",
"kdfparams":{"dklen":32,"n":2,"r":8,"p":1,"salt":"711f816911c92d649fb4c84b047915679933555030b3552c1212609b38208c63"},
"mac":"d5e116151c6aa71470e67a7d42c9620c75c4d23229847dcc127794f0732b0db5"},"version":3}`
)

func TestKeystoreOfGoEthereum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(gethKeystore), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := LoadKeystore(path, nil)
	if err != nil || !strings.EqualFold(s.Address().String(), "0x45dea0fb0bba44f4fcf290bba71fd57d7117cbb8") {
		t.Fatal(err)
	}
	if _, err := openKeystore([]byte(strings.Replace(gethKeystore, `"crypto"`, `"Crypto"`, 1)), nil); err != nil {
		t.Error("as older tools spell it:", err)
	}
	const wrong = "secret-word"
	_, err = LoadKeystore(path, []byte(wrong))
	if wants(t, err, BadKey); strings.Contains(err.Error(), wrong) {
		t.Error("the error quotes the passphrase")
	}
	if permissionsCount {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := LoadKeystore(path, nil)
		wants(t, err, BadKey)
	}
	_, err = LoadKeystore(filepath.Join(t.TempDir(), "nowhere"), nil)
	wants(t, err, BadKey)

	secret, err := hex.DecodeString("00fa7b3db73dc7dfdf8c5fbdb796d741e4488628c41fc4febd9160a866ba0f35")
	if err != nil {
		t.Fatal(err)
	}
	want, err := NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = openKeystore([]byte(shortKeystore), []byte("foo")); err != nil || s.Address() != want.Address() {
		t.Error(err)
	}
	// It names no address: nothing but the code tells a wrong passphrase, which would give some other key.
	_, err = openKeystore([]byte(shortKeystore), []byte("bar"))
	wants(t, err, BadKey)
}

// TestHostileKeystores: each is refused, and none takes memory or time before that.
func TestHostileKeystores(t *testing.T) {
	good := gethKeystore
	begin := time.Now()
	for name, change := range map[string][2]string{
		"n of a gigabyte":        {`"n":2`, `"n":8388608`},
		"n of 2^62":              {`"n":2`, `"n":4611686018427387904`},
		"n beyond int64":         {`"n":2`, `"n":18446744073709551616`},
		"n no power of two":      {`"n":2`, `"n":17`},
		"n of one":               {`"n":2`, `"n":1`},
		"n of zero":              {`"n":2`, `"n":0`},
		"n negative":             {`"n":2`, `"n":-2`},
		"n as text":              {`"n":2`, `"n":"2"`},
		"n with a fraction":      {`"n":2`, `"n":2.5`},
		"r of a gigabyte":        {`"r":8`, `"r":1073741824`},
		"r of zero":              {`"r":8`, `"r":0`},
		"p of a million":         {`"p":1`, `"p":1000000`},
		"p with much work":       {`"n":2,"p":1`, `"n":262144,"p":512`},
		"short key":              {`"dklen":32`, `"dklen":16`},
		"long key":               {`"dklen":32`, `"dklen":4294967296`},
		"no salt":                {`"salt":"`, `"salt":"","x":"`},
		"odd salt":               {`"salt":"`, `"salt":"0`},
		"other cipher":           {`aes-128-ctr`, `aes-128-cbc`},
		"other derivation":       {`"kdf":"scrypt"`, `"kdf":"argon2"`},
		"pbkdf2 without prf":     {`"kdf":"scrypt","kdfparams":{`, `"kdf":"pbkdf2","kdfparams":{"c":1,`},
		"pbkdf2 with other prf":  {`"kdf":"scrypt","kdfparams":{`, `"kdf":"pbkdf2","kdfparams":{"c":1,"prf":"hmac-md5",`},
		"pbkdf2 endless":         {`"kdf":"scrypt","kdfparams":{`, `"kdf":"pbkdf2","kdfparams":{"c":2147483647,"prf":"hmac-sha256",`},
		"pbkdf2 of no rounds":    {`"kdf":"scrypt","kdfparams":{`, `"kdf":"pbkdf2","kdfparams":{"c":0,"prf":"hmac-sha256",`},
		"version 1":              {`"version":3`, `"version":1`},
		"version as text":        {`"version":3`, `"version":"3"`},
		"no crypto":              {`"crypto":{`, `"cripto":{`},
		"other code":             {`"mac":"`, `"mac":"00`},
		"short code":             {`"mac":"`, `"mac":"","x":"`},
		"short iv":               {`"iv":"`, `"iv":"00","x":"`},
		"long ciphertext":        {`"ciphertext":"`, `"ciphertext":"00`},
		"another's address":      {`"address":"`, `"address":"00","x":"`},
		"twice":                  {`"version":3`, `"version":3,"version":3`},
		"no object":              {`{`, `[{`},
		"nothing":                {good, ``},
		"larger than a keystore": {`"version":3`, `"version":3,"x":"` + strings.Repeat("x", maxKeystore) + `"`},
	} {
		text := strings.Replace(good, change[0], change[1], 1)
		if text == good {
			t.Fatalf("%s: nothing to change in %s", name, good)
		}
		_, err := openKeystore([]byte(text), nil)
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		wants(t, err, BadKey)
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("the refusals took %v", d)
	}
	// A file larger than a keystore is not read to its end.
	path := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(path, bytes.Repeat([]byte{' '}, maxKeystore+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadKeystore(path, nil)
	wants(t, err, BadKey)
}

// FuzzKeystore: a file is a stranger's until its code has been checked.
func FuzzKeystore(f *testing.F) {
	good := []byte(gethKeystore)
	f.Add(good)
	f.Add([]byte(strings.Replace(gethKeystore, `"kdf":"scrypt","kdfparams":{`, `"kdf":"pbkdf2","kdfparams":{"c":1,"prf":"hmac-sha256",`, 1)))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v struct {
			Crypto struct{ KDFParams map[string]json.Number }
		}
		_ = json.Unmarshal(text, &v)
		for _, n := range v.Crypto.KDFParams { // what is allowed may still take a second
			if len(n) > 4 {
				return
			}
		}
		s, err := openKeystore(text, nil)
		if (s == nil) == (err == nil) {
			t.Fatal("a key or an error")
		}
		if err != nil {
			wants(t, err, BadKey)
		}
	})
}
