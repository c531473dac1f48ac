package verifier_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
)

// web is a DocumentSource of a few documents, which remembers what was asked.
type web struct {
	documents map[string]string
	asked     []string
}

func (w *web) Document(_ context.Context, url string) ([]byte, error) {
	w.asked = append(w.asked, url)
	if doc, ok := w.documents[url]; ok {
		return []byte(doc), nil
	}
	return nil, errors.New("not found")
}

const metadataAt = "https://registry.example/.well-known/jwt-vc-issuer"

// newHosted is a world whose issuer publishes its key in JWT VC Issuer Metadata.
func newHosted(t testing.TB) (*world, *web) {
	w := newWorld(t)
	src := &web{documents: map[string]string{metadataAt: metadata(site, `"jwks":{"keys":[`+named(w.registry, "key-1")+`]}`)}}
	w.issuer.DIDs, w.issuer.URLs = nil, []string{site}
	w.claims = map[string]any{"iss": site}
	w.kid = "key-1"
	w.config.Documents = src
	return w, src
}

func metadata(issuer, rest string) string { return `{"issuer":"` + issuer + `",` + rest + `}` }

func named(s pubkey.Signer, kid string) string {
	return strings.TrimSuffix(string(s.Public().JWK()), "}") + `,"kid":"` + kid + `"}`
}

func TestCardUnderIssuerMetadata(t *testing.T) {
	w, src := newHosted(t)
	card := w.accepted().Cards[0]
	if card.Issuer != site || card.Mechanism != trust.ByMetadata || card.KeyID != w.registry.Public().Thumbprint() || !slices.Equal(src.asked, []string{metadataAt}) {
		t.Errorf("%+v, asked for %q", card, src.asked)
	}
	// The key set stands elsewhere: at the same host, or at one that the trust entry names.
	for url, hosts := range map[string][]string{
		site + "/keys": nil, "https://keys.example/registry": {"keys.example"}, "https://keys.example:8443/k": {"a.example", "keys.example:8443"},
	} {
		w, src := newHosted(t)
		w.issuer.Hosts = hosts
		src.documents[url] = `{"keys":[` + named(w.other, "key-0") + `,` + named(w.registry, "key-1") + `]}`
		src.documents[metadataAt] = metadata(site, `"jwks_uri":"`+url+`"`)
		w.accepted()
		if !slices.Equal(src.asked, []string{metadataAt, url}) {
			t.Errorf("asked for %q", src.asked)
		}
	}
	// kid is recommended and not required: one key needs no name.
	w, _ = newHosted(t)
	w.header = map[string]any{"kid": nil}
	w.accepted()
}

// Attacks and faults, each by what differs from an acceptable card.
func TestRejectedUnderIssuerMetadata(t *testing.T) {
	thief := generate(t, pubkey.ES256)
	for _, c := range []struct {
		name   string
		change func(w *world, src *web)
		want   verifier.Reason
		asked  int
	}{
		{"StrangersKey", func(w *world, _ *web) { w.signer = thief }, credential.SignatureInvalid, 1},
		{"UnknownKid", func(w *world, _ *web) { w.kid = "key-2" }, verifier.IssuerKeyUnknown, 1},
		{"KidInOtherCase", func(w *world, _ *web) { w.kid = "Key-1" }, verifier.IssuerKeyUnknown, 1},
		{"KidOfADID", func(w *world, _ *web) { w.kid = registry + "#key-1" }, verifier.IssuerKeyUnknown, 1},
		{"DuplicatedKid", func(w *world, src *web) {
			src.documents[metadataAt] = metadata(site, `"jwks":{"keys":[`+named(w.registry, "key-1")+`,`+named(thief, "key-1")+`]}`)
		}, verifier.IssuerKeyAmbiguous, 1},
		{"NoKidAndTwoKeys", func(w *world, src *web) {
			src.documents[metadataAt] = metadata(site, `"jwks":{"keys":[`+named(w.registry, "key-1")+`,`+named(thief, "key-2")+`]}`)
			w.header = map[string]any{"kid": nil}
		}, credential.KeyIDMissing, 1},
		{"KeyForEncryption", func(w *world, src *web) {
			src.documents[metadataAt] = metadata(site, `"jwks":{"keys":[`+strings.Replace(named(w.registry, "key-1"), `"kid"`, `"use":"enc","kid"`, 1)+`]}`)
		}, verifier.IssuerKeyWrongPurpose, 1},
		{"CompromisedKey", func(w *world, _ *web) { w.issuer.Compromised = []string{w.registry.Public().Thumbprint()} }, verifier.IssuerKeyCompromised, 1},
		{"X5cBesideMetadata", func(w *world, _ *web) {
			c := newCertified(w.t)
			c.build()
			w.header = map[string]any{"x5c": c.header["x5c"]}
		}, credential.HeaderForeignKey, 0},
		{"KeyInTheHeader", func(w *world, _ *web) { w.header = map[string]any{"jwk": map[string]any{}} }, credential.HeaderForeignKey, 0},
		{"AddressOfKeysInTheHeader", func(w *world, _ *web) { w.header = map[string]any{"jku": site} }, credential.HeaderForeignKey, 0},
		{"IssuerWithSlash", func(w *world, _ *web) { w.claims["iss"] = site + "/" }, trust.IssuerNotTrusted, 0},
		{"UnknownIssuer", func(w *world, _ *web) { w.claims["iss"] = "https://thief.example" }, trust.IssuerNotTrusted, 0},
		{"TypeOfAnother", func(w *world, _ *web) { w.issuer.Types = []string{"https://registry.example/types/other"} }, trust.TypeNotAccredited, 0},
		{"AnotherNonce", func(w *world, _ *web) { w.kb = map[string]any{"nonce": "x"} }, credential.NonceMismatch, 0},
		{"TrustEntryThatLeadsNowhere", func(w *world, _ *web) {
			w.claims["iss"], w.issuer.URLs = site+"/a/../b", []string{site + "/a/../b"}
		}, credential.IssuerNoURL, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, src := newHosted(t)
			c.change(w, src)
			w.rejected(c.want, true)
			if len(src.asked) != c.asked {
				t.Errorf("asked for %q", src.asked)
			}
		})
	}
}

