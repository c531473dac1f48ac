package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/anchor"
	"github.com/khyer/khyer/did/didethr/ethrtest"
	"github.com/khyer/khyer/did/pubkey"
)

// TestResolveOnAChain asks did.resolve about an issuer that is anchored on a real EVM: now, at a block, at a time, before and after its
// key was revoked, and through nodes that fail.
func TestResolveOnAChain(t *testing.T) {
	chain, err := ethrtest.New(ethrtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	account := chain.Accounts()[0]
	owner, err := anchor.NewSigner(account.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	network := didethr.Network{Name: "test", ChainID: chain.ChainID(), RPC: []string{chain.URL()}}
	registry, _, err := anchor.Deploy(t.Context(), anchor.Config{Network: network}, owner)
	if err != nil {
		t.Fatal(err)
	}
	issuer := registry.Identity(owner.Address(), owner)
	signing, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	added, err := one(issuer.Apply(t.Context(), anchor.AddKey(signing.Public(), anchor.VeriKey, 365*24*time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	chain.Advance(time.Minute)
	revoked, err := one(issuer.Apply(t.Context(), anchor.RevokeKey(signing.Public(), anchor.VeriKey)))
	if err != nil {
		t.Fatal(err)
	}
	id := registry.DID(issuer.Address()).String()
	multikey, _ := signing.Public().Multikey()
	entry := map[string]any{
		"name": "test", "chain_id": chain.ChainID(), "rpc_url": chain.URL(), "registry": registry.Network().Registry.String(), "profile": "current", "from_block": registry.Network().FromBlock,
	}
	resolve := func(did string, options map[string]any) map[string]any {
		t.Helper()
		return ask(t, "did.resolve", map[string]any{"did": did, "networks": []any{entry}, "options": options})
	}
	has := func(what string, got map[string]any, key bool, version string) {
		t.Helper()
		meta, _ := got["didDocumentMetadata"].(map[string]any)
		if got["verdict"] != "accept" || strings.Contains(show(got["didDocument"]), multikey) != key || text(meta["versionId"]) != version {
			t.Errorf("%s: %s", what, show(got))
		}
	}
	latest := map[string]any{"finality": "latest"}
	has("latest", resolve(id, latest), false, fmt.Sprint(revoked.Block))
	if got := resolve(id, nil); got["verdict"] != "inconclusive" {
		t.Errorf("before the registry is final: %s", show(got))
	}
	if err := chain.Finalize(); err != nil {
		t.Fatal(err)
	}
	has("finalized", resolve(id, nil), false, fmt.Sprint(revoked.Block))
	has("version in the URL", resolve(fmt.Sprintf("%s?versionId=%d", id, added.Block), nil), true, fmt.Sprint(added.Block))
	has("version in the options", resolve(id, map[string]any{"versionId": fmt.Sprint(added.Block)}), true, fmt.Sprint(added.Block))
	has("version in the options, a number", resolve(id, map[string]any{"versionId": added.Block}), true, fmt.Sprint(added.Block))
	has("a fragment in the URL", resolve(fmt.Sprintf("%s?versionId=%d#key", id, added.Block), nil), true, fmt.Sprint(added.Block))
	at, _ := resolve(fmt.Sprintf("%s?versionId=%d", id, added.Block), nil)["didDocumentMetadata"].(map[string]any)
	has("time in the options", resolve(id, map[string]any{"versionTime": at["updated"]}), true, fmt.Sprint(added.Block))
	entry["chain_id"] = fmt.Sprintf("0x%x", chain.ChainID())
	has("chain id in hexadecimal", resolve(fmt.Sprintf("did:ethr:0x%x:%s", chain.ChainID(), issuer.Address()), nil), false, fmt.Sprint(revoked.Block))
	for _, c := range []struct {
		did     string
		options map[string]any
		reason  string
	}{
		{id + "?versionId=1", map[string]any{"versionId": "1"}, "invalidOptions"},
		{id, map[string]any{"versionId": "1", "versionTime": "1"}, "invalidOptions"},
		{id, map[string]any{"versionId": "soon"}, "notFound"},
		{id, map[string]any{"versionId": "1&versionTime=1"}, "notFound"},
		{id, map[string]any{"versionId": "1000000"}, "notFound"},
		{strings.Replace(id, ":test:", ":other:", 1), nil, "internalError"},
		{"did:ethr:test:0x12", nil, "invalidDid"},
	} {
		if got := resolve(c.did, c.options); got["verdict"] != "reject" || got["reason"] != c.reason {
			t.Errorf("%s %v: %s, want %s", c.did, c.options, show(got), c.reason)
		}
	}
	open := func(what, reason string) {
		t.Helper()
		if got := resolve(id, nil); got["verdict"] != "inconclusive" || got["reason"] != reason {
			t.Errorf("%s: %s, want %s", what, show(got), reason)
		}
	}
	chain.Interfere(func(_, answer []byte) []byte { return answer[:len(answer)/2] })
	open("half an answer", "incompleteAnswer")
	chain.Interfere(func(_, answer []byte) []byte { return []byte("<html>please log in</html>") })
	open("no JSON", "garbledAnswer")
	chain.Interfere(func(_, answer []byte) []byte {
		return bytes.ReplaceAll(answer, []byte(`"removed":false`), []byte(`"removed":true`))
	})
	open("logs that are gone", "incompleteAnswer")
	chain.Interfere(nil)
	entry["chain_id"] = 4
	open("another chain", "wrongChain")
	entry["chain_id"], entry["registry"] = chain.ChainID(), "0x00000000000000000000000000000000000000Aa"
	open("no registry there", "wrongChain")
	entry["registry"] = registry.Network().Registry.String()
	entry["rpc_url"] = "http://127.0.0.1:1"
	open("nobody answers", "unavailable")
	entry["rpc_url"] = "ftp://127.0.0.1"
	if got := resolve(id, nil); got["verdict"] != "error" {
		t.Errorf("no http: %s", show(got))
	}
	entry["rpc_url"], entry["profile"] = chain.URL(), "v12"
	if got := resolve(id, nil); got["verdict"] != "error" {
		t.Errorf("profile v12: %s", show(got))
	}
	entry["profile"] = "v11"
	if got := resolve(id, nil); got["verdict"] != "accept" || !strings.Contains(show(got), "security/v3-unstable") {
		t.Errorf("profile v11: %s", show(got))
	}
}

// one is for the tests that apply one operation at a time.
func one(got []anchor.Receipt, err error) (anchor.Receipt, error) { return got[0], err }
