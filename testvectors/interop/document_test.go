package interop_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/multiformats/go-multibase"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
)

// document is what a DID document says, independent of how the keys are written.
type document struct {
	ID          string
	Methods     map[string]method // by fragment
	Order       []string          // their fragments, as they stand
	Services    map[string]service
	Deactivated bool

	VersionID, NextVersionID string
	Updated, NextUpdate      time.Time
}

// method is a verification method with its key decoded.
type method struct {
	Kind       string // secp256k1, Ed25519, X25519, Multikey or address
	Key        string // raw bytes in hex: a compressed point, 32 bytes, a multicodec and a key, or an address with its chain
	Controller string
	Purposes   []string
}

type service struct {
	Type     any
	Endpoint any
}

type jsonMethod struct {
	ID, Type, Controller string
	PublicKeyHex         string
	PublicKeyBase58      string
	PublicKeyBase64      string
	PublicKeyMultibase   string
	PublicKeyJwk         json.RawMessage
	BlockchainAccountID  string
}

var kinds = map[string]string{
	"EcdsaSecp256k1VerificationKey2019": "secp256k1",
	"EcdsaSecp256k1RecoveryMethod2020":  "address",
	"Ed25519VerificationKey2018":        "Ed25519",
	"Ed25519VerificationKey2020":        "Ed25519",
	"X25519KeyAgreementKey2019":         "X25519",
	"X25519KeyAgreementKey2020":         "X25519",
	"Multikey":                          "Multikey",
}

// readDocument reads a document of either side. A reference to a method that is not there is an error, unless it is in dangling.
func readDocument(t testing.TB, text []byte, dangling ...string) *document {
	t.Helper()
	var d struct {
		ID                 string
		VerificationMethod []jsonMethod
		Service            []struct {
			ID              string
			Type            any
			ServiceEndpoint any
		}
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	out := &document{ID: d.ID, Methods: map[string]method{}, Services: map[string]service{}}
	fragment := func(id string) string {
		f, ok := strings.CutPrefix(id, d.ID+"#")
		if !ok {
			t.Errorf("the id %s is not the document's own", id)
		}
		return f
	}
	for _, m := range d.VerificationMethod {
		out.Methods[fragment(m.ID)] = method{Kind: kinds[m.Type], Key: m.raw(t), Controller: m.Controller}
		out.Order = append(out.Order, fragment(m.ID))
	}
	for _, purpose := range []string{"authentication", "assertionMethod", "keyAgreement", "capabilityInvocation", "capabilityDelegation"} {
		var ids []string
		if err := json.Unmarshal(all[purpose], &ids); all[purpose] != nil && err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			m, ok := out.Methods[fragment(id)]
			if !ok && !slices.Contains(dangling, fragment(id)) {
				t.Errorf("%s names %s, which is not there", purpose, id)
			}
			if ok {
				m.Purposes = append(m.Purposes, purpose)
				out.Methods[fragment(id)] = m
			}
		}
	}
	for _, s := range d.Service {
		out.Services[fragment(s.ID)] = service{s.Type, s.ServiceEndpoint}
	}
	return out
}

// raw decodes the key of a method.
func (m *jsonMethod) raw(t testing.TB) string {
	t.Helper()
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatalf("%s: %v", m.ID, err)
		}
		return b
	}
	base58 := func(s string) []byte {
		_, b, err := multibase.Decode(s)
		return must(b, err)
	}
	switch {
	case m.PublicKeyHex != "":
		return hex.EncodeToString(must(hex.DecodeString(m.PublicKeyHex)))
	case m.PublicKeyBase64 != "":
		return hex.EncodeToString(must(base64.StdEncoding.DecodeString(m.PublicKeyBase64)))
	case m.PublicKeyBase58 != "":
		return hex.EncodeToString(base58("z" + m.PublicKeyBase58))
	case m.PublicKeyMultibase != "":
		b := hex.EncodeToString(base58(m.PublicKeyMultibase))
		if m.Type == "Multikey" {
			return b // the value on the chain has the multicodec
		}
		for _, codec := range []string{"ed01", "ec01"} {
			b = strings.TrimPrefix(b, codec)
		}
		return b
	case m.PublicKeyJwk != nil:
		return hex.EncodeToString(key(t, m.PublicKeyJwk).Bytes())
	case m.BlockchainAccountID != "":
		return strings.ToLower(m.BlockchainAccountID)
	}
	t.Fatalf("%s has no key that this test reads", m.ID)
	return ""
}

// resolved is the peer's answer.
type resolved struct {
	DIDDocument         json.RawMessage
	DIDDocumentMetadata struct {
		Deactivated                                   bool
		VersionID, NextVersionID, Updated, NextUpdate string
	}
	DIDResolutionMetadata struct{ Error, Message string }
}

