package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// howKeysAreNamed stands in the help of every command about keys.
const howKeysAreNamed = `A key is a file with a public key (PEM or JWK), a Multikey (z…), or, if the DID has it or had it, its id (#delegate-1) or thumbprint.
Private keys of issuers have no business here: they stay in the HSM.`

// withoutDashes writes the thumbprints that begin with a dash, one in 64 does, as fragments: nobody in a hurry should have to know why his is
// taken for a flag.
func withoutDashes(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if raw, err := base64.RawURLEncoding.Strict().DecodeString(a); err == nil && len(raw) == 32 && a[0] == '-' {
			args[i] = "#" + a
		}
	}
	return args
}

// keys finds the keys that are meant. The DID is resolved at most once, and only if a key is named by what its document says.
func (w *writing) keys(ctx context.Context, args []string) (found []pubkey.Key, err error) {
	if len(args) == 0 {
		return nil, usageError("no key; -help explains how keys are named")
	}
	var doc *did.Resolution
	for _, arg := range args {
		k, err := statedKey(arg)
		if err == nil && k.IsZero() {
			if doc == nil {
				r, err := w.reader("latest")
				if err != nil {
					return nil, err
				}
				if doc, err = r.Resolve(ctx, w.id, did.At{}); err != nil {
					return nil, err
				}
			}
			k, err = documentedKey(doc, arg)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, k)
	}
	return found, nil
}

// statedKey reads a key that is given as such. It is zero for a name.
func statedKey(arg string) (k pubkey.Key, err error) {
	if strings.HasPrefix(arg, "#") || strings.HasPrefix(arg, "did:") {
		return k, nil
	}
	if strings.HasPrefix(arg, "z") && len(arg) > 43 {
		if k, err = pubkey.ParseMultikey(arg); err != nil {
			return k, usageError("the Multikey is none: " + err.Error())
		}
		return k, nil
	}
	f, err := os.Open(arg)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil // a thumbprint, then
	}
	if err != nil {
		return k, usageError("the key file cannot be opened")
	}
	defer f.Close()
	const longest = 16 << 10
	text, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return k, usageError("the key file cannot be read")
	}
	if k, err = parsePublic(text); err != nil {
		return k, usageError(arg + ": " + err.Error())
	}
	return k, nil
}

// parsePublic reads a JWK, or a PEM block of RFC 7468 section 13.
func parsePublic(text []byte) (pubkey.Key, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return pubkey.ParseJWK(text)
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return pubkey.Key{}, errors.New("that is a private key; give its public half (openssl pkey -pubout)")
	case block.Type != "PUBLIC KEY":
		return pubkey.Key{}, errors.New("its PEM block is no public key")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return pubkey.Key{}, errors.New("its PEM block is no public key that can be read")
	}
	return pubkey.New(public)
}

// documentedKey finds a key of the DID, present or past, by an id or a thumbprint. The owner's own keys are no entries: nothing here is done
// with them.
func documentedKey(r *did.Resolution, name string) (pubkey.Key, error) {
	id := name
	switch {
	case strings.HasPrefix(name, "#"):
		id = r.Document.ID.String() + name
	case !strings.HasPrefix(name, "did:"):
		id = r.Document.ID.String() + "#" + name
	}
	var found pubkey.Key
	for _, k := range r.Keys {
		if k.Class == "controller" || k.Class == "controllerKey" || k.ID != id && !slices.Contains(k.Aliases, id) {
			continue
		}
		if !found.IsZero() && !found.Equal(k.Public) {
			return found, usageError("several keys are called " + name)
		}
		found = k.Public
	}
	if found.IsZero() {
		return found, usageError("no key of " + r.Document.ID.String() + " is called " + name + ", and there is no such file")
	}
	return found, nil
}
