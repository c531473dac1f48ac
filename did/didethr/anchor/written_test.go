package anchor

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

func multikeyBytes(t testing.TB, k pubkey.Key) []byte {
	t.Helper()
	text, _ := k.Multikey()
	_, value, err := multibase.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestRevokingInVain: the registry takes the revocation of what was never there, and whoever made it would believe that the thief's key has
// ended. Nothing is sent, and the reason says why.
func TestRevokingInVain(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner, deputy := person(t, chain, 0), person(t, chain, 1)
	i := r.Identity(owner.Address(), owner)
	stolen, wrong, old, hinted := signingKey(t), signingKey(t), signingKey(t), signingKey(t)
	const year = 365 * 24 * time.Hour
	_, err := i.Apply(ctx, RevokeKey(wrong, VeriKey)) // an identity without any change
	wants(t, err, NotPublished)
	if _, err := i.Apply(ctx, AddKey(stolen, VeriKey, year), AddKey(old, VeriKey, year), AddService("Cards", "https://a.example", year),
		AddDelegate(deputy.Address(), VeriKey, year), SetAttribute("did/pub/Multikey/veriKey/office", multikeyBytes(t, hinted), year)); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Apply(ctx, RevokeKey(old, VeriKey)); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Apply(ctx, RevokeKey(signingKey(t), SigAuth).Unchecked()); err != nil { // leaves an event that never set anything
		t.Fatal(err)
	}
	height := chain.Head().Number
	const never, already = "never published", "revoked already"
	for name, c := range map[string]struct {
		o    Op
		says string
	}{
		"another key":               {RevokeKey(wrong, VeriKey), never},
		"another use":               {RevokeKey(stolen, SigAuth), never + "; the key is published as did/pub/Multikey/veriKey"},
		"another name":              {RevokeKey(hinted, VeriKey), never + "; the key is published as did/pub/Multikey/veriKey/office"},
		"revoked already":           {RevokeKey(old, VeriKey), already},
		"another service":           {RevokeService("Card", "https://a.example"), never},
		"another endpoint":          {RevokeService("Cards", "https://a.example/"), never},
		"another attribute":         {RevokeAttribute("did/svc/Card", []byte("https://a.example")), never},
		"another delegate":          {RevokeDelegate(owner.Address(), VeriKey), never},
		"a delegate of another use": {RevokeDelegate(deputy.Address(), SigAuth), never},
	} {
		receipts, err := i.Apply(ctx, AddKey(wrong, Enc, year), c.o)
		if e := wants(t, err, NotPublished); !strings.HasSuffix(e.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, e, c.says)
		}
		if receipts[0].State != Unsent || receipts[1].State != Unsent {
			t.Errorf("%s: %+v", name, receipts)
		}
		_, err = r.Prepare(ctx, owner.Address(), chain.Now().Add(time.Hour), c.o)
		wants(t, err, NotPublished)
	}
	if chain.Head().Number != height {
		t.Error("something was sent")
	}
	// What is there can be revoked, also once it has lapsed: a thief dates cards back.
	chain.Advance(2 * year)
	if err := chain.Mine(1); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Apply(ctx, RevokeKey(stolen, VeriKey), RevokeService("Cards", "https://a.example"), RevokeDelegate(deputy.Address(), VeriKey),
		RevokeAttribute("did/pub/Multikey/veriKey/office", multikeyBytes(t, hinted))); err != nil {
		t.Fatal(err)
	}
	// A key that is set anew after its revocation is published again.
	if _, err := i.Apply(ctx, AddKey(old, VeriKey, year)); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Apply(ctx, RevokeKey(old, VeriKey)); err != nil {
		t.Fatal(err)
	}
	_, err = i.Apply(ctx, AddKey(wrong, VeriKey, year).Unchecked())
	wants(t, err, BadConfig)
}

