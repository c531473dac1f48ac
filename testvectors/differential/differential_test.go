package differential

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/jwks"
	"github.com/khyer/khyer/testvectors"
)

var errInvalid = errors.New("not valid")

// judge is a library that says whether a signature is valid.
type judge struct {
	name   string
	knows  func(pubkey.Algorithm) bool
	verify func(k pubkey.Key, a pubkey.Algorithm, input, sig []byte) error
}

var judges = []judge{
	{"jwx", func(a pubkey.Algorithm) bool { return a != pubkey.ES256K }, jwks.Verify},
	{"the standard library with go-jose's reading of the key", func(a pubkey.Algorithm) bool { return a != pubkey.ES256K }, standard},
	{"go-ethereum", func(a pubkey.Algorithm) bool { return a == pubkey.ES256K }, ethereum},
}

func standard(k pubkey.Key, a pubkey.Algorithm, input, sig []byte) error {
	pub, err := jose.PublicKey(k.JWK())
	if err != nil {
		return err
	}
	switch pub := pub.(type) {
	case ed25519.PublicKey:
		if ed25519.Verify(pub, input, sig) {
			return nil
		}
	case *ecdsa.PublicKey:
		h256, h384 := sha256.Sum256(input), sha512.Sum384(input)
		hash := h256[:]
		if a == pubkey.ES384 {
			hash = h384[:]
		}
		if size := (pub.Params().BitSize + 7) / 8; len(sig) == 2*size &&
			ecdsa.Verify(pub, hash, new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:])) {
			return nil
		}
	}
	return errInvalid
}

func ethereum(k pubkey.Key, _ pubkey.Algorithm, input, sig []byte) error {
	raw, hash := k.Bytes(), sha256.Sum256(input)
	if !crypto.VerifySignature(raw, hash[:], sig) {
		return errInvalid
	}
	return nil
}

// jwt is a JWS as it travels.
type jwt struct{ input, sig []byte }

// split takes a JWS of ours apart.
func split(text string) jwt {
	i := strings.LastIndexByte(text, '.')
	sig, err := base64.RawURLEncoding.DecodeString(text[i+1:])
	if err != nil {
		panic(err)
	}
	return jwt{[]byte(text[:i]), sig}
}

// agree asks all judges and ourselves.
func agree(t *testing.T, what string, k pubkey.Key, a pubkey.Algorithm, j jwt, valid bool) {
	t.Helper()
	if err := k.Verify(a, j.input, j.sig); (err == nil) != valid {
		t.Errorf("%s: ours says %v", what, err)
	}
	for _, judge := range judges {
		if !judge.knows(a) {
			continue
		}
		if err := judge.verify(k, a, j.input, j.sig); (err == nil) != valid {
			t.Errorf("%s: %s says %v", what, judge.name, err)
		}
	}
}

var algorithms = []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA}

// TestOthersVerifyWhatWeSign: the card of our issuer and the key binding of our holder, as JWS, and with one byte flipped anywhere.
func TestOthersVerifyWhatWeSign(t *testing.T) {
	for _, a := range algorithms {
		t.Run(string(a), func(t *testing.T) {
			signer, err := pubkey.Generate(a)
			if err != nil {
				t.Fatal(err)
			}
			shown, err := present(signer)
			if err != nil {
				t.Fatal(err)
			}
			card, binding := split(shown[:strings.IndexByte(shown, '~')]), split(shown[strings.LastIndexByte(shown, '~')+1:])
			for name, j := range map[string]jwt{"card": card, "key binding": binding} {
				agree(t, name, signer.Public(), a, j, true)
				for i := 0; i < len(j.input); i += 5 {
					bad := bytes.Clone(j.input)
					bad[i] ^= 1
					agree(t, fmt.Sprintf("%s, byte %d of the input", name, i), signer.Public(), a, jwt{bad, j.sig}, false)
				}
				for i := range j.sig {
					bad := bytes.Clone(j.sig)
					bad[i] ^= 1
					agree(t, fmt.Sprintf("%s, byte %d of the signature", name, i), signer.Public(), a, jwt{j.input, bad}, false)
				}
				agree(t, name+" by another key", other(t, a).Public(), a, j, false)
			}
		})
	}
}

