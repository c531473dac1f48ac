package anchor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/scrypt"

	"github.com/khyer/khyer/internal/strictjson"
)

// What a keystore file may ask of the machine that opens it. go-ethereum's usual file takes 256 MiB and about a second.
const (
	maxKeystore      = 16 << 10
	maxScryptMemory  = 512 << 20 // bytes: 128 * N * r
	maxScryptWork    = 1 << 24   // N * r * p, four times the usual
	maxPBKDF2        = 1 << 23   // rounds, 32 times the usual
	keystoreKeyBytes = 32
)

// LoadKeystore opens a keystore file of version 3 (Web3 Secret Storage Definition), as geth, clef, Besu's and ethers' tools write it, with
// the passphrase it was written with: scrypt or PBKDF2 with HMAC-SHA-256, AES-128-CTR, and a Keccak-256 code. The file must be a regular one to
// which nobody but its owner has access. Parameters that would take more than 512 MiB or a few seconds are refused. Errors, all with the reason
// BadKey, quote neither file nor passphrase. The passphrase is not kept and not cleared.
func LoadKeystore(path string, passphrase []byte) (*KeySigner, error) {
	text, err := readSecret(path, maxKeystore)
	if err != nil {
		return nil, err
	}
	return openKeystore(text, passphrase)
}

func openKeystore(text, passphrase []byte) (*KeySigner, error) {
	v, err := strictjson.Parse(text, strictjson.Limits{Bytes: maxKeystore, Depth: 8})
	if err != nil || v.Kind() != strictjson.Object {
		return nil, fail(BadKey, "the keystore file is no JSON object")
	}
	if version, ok := v.Get("version").Int64(); !ok || version != 3 {
		return nil, fail(BadKey, "the keystore file is not of version 3")
	}
	c := v.Get("crypto")
	if !c.Exists() {
		c = v.Get("Crypto") // so wrote older tools
	}
	if cipher, _ := c.Get("cipher").Text(); cipher != "aes-128-ctr" {
		return nil, fail(BadKey, "the keystore's cipher is not aes-128-ctr")
	}
	iv, okIV := hexMember(c.Get("cipherparams").Get("iv"), aes.BlockSize)
	sealed, okSealed := sealedKey(c.Get("ciphertext"))
	mac, okMAC := hexMember(c.Get("mac"), 32)
	if !okIV || !okSealed || !okMAC {
		return nil, fail(BadKey, "the keystore's iv, ciphertext or mac is not of its length")
	}
	derived, err := deriveKey(c, passphrase)
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	want := keccak(derived[16:32], sealed)
	if subtle.ConstantTimeCompare(want[:], mac) != 1 {
		return nil, fail(BadKey, "the passphrase is wrong, or the keystore file is damaged")
	}
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		return nil, &Error{Reason: BadKey, Err: err}
	}
	priv := make([]byte, 32)
	defer clear(priv)
	cipher.NewCTR(block, iv).XORKeyStream(priv[32-len(sealed):], sealed)
	s, err := NewSigner(priv)
	if err != nil {
		return nil, err
	}
	if a := v.Get("address"); a.Exists() { // outside what the code protects
		text, _ := a.Text()
		if !strings.EqualFold(strings.TrimPrefix(text, "0x"), hex.EncodeToString(s.address[:])) {
			return nil, fail(BadKey, "the keystore's address is not its key's")
		}
	}
	return s, nil
}

func deriveKey(c strictjson.Value, passphrase []byte) ([]byte, error) {
	p := c.Get("kdfparams")
	number := func(name string, most int64) (int, bool) {
		n, ok := p.Get(name).Int64()
		return int(n), ok && n > 0 && n <= most
	}
	saltText, okSalt := p.Get("salt").Text()
	salt, err := hex.DecodeString(strings.TrimPrefix(saltText, "0x"))
	if length, ok := number("dklen", keystoreKeyBytes); !ok || length != keystoreKeyBytes || !okSalt || err != nil || len(salt) == 0 || len(salt) > 64 {
		return nil, fail(BadKey, "the keystore's key length or salt is out of range")
	}
	switch kdf, _ := c.Get("kdf").Text(); kdf {
	case "scrypt":
		n, okN := number("n", maxScryptWork)
		r, okR := number("r", 1<<10)
		parallel, okP := number("p", 1<<10)
		if !okN || !okR || !okP || n < 2 || n&(n-1) != 0 || int64(n)*int64(r) > maxScryptMemory/128 || int64(n)*int64(r)*int64(parallel) > maxScryptWork {
			return nil, fail(BadKey, "the keystore's scrypt parameters are out of range")
		}
		out, err := scrypt.Key(passphrase, salt, n, r, parallel, keystoreKeyBytes)
		if err != nil {
			return nil, fail(BadKey, "the keystore's scrypt parameters are out of range")
		}
		return out, nil
	case "pbkdf2":
		rounds, ok := number("c", maxPBKDF2)
		if prf, _ := p.Get("prf").Text(); !ok || prf != "hmac-sha256" {
			return nil, fail(BadKey, "the keystore's PBKDF2 parameters are out of range")
		}
		out, err := pbkdf2.Key(sha256.New, string(passphrase), salt, rounds, keystoreKeyBytes)
		if err != nil {
			return nil, fail(BadKey, "the keystore's PBKDF2 parameters are out of range")
		}
		return out, nil
	}
	return nil, fail(BadKey, "the keystore's key derivation is neither scrypt nor pbkdf2")
}

// sealedKey reads the ciphertext. Some old tools left out a key's leading zeros.
func sealedKey(v strictjson.Value) ([]byte, bool) {
	text, ok := v.Text()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	return b, ok && err == nil && len(b) > 0 && len(b) <= 32
}

func hexMember(v strictjson.Value, length int) ([]byte, bool) {
	text, ok := v.Text()
	b, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	return b, ok && err == nil && len(b) == length
}
