package interop_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// TestStockWriterOnOurRegistry: npm's EthrDidController writes to our registry as to any other. Its direct operations work; those that are
// signed do not, because ours signs EIP-712 data with the chain in it, and then nothing is written. Its gas limit of 123,456 is its own,
// and is enough on today's mainnet rules.
func TestStockWriterOnOurRegistry(t *testing.T) {
	for _, chain := range []string{"our chain", "anvil"} {
		t.Run(chain, func(t *testing.T) {
			startPeer(t)
			l := chains[chain](t)
			l.deploy(t)
			h := l.newHand(t)
			signing := newSigner(t).Public()
			delegate, heir := l.newHand(t).address.Hex(), l.newHand(t).address.Hex()
			multikey := "0x" + l.raw("Multikey", signing)
			seconds := int(year.Seconds())
			var done struct {
				DID, Owner string
				Blocks     []uint64
			}
			l.controller(t, h, &done, []any{
				[]any{"setAttribute", issuing, multikey, seconds},
				[]any{"setAttribute", "did/svc/IssuerPage", "https://registry.example/cards", seconds},
				[]any{"addDelegate", "veriKey", delegate, seconds},
				[]any{"addDelegate", "sigAuth", delegate, seconds},
				[]any{"revokeDelegate", "veriKey", delegate},
				[]any{"revokeAttribute", "did/svc/IssuerPage", "https://registry.example/cards"},
				[]any{"revokeAttribute", issuing, multikey},
				[]any{"changeOwner", heir},
			})
			if len(done.Blocks) != 8 || done.Owner != heir {
				t.Fatalf("%+v", done)
			}
			for i, at := range done.Blocks {
				doc := l.agree(t, done.DID, at)
				if _, listed := doc.Methods["delegate-1"]; listed != (i < 6) {
					t.Errorf("after step %d the key is listed: %v", i+1, listed)
				}
			}
			now := l.agree(t, done.DID, 0)
			if got := now.Methods["controller"].Key; !strings.HasSuffix(got, strings.ToLower(heir)) || len(now.Services) != 0 || len(now.Order) != 2 {
				t.Errorf("the end of the story: %+v", now)
			}
			// The writer has lost the identity, and the registry says so.
			err := l.tryController(t, h, &done, []any{[]any{"setAttribute", issuing, multikey, seconds}})
			if err == nil {
				t.Error("the former owner still writes")
			}
		})
	}
}

// TestStockSignaturesDoNotWorkOnOurRegistry: what the stock writer signs names no chain (fault F6), so the registry of public chains takes it,
// and ours does not.
func TestStockSignaturesDoNotWorkOnOurRegistry(t *testing.T) {
	startPeer(t)
	for _, registry := range []string{"1.3.0", "ours"} {
		l := openEthrtest(t, ethrtest.Options{})
		if registry == "ours" {
			l.deploy(t)
		} else {
			l.deployStock(t, registry)
		}
		h := l.newHand(t)
		heir := l.newHand(t).address.Hex()
		var done struct{ DID, Owner string }
		err := l.tryController(t, h, &done, []any{[]any{"changeOwnerSigned", heir}})
		if registry == "ours" {
			if err == nil || !strings.Contains(err.Error(), "revert") {
				t.Errorf("ours: %v, want that it reverts", err)
			}
			if doc := l.agree(t, fmt.Sprintf("did:ethr:%s:%s", l.registry.Name, h.address), 0); doc.VersionID != "" {
				t.Errorf("something was written: %+v", doc)
			}
		} else if err != nil || done.Owner != heir {
			t.Errorf("%s: %v %+v", registry, err, done)
		}
	}
}

// controller lets npm's writer write; a step that fails ends the test.
func (l *ledger) controller(t testing.TB, h *hand, result any, steps []any) {
	t.Helper()
	if err := l.tryController(t, h, result, steps); err != nil {
		t.Fatal(err)
	}
}

func (l *ledger) tryController(t testing.TB, h *hand, result any, steps []any) error {
	t.Helper()
	q := l.question("")
	delete(q, "did")
	q["key"], q["steps"] = "0x"+hex.EncodeToString(crypto.FromECDSA(h.key)), steps
	return startPeer(t).ask(t, result, "write", q)
}
