package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/khyer/khyer/did/pubkey"
)

// A key of a real registry lives in an HSM and comes to pubkey.FromCrypto as a crypto.Signer. Here it is a file that only its owner
// can read. It is never printed.

// issuerKey reads a private key, or makes one if there is no such file.
func issuerKey(path string) (pubkey.Signer, error) {
	text, err := secret(path, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
	})
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return pubkey.ParsePrivateJWK(text)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: neither PEM nor JWK", path)
	}
	var key any
	switch block.Type {
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		err = errors.New("its PEM block is no private key")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key that does not sign", path)
	}
	return pubkey.FromCrypto(s)
}

// referenceKey reads 32 bytes in hexadecimal, or makes them.
func referenceKey(path string) ([]byte, error) {
	text, err := secret(path, func() ([]byte, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return append(hex.AppendEncode(nil, key), '\n'), err
	})
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s: not 64 hexadecimal digits", path)
	}
	return key, nil
}

// secret reads a file that nobody else may read, after writing what fresh returns if there is none.
func secret(path string, fresh func() ([]byte, error)) ([]byte, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		text, err := fresh()
		if err != nil {
			return nil, err
		}
		if err := writeWhole(path, text, os.O_EXCL); err != nil {
			return nil, err
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // which has no such bits
		return nil, fmt.Errorf("%s: others can read it: chmod 600", path)
	}
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// writeWhole writes a file for its owner and returns when it is on disk. It takes the flag O_EXCL or O_TRUNC.
func writeWhole(path string, text []byte, flag int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
