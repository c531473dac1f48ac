package main

import (
	"bytes"
	"flag"
	"io"
	"os"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
)

// account says where the private key of an Ethereum account is. Neither it nor what opens it ever stands on a command line, which every
// user of a machine can read.
type account struct {
	key, passphrase  string // files
	service, address string
}

func (a *account) flags(f *flag.FlagSet, whose string) {
	f.StringVar(&a.key, "key", "", "`file` with the private key of the account "+whose+": 64 hexadecimal digits, or a keystore of geth")
	f.StringVar(&a.passphrase, "passphrase", "", "`file` with the passphrase of the keystore, in its first line")
	f.StringVar(&a.service, "signer", "", "instead of -key, `URL` of a service that signs; the environment's ANCHOR_AUTHORIZATION is sent as a header")
	f.StringVar(&a.address, "account", "", "`address` of the account whose key the service has")
}

func (a *account) given() bool { return a.key != "" || a.service != "" }

// open makes the signer.
func (a *account) open() (anchor.Signer, error) {
	if a.service != "" {
		address, err := didethr.ParseAddress(a.address)
		if err != nil || a.key != "" {
			return nil, usageError("-signer needs -account, the address whose key it has, and no -key")
		}
		return anchor.NewRemoteSigner(anchor.RemoteConfig{URL: a.service, Address: address, Authorization: os.Getenv("ANCHOR_AUTHORIZATION")})
	}
	keystore, err := beginsLikeJSON(a.key)
	switch {
	case err != nil:
		return nil, usageError("the file of -key cannot be opened")
	case !keystore && a.passphrase != "":
		return nil, usageError("-passphrase belongs to a keystore, and -key is none")
	case !keystore:
		return anchor.LoadKeyFile(a.key)
	case a.passphrase == "":
		return nil, usageError("-key is a keystore: give -passphrase, a file")
	}
	text, err := readStart(a.passphrase, 4<<10)
	if err != nil {
		return nil, usageError("the file of -passphrase cannot be read")
	}
	defer clear(text)
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return anchor.LoadKeystore(a.key, bytes.TrimSuffix(line, []byte("\r")))
}

// beginsLikeJSON tells a keystore from digits. Whether the file may be used at all is for package anchor to say.
func beginsLikeJSON(path string) (bool, error) {
	text, err := readStart(path, 64)
	defer clear(text)
	return bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")), err
}

func readStart(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, n))
}