// TestRevokingAllNames: a stolen key that is published under several names, in several spellings, is revoked under all of them, and no other
// key is.
func TestRevokingAllNames(t *testing.T) {
	ctx := context.Background()
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	owner := person(t, chain, 0)
	i := r.Identity(owner.Address(), owner)
	signer, err := pubkey.Generate(pubkey.ES256K)
	if err != nil {
		t.Fatal(err)
	}
	stolen, other := signer.Public(), signingKey(t)
	address, _ := stolen.Address()
	multikey := multikeyBytes(t, stolen)
	const year = 365 * 24 * time.Hour
	_, err = r.Revocations(ctx, owner.Address(), stolen)
	wants(t, err, NotPublished)
	if _, err := i.Apply(ctx, AddKey(stolen, VeriKey, year), AddKey(stolen, SigAuth, year), SetAttribute("did/pub/Multikey/veriKey/office", multikey, time.Hour),
		SetAttribute("did/pub/Secp256k1/veriKey/hex", multikey[2:], year), AddDelegate(address, VeriKey, year), AddKey(other, VeriKey, year),
		SetAttribute("did/svc/Key", multikey, year), AddKey(stolen, Enc, year)); err != nil {
		t.Fatal(err)
	}
	if _, err := i.Apply(ctx, RevokeKey(stolen, Enc)); err != nil {
		t.Fatal(err)
	}
	chain.Advance(24 * time.Hour)
	if err := chain.Mine(1); err != nil {
		t.Fatal(err)
	}
	ops, err := r.Revocations(ctx, owner.Address(), stolen)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range ops {
		names = append(names, o.String()+" "+o.attribute())
	}
	want := []string{"RevokeAttribute did/pub/Multikey/veriKey", "RevokeAttribute did/pub/Multikey/sigAuth", "RevokeAttribute did/pub/Multikey/veriKey/office",
		"RevokeAttribute did/pub/Secp256k1/veriKey/hex", "RevokeDelegate veriKey"}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if _, err := i.Apply(ctx, ops...); err != nil {
		t.Fatal(err)
	}
	for _, k := range resolve(t, r, chain, r.DID(owner.Address())).Keys {
		if k.Class != "controller" && k.Public.Equal(stolen) == k.Revoked.IsZero() {
			t.Errorf("%s (%s): revoked %v", k.ID, k.Class, k.Revoked)
		}
	}
	_, err = r.Revocations(ctx, owner.Address(), stolen)
	wants(t, err, NotPublished)
}

// TestRevokingOnNodesOfOtherKinds: nodes that refuse long ranges, or leave logs out of them, are walked through. Where nothing can be read,
// nothing is sent unless that is asked for.
func TestRevokingOnNodesOfOtherKinds(t *testing.T) {
	ctx := context.Background()
	for name, limit := range map[string]uint64{"any range": 0, "short ranges": 1} {
		chain := start(t, ethrtest.Options{MaxLogRange: limit})
		r := deploy(t, chain, config(chain))
		owner := person(t, chain, 0)
		i := r.Identity(owner.Address(), owner)
		keys := []pubkey.Key{signingKey(t), signingKey(t), signingKey(t), signingKey(t)}
		for _, k := range keys {
			if _, err := i.Apply(ctx, AddKey(k, VeriKey, time.Hour)); err != nil {
				t.Fatal(name, err)
			}
			if err := chain.Mine(3); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := i.Apply(ctx, RevokeKey(keys[0], VeriKey)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// A range that lacks the key's log is seen to have a gap, and the log is found in its block.
		lie(chain, "eth_getLogs", func(result json.RawMessage) (json.RawMessage, bool) {
			var logs []json.RawMessage
			if json.Unmarshal(result, &logs) == nil && len(logs) > 1 {
				logs = slices.DeleteFunc(logs, func(l json.RawMessage) bool { return bytes.Contains(l, hexOf(multikeyBytes(t, keys[1]))) })
			}
			out, err := json.Marshal(logs)
			return out, err == nil
		})
		if _, err := i.Apply(ctx, RevokeKey(keys[1], VeriKey)); err != nil {
			t.Errorf("%s, with a log left out: %v", name, err)
		}
		lie(chain, "eth_getLogs", func(json.RawMessage) (json.RawMessage, bool) {
			return json.RawMessage(`{"code":-32005,"message":"limit exceeded"}`), false
		})
		height := chain.Head().Number
		_, err := i.Apply(ctx, RevokeKey(keys[2], VeriKey))
		if e := wants(t, err, NodeRefused); !strings.Contains(e.Error(), "Op.Unchecked") {
			t.Error(e)
		}
		lie(chain, "eth_getLogs", func(json.RawMessage) (json.RawMessage, bool) { return json.RawMessage(`[]`), true })
		_, err = i.Apply(ctx, RevokeKey(keys[2], VeriKey))
		wants(t, err, NoAnswer)
		if chain.Head().Number != height {
			t.Error("something was sent")
		}
		if _, err := i.Apply(ctx, RevokeKey(keys[2], VeriKey).Unchecked()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		chain.Interfere(nil)
		found := resolve(t, r, chain, r.DID(owner.Address()))
		for n, k := range keys {
			_, err := found.Key(r.DID(owner.Address()).String()+"#"+k.Thumbprint(), did.AssertionMethod, chain.Now())
			if (err == nil) != (n == 3) {
				t.Errorf("%s, key %d: %v", name, n, err)
			}
		}
	}
}

func hexOf(b []byte) []byte { return []byte(hex.EncodeToString(b)) }
