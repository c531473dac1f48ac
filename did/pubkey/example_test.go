package pubkey_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/khyer/khyer/did/pubkey"
)

func Example() {
	signer, err := pubkey.Generate(pubkey.ES256) // or FromCrypto, for a key in an HSM
	if err != nil {
		fmt.Println(err)
		return
	}
	sig, err := signer.Sign(context.Background(), pubkey.ES256, []byte("message"))
	if err != nil {
		fmt.Println(err)
		return
	}

	key, err := pubkey.ParseJWK(signer.Public().JWK())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.Algorithms(), len(sig))
	fmt.Println(key.Verify(pubkey.ES256, []byte("message"), sig))
	fmt.Println(key.Verify(pubkey.ES256, []byte("another message"), sig))
	err = key.Verify("none", []byte("message"), nil)
	fmt.Println(err, errors.Is(err, pubkey.AlgorithmMismatch))
	// Output:
	// [ES256] 64
	// <nil>
	// pubkey: signature_invalid
	// pubkey: key_algorithm_mismatch true
}

func ExampleParseJWK() {
	_, err := pubkey.ParseJWK([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"}`))
	fmt.Println(err)
	// Output: pubkey: key_private_member
}