func other(t *testing.T, a pubkey.Algorithm) pubkey.Signer {
	t.Helper()
	s, err := pubkey.Generate(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// present issues a card and presents it, with one key on both sides.
func present(s pubkey.Signer) (string, error) {
	ctx, now := context.Background(), time.Unix(1770000000, 0)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{ID: "did:web:registry.example", KeyID: "#key-1", Signer: s, Now: func() time.Time { return now }})
	if err != nil {
		return "", err
	}
	card, err := issuer.Issue(ctx, credential.Card{
		Type: "https://registry.example/types/person", Claims: json.RawMessage(`{"full_name":"Pema Lhamo","id_number":"10000000001"}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"full_name"}, {"id_number"}}}, Holder: s.Public(),
	})
	if err != nil {
		return "", err
	}
	holder := credential.NewHolder(s)
	held, err := holder.Receive(card, s.Public(), now)
	if err != nil {
		return "", err
	}
	shown, err := holder.Present(ctx, held, credential.Showing{
		Reveal: []disclosure.Path{{"full_name"}}, Audience: "https://hospital.example", Nonce: "n-1", At: now,
	})
	return string(shown), err
}

// TestSignaturesOfOddForms: what is no signature is none for anybody.
func TestSignaturesOfOddForms(t *testing.T) {
	for _, a := range algorithms {
		signer := other(t, a)
		input := []byte("header.payload")
		sig, err := signer.Sign(t.Context(), a, input)
		if err != nil {
			t.Fatal(err)
		}
		n := len(sig) / 2
		for what, bad := range map[string][]byte{
			"empty": {}, "one byte": {1}, "half": sig[:n], "one byte short": sig[:2*n-1], "one byte long": append(bytes.Clone(sig), 0), "twice": append(bytes.Clone(sig), sig...),
			"zeros": make([]byte, 2*n), "r zero": append(make([]byte, n), sig[n:]...), "s zero": append(bytes.Clone(sig[:n]), make([]byte, n)...),
			"all ones": bytes.Repeat([]byte{0xff}, 2*n), "swapped": append(bytes.Clone(sig[n:]), sig[:n]...),
		} {
			agree(t, fmt.Sprintf("%s, %s", a, what), signer.Public(), a, jwt{input, bad}, false)
		}
		agree(t, string(a), signer.Public(), a, jwt{input, sig}, true)
	}
}

// TestVectorsSignatures gives the issuer's JWS of each vector that can be taken apart to all judges, who must be of one mind. Whether
// it is valid as an SD-JWT is another question.
func TestVectorsSignatures(t *testing.T) {
	all, err := testvectors.Vectors()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[bool]int{}
	for _, v := range all {
		var request struct {
			Card string          `json:"sd_jwt"`
			Key  json.RawMessage `json:"issuer_jwk"`
		}
		if json.Unmarshal(v.Request, &request) != nil || request.Key == nil {
			continue
		}
		k, err := pubkey.ParseJWK(request.Key)
		if err != nil {
			t.Fatal(v.Name, err)
		}
		text, _, _ := strings.Cut(request.Card, "~")
		i := strings.LastIndexByte(text, '.')
		sig, err := base64.RawURLEncoding.Strict().DecodeString(text[i+1:])
		if i < 0 || err != nil {
			continue
		}
		a := k.Algorithms()[0]
		j := jwt{[]byte(text[:i]), sig}
		valid := k.Verify(a, j.input, j.sig) == nil
		agree(t, v.Name, k, a, j, valid)
		counts[valid]++
	}
	if counts[true] < 200 || counts[false] < 10 {
		t.Errorf("only %v were judged", counts)
	}
	t.Logf("valid and invalid: %v", counts)
}

// Example shows that jwx, which shares no code with this library, verifies what our issuer signs.
func Example() {
	signer, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		panic(err)
	}
	shown, err := present(signer)
	if err != nil {
		panic(err)
	}
	card := split(shown[:strings.IndexByte(shown, '~')])
	fmt.Println(jwks.Verify(signer.Public(), pubkey.ES256, card.input, card.sig))
	card.sig[0] ^= 1
	fmt.Println(jwks.Verify(signer.Public(), pubkey.ES256, card.input, card.sig))
	// Output:
	// <nil>
	// jwks: the signature is not valid
}