// A document that cannot be had, or is not as it must be, says nothing about the card; nothing is fetched from where it should not be.
func TestIssuerMetadataThatCannotBeUsed(t *testing.T) {
	elsewhere := func(url string) func(w *world, src *web) {
		return func(w *world, src *web) {
			src.documents[url] = `{"keys":[` + named(w.registry, "key-1") + `]}`
			src.documents[metadataAt] = metadata(site, `"jwks_uri":"`+url+`"`)
		}
	}
	for _, c := range []struct {
		name   string
		change func(w *world, src *web)
		want   verifier.Reason
		asked  int
	}{
		{"NotThere", func(_ *world, src *web) { delete(src.documents, metadataAt) }, verifier.MetadataUnavailable, 1},
		{"NoSource", func(w *world, _ *web) { w.config.Documents = nil }, verifier.MetadataUnavailable, 0},
		{"MetadataOfAnotherIssuer", func(w *world, src *web) {
			src.documents[metadataAt] = metadata("https://thief.example", `"jwks":{"keys":[`+named(w.registry, "key-1")+`]}`)
		}, credential.MetadataOfOther, 1},
		{"ErrorPage", func(_ *world, src *web) { src.documents[metadataAt] = "<html>sign in to the network</html>" }, credential.MetadataMalformed, 1},
		{"PrivateKeyInTheSet", func(w *world, src *web) {
			src.documents[metadataAt] = metadata(site, `"jwks":{"keys":[`+named(w.registry, "key-1")+`,`+strings.Replace(named(w.other, "x"), `"kid"`, `"d":"AA","kid"`, 1)+`]}`)
		}, credential.KeySetMalformed, 1},
		{"SymmetricKeyInTheSet", func(w *world, src *web) {
			src.documents[metadataAt] = metadata(site, `"jwks":{"keys":[`+named(w.registry, "key-1")+`,{"kty":"oct","k":"AAAA"}]}`)
		}, credential.KeySetMalformed, 1},
		{"KeySetAtAnotherHost", elsewhere("https://keys.example/k"), verifier.HostNotAllowed, 1},
		{"KeySetAtAHostThatEndsAlike", elsewhere("https://evil-registry.example/k"), verifier.HostNotAllowed, 1},
		{"KeySetAtASubdomain", elsewhere("https://keys.registry.example/k"), verifier.HostNotAllowed, 1},
		{"KeySetAtAnotherPort", elsewhere("https://registry.example:8443/k"), verifier.HostNotAllowed, 1},
		{"KeySetAtAnAddressWithin", elsewhere("https://169.254.169.254/latest"), verifier.HostNotAllowed, 1},
		{"KeySetNotThere", func(_ *world, src *web) {
			src.documents[metadataAt] = metadata(site, `"jwks_uri":"https://registry.example/k"`)
		}, verifier.MetadataUnavailable, 2},
		{"KeySetIsNone", func(_ *world, src *web) {
			src.documents[metadataAt] = metadata(site, `"jwks_uri":"https://registry.example/k"`)
			src.documents["https://registry.example/k"] = "[]"
		}, credential.KeySetMalformed, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, src := newHosted(t)
			c.change(w, src)
			w.inconclusive(c.want)
			if len(src.asked) != c.asked {
				t.Errorf("asked for %q", src.asked)
			}
		})
	}
}
