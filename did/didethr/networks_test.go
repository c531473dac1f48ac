package didethr

import (
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/khyer/khyer/did"
)

// TestKnownNetworks: each can be used as it is, and serves the DIDs of its name and chain and no others.
func TestKnownNetworks(t *testing.T) {
	const account = "0x15000000000000000000000000000000000000aa"
	for key := range known {
		n, ok := Known(key)
		if !ok {
			t.Fatalf("%s is not known", key)
		}
		if key != n.Name && key != "sepolia/ndi" {
			t.Errorf("%s is called %s", key, n.Name)
		}
		n.RPC = []string{"http://127.0.0.1:1"}
		if _, err := New(Config{Networks: []Network{n}}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
		for _, prefix := range []string{n.Name, "0x" + big.NewInt(int64(n.ChainID)).Text(16)} {
			id, err := did.Parse("did:ethr:" + prefix + ":" + account)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Fold(n, History{Head: Block{Number: 1}}, id, did.At{}, testTime); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		bare, err := parseIdentifier(mustParse(t, "did:ethr:"+account))
		if err != nil {
			t.Fatal(err)
		}
		if n.serves(bare.network) != (n.ChainID == 1) {
			t.Errorf("%s and a DID without a network", key)
		}
		if n.Legacy && n.CodeHash == codeStock || !n.Legacy && n.CodeHash == codeLegacy {
			t.Errorf("%s: the code of the other build", key)
		}
	}
	if n, ok := Known("goerli"); ok || n.ChainID != 0 {
		t.Errorf("a network that is gone: %+v", n)
	}
	a, _ := Known("mainnet")
	a.RPC = append(a.RPC, "http://127.0.0.1:1")
	a.Name = "changed"
	if b, _ := Known("mainnet"); b.RPC != nil || b.Name != "mainnet" {
		t.Error("a caller changed what others get")
	}
}

func mustParse(t testing.TB, s string) did.DID {
	t.Helper()
	id, err := did.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestDeploymentKeysArePublic is why an address pins no code. From the digest of each deployment transaction (npm's builds, in the
// transaction of their deployment script) follow sender and contract, and since r is the x of the generator, so k = 1, the private key too.
func TestDeploymentKeysArePublic(t *testing.T) {
	const r, s = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", "0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	number := func(digits string) *big.Int { n, _ := new(big.Int).SetString(digits, 16); return n }
	order := secp256k1.Params().N
	for registry, digest := range map[string]string{
		addressLegacy: "d1ac8bee3f6835bb64331d013b5b6d959d84d8cd2e9ff9d56b683be4b72f1b05",
		addressStock:  "ceac0cffa236e8776563a1fbe0b9ff05dc4c83bfc1e0363cfd6fb90649e2752d",
	} {
		pub, _, err := ecdsa.RecoverCompact(bytesOf(t, "1b"+r+s), bytesOf(t, digest))
		if err != nil {
			t.Fatal(err)
		}
		sender := addressOf(pub)
		created := keccak([]byte{0xd6, 0x94}, sender[:], []byte{0x80}) // RLP of the sender and nonce 0
		if got := Address(created[12:]).String(); got != registry {
			t.Errorf("the transaction creates %s, want %s", got, registry)
		}
		// s = (digest + r·d) / k, and k is 1 or -1.
		found := false
		for _, k := range []int64{1, -1} {
			d := new(big.Int).Mul(number(s), big.NewInt(k))
			d.Sub(d, number(digest)).Mul(d, new(big.Int).ModInverse(number(r), order)).Mod(d, order)
			found = found || addressOf(secp256k1.PrivKeyFromBytes(d.FillBytes(make([]byte, 32))).PubKey()) == sender
		}
		if !found {
			t.Error("the sender's private key does not follow; then the address would pin the code")
		}
	}
}

// TestCodeHashesAreTheRecordedOnes: the recordings name the runtime codes of npm's two builds, on which they were made.
func TestCodeHashesAreTheRecordedOnes(t *testing.T) {
	for _, r := range recordings(t) {
		want := codeStock
		if r.Network.RegistryKind == "legacy" {
			want = codeLegacy
		}
		if got := r.Network.RegistryCodeHash; got != "0x"+hex.EncodeToString(want[:]) {
			t.Errorf("%s: %s", r.Name, got)
		}
	}
}
