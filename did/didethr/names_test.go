package didethr

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/khyer/khyer/did"
)

// An identity's own key, published as a signing key, stays one when the identity gets another owner: nobody revoked it.
func TestOwnershipMovesSigningKeyStays(t *testing.T) {
	private, err := secp256k1.GeneratePrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	pub := private.PubKey()
	a := addressOf(pub)
	for _, text := range []string{"did:ethr:dev:0x" + hex.EncodeToString(pub.SerializeCompressed()), "did:ethr:dev:" + a.String()} {
		id, err := did.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c := newChain()
		first := c.head().Time
		c.attribute(a, "did/pub/Secp256k1/veriKey/hex", pub.SerializeCompressed(), first+1e6)
		c.mine(2)
		c.changeOwner(a, Address{0x77})
		c.mine(1)
		r := resolveAt(t, c, id, time.Time{})
		for _, signed := range []uint64{first + 1, c.head().Time} {
			if _, err := r.Key("#delegate-1", did.AssertionMethod, unix(signed)); err != nil {
				t.Errorf("%.20s…: %v", text, err)
			}
		}
	}
}

// A node that gave the registry's accumulator once cannot hide an event by refusing it later.
func TestAccumulatorIsNotTakenBack(t *testing.T) {
	for name, test := range map[string]struct {
		refusal any
		want    did.Code
	}{
		"empty":    {"0x", did.IncompleteAnswer},
		"reverted": {&rpcError{3, "execution reverted"}, did.IncompleteAnswer},
		"refused":  {&rpcError{-32005, "limit exceeded"}, did.Unavailable},
	} {
		c := newChain()
		c.sums, c.receipts = true, true
		a, id := issuer(1)
		first := c.head().Time
		c.attribute(a, veriKey, p256Value(1), first+1e6)
		c.mine(1)
		c.attribute(a, veriKey, p256Value(2), first+1e6)
		c.attribute(a, veriKey, p256Value(1), first-1) // revoked, in the same block
		c.mine(2)
		r := c.serve(t)
		if _, err := r.Resolve(t.Context(), id, did.At{}); err != nil {
			t.Fatal(err)
		}
		c.tamper = func(method string, params []any, result any) any {
			switch {
			case method == "eth_call" && strings.Contains(params[0].(map[string]any)["data"].(string), hex.EncodeToString(selectorHistory)):
				return test.refusal
			case method == "eth_getBlockReceipts":
				return &rpcError{-32005, "limit exceeded"}
			case method == "eth_getLogs":
				logs := result.([]any)
				return logs[:len(logs)-1]
			}
			return result
		}
		if _, err := r.Resolve(t.Context(), id, did.At{}); !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %s", name, err, test.want)
		}
	}
}
