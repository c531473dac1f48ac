package storetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/khyer/khyer/did/pubkey"
)

// signer returns the key of a folder, which all processes of a test share.
func signer(folder string) (pubkey.Signer, error) {
	name := filepath.Join(folder, "key")
	der, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if der, err = x509.MarshalECPrivateKey(k); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, der, 0o600); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	k, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, err
	}
	return pubkey.FromCrypto(k)
}
