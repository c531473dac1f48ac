package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"errors"
	"testing"
)

func TestPublicKey(t *testing.T) {
	const ec = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	for name, c := range map[string]struct {
		jwk  string
		want error
	}{
		"P-256":     {`{` + ec + `}`, nil},
		"Ed25519":   {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, nil},
		"private":   {`{` + ec + `,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, ErrKey},
		"symmetric": {`{"kty":"oct","k":"AAAA"}`, ErrKey},
		"RSA":       {`{"kty":"RSA","n":"4f5wg5l2hKsTeNem_V41fGnJm6gOdrj8ym3rFkEU_wT8RDtnSgFEZOQpHEgQ7JL38xUfU0Y3g6aYw9QT0hJ7mCpz9Er5qLaMXJwZxzHzAahlfA0icqabvJOMvQtzD6uQv6wPEyZtDTWiQi9AXwBpHssPnpYGIn20ZZuNlX2BrClciHhCPUIIZOQn_MmqTD31jSyjoQoV7MhhMTATKJx2XrHhR-1DcKJzQBSTAGnpYVaqpsARap-nwRipr3nUTuxyGohBTSmjJ2usSeQXHI3bODIRe1AuTyHceAbewn8b462yEWKARdpd9AjQW5SIVPfdsz5B6GlYQ5LdYKtznTuy7w","e":"AQAB"}`, ErrKey},
		"P-521":     {`{"kty":"EC","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}`, ErrKey},
		"off curve": {`{"kty":"EC","crv":"P-256","x":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}`, ErrKey},
		"not JSON":  {`x`, ErrKey},
	} {
		pub, err := PublicKey([]byte(c.jwk))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		switch pub.(type) {
		case *ecdsa.PublicKey, ed25519.PublicKey:
			if c.want != nil {
				t.Errorf("%s: a key beside an error", name)
			}
		case nil:
			if c.want == nil {
				t.Errorf("%s: no key", name)
			}
		default:
			t.Errorf("%s: %T", name, pub)
		}
	}
}