// theirs resolves with the peer, at a block or, with 0, the newest state.
func (l *ledger) theirs(t testing.TB, id string, at uint64, dangling ...string) *document {
	t.Helper()
	if at != 0 {
		id += "?versionId=" + strconv.FormatUint(at, 10)
	}
	var r resolved
	startPeer(t).must(t, &r, "resolve", l.question(id))
	if r.DIDResolutionMetadata.Error != "" {
		t.Fatalf("%s: the peer says %s: %s", id, r.DIDResolutionMetadata.Error, r.DIDResolutionMetadata.Message)
	}
	out := readDocument(t, r.DIDDocument, dangling...)
	m := r.DIDDocumentMetadata
	out.Deactivated, out.VersionID, out.NextVersionID = m.Deactivated, m.VersionID, m.NextVersionID
	moment := func(text string) (at time.Time) {
		if text == "" {
			return at
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	out.Updated, out.NextUpdate = moment(m.Updated), moment(m.NextUpdate)
	return out
}

// ours resolves with our resolver.
func (l *ledger) ours(t testing.TB, id string, at uint64) (*document, *did.Resolution) {
	t.Helper()
	parsed, err := did.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.resolver.Resolve(t.Context(), parsed, did.At{Block: at})
	if err != nil {
		t.Fatalf("%s at %d: %v", id, at, err)
	}
	text, err := json.Marshal(r.Document)
	if err != nil {
		t.Fatal(err)
	}
	out := readDocument(t, text)
	out.Deactivated, out.VersionID, out.NextVersionID = r.Deactivated, r.Metadata.VersionID, r.Metadata.NextVersionID
	out.Updated, out.NextUpdate = r.Metadata.Updated, r.Metadata.NextUpdate
	return out, r
}

// agree compares both sides' answers about one DID: ids, keys as raw bytes, controllers, relationships, services, deactivation, and
// the versions' numbers and times. Every key of the document must be one that a verifier gets from ours.
func (l *ledger) agree(t testing.TB, id string, at uint64) *document {
	t.Helper()
	theirs := l.theirs(t, id, at)
	ours, resolution := l.ours(t, id, at)
	if !reflect.DeepEqual(ours, theirs) {
		o, _ := json.MarshalIndent(ours, "", " ")
		p, _ := json.MarshalIndent(theirs, "", " ")
		t.Errorf("%s at %d\nours %s\npeer %s", id, at, o, p)
	}
	for fragment, m := range theirs.Methods {
		k, err := resolution.Key("#"+fragment, did.Purpose(m.Purposes[0]), time.Time{})
		if err != nil {
			t.Errorf("%s at %d: the peer lists %s, ours gives %v", id, at, fragment, err)
			continue
		}
		if got := l.raw(m.Kind, k.Public); got != m.Key {
			t.Errorf("%s at %d: the key %s is %s, the peer has %s", id, at, fragment, got, m.Key)
		}
	}
	return ours
}

// raw writes a key of ours as the kind of method does.
func (l *ledger) raw(kind string, k pubkey.Key) string {
	b := k.Bytes()
	switch kind {
	case "address":
		return fmt.Sprintf("eip155:%d:0x%x", l.registry.ChainID, b)
	case "Multikey":
		multikey, _ := k.Multikey()
		_, b, _ = multibase.Decode(multikey)
	}
	return hex.EncodeToString(b)
}

func (l *ledger) question(id string) map[string]any {
	n := l.registry
	return map[string]any{"did": id, "rpc": l.rpc, "registry": n.Registry.String(), "chainId": n.ChainID, "name": n.Name}
}

// written gives the methods of both sides as they are written, by fragment.
func (l *ledger) written(t testing.TB, id string) (theirs, ours map[string]jsonMethod) {
	t.Helper()
	var r resolved
	startPeer(t).must(t, &r, "resolve", l.question(id))
	_, resolution := l.ours(t, id, 0)
	text, err := json.Marshal(resolution.Document)
	if err != nil {
		t.Fatal(err)
	}
	read := func(text []byte) map[string]jsonMethod {
		var d struct{ VerificationMethod []jsonMethod }
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		out := map[string]jsonMethod{}
		for _, m := range d.VerificationMethod {
			out[strings.TrimPrefix(m.ID, id+"#")] = m
		}
		return out
	}
	return read(r.DIDDocument), read(text)
}

// relationships gives the members of the peer's document.
func (l *ledger) relationships(t testing.TB, id string) map[string]json.RawMessage {
	t.Helper()
	var r resolved
	startPeer(t).must(t, &r, "resolve", l.question(id))
	var out map[string]json.RawMessage
	if err := json.Unmarshal(r.DIDDocument, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func hexNumber(n uint64) string { return strconv.FormatUint(n, 16) }
