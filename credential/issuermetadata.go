package credential

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Reasons why JWT VC Issuer Metadata (SD-JWT VC section 4) is of no use. Those about documents say nothing about a card.
const (
	IssuerNoURL       disclosure.Reason = "iss_not_an_https_url"               // section 4: iss does not lead to metadata
	MetadataMalformed disclosure.Reason = "issuer_metadata_malformed"          // section 4.2: no JSON of its form, or both or none of jwks and jwks_uri
	MetadataOfOther   disclosure.Reason = "issuer_metadata_names_other_issuer" // section 4.3: issuer is not iss
	KeySetMalformed   disclosure.Reason = "issuer_jwks_malformed"              // RFC 7517 section 5: no key set, or one with a private or symmetric key
)

// Bounds of documents.
const (
	maxMetadata = 256 << 10
	maxKeys     = 100
)

const wellKnownIssuer = "/.well-known/jwt-vc-issuer"

// IssuerMetadataURL returns where the metadata of an issuer is (SD-JWT VC sections 4 and 4.1): the well-known string stands between
// host and path, without a "/" at the end. iss is an https URL of host, port and path; it is taken byte for byte. The error is
// IssuerNoURL, also for a path with empty or dot segments, which would lead elsewhere.
func IssuerMetadataURL(iss string) (string, error) {
	rest, ok := strings.CutPrefix(iss, "https://")
	if _, good := httpsHost(iss); !ok || !good || strings.ContainsAny(iss, "?#") {
		return "", fail(IssuerNoURL)
	}
	host, path := rest, ""
	if n := strings.IndexByte(rest, '/'); n >= 0 {
		host, path = rest[:n], strings.TrimSuffix(rest[n:], "/")
	}
	for n, segment := range strings.Split(path, "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil || plain == "." || plain == ".." || n > 0 && plain == "" || strings.ContainsAny(plain, "/\\") {
			return "", fail(IssuerNoURL)
		}
	}
	return "https://" + host + wellKnownIssuer + path, nil
}

// httpsHost returns the host of an https URL in ASCII, in lower case, with the port if it is not 443; ok is false for everything else,
// and with a user name.
func httpsHost(s string) (host string, ok bool) {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return "", false
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || strings.HasSuffix(u.Host, ":") {
		return "", false
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return "", false
		}
	}
	return strings.TrimSuffix(strings.ToLower(u.Host), ":443"), true
}

// IssuerMetadata is a JWT VC Issuer Metadata document: its keys, or where they are.
type IssuerMetadata struct {
	// Keys are the keys in jwks; nil if the document has jwks_uri instead.
	Keys *IssuerKeys
	// KeysURL is jwks_uri, an https URL; empty if the document has jwks. Nothing was fetched.
	KeysURL string
	// OtherHost is the host of KeysURL if that is not the host of iss: in lower case, with the port if it is not 443. The caller decides
	// whether the issuer may have its keys there.
	OtherHost string
}

// ParseIssuerMetadata reads the metadata document of iss, which must say that it is iss's (SD-JWT VC sections 4.2 and 4.3). Members that
// are not known are ignored. At most 256 KiB are read. Errors are *disclosure.Error with MetadataMalformed, MetadataOfOther or
// KeySetMalformed.
func ParseIssuerMetadata(document []byte, iss string) (*IssuerMetadata, error) {
	v, err := strictjson.Parse(document, strictjson.Limits{Bytes: maxMetadata, Depth: 16})
	if err != nil || v.Kind() != strictjson.Object {
		return nil, fail(MetadataMalformed)
	}
	issuer, ok := v.Get("issuer").Text()
	switch {
	case !ok:
		return nil, fail(MetadataMalformed)
	case issuer != iss:
		return nil, fail(MetadataOfOther)
	case v.Get("jwks").Exists() == v.Get("jwks_uri").Exists():
		return nil, fail(MetadataMalformed)
	}
	if set := v.Get("jwks"); set.Exists() {
		keys, err := readKeySet(set)
		if err != nil {
			return nil, err
		}
		return &IssuerMetadata{Keys: keys}, nil
	}
	m := &IssuerMetadata{}
	m.KeysURL, _ = v.Get("jwks_uri").Text()
	host, ok := httpsHost(m.KeysURL)
	if !ok || strings.Contains(m.KeysURL, "#") {
		return nil, fail(MetadataMalformed)
	}
	if own, _ := httpsHost(iss); host != own {
		m.OtherHost = host
	}
	return m, nil
}

// IssuerKeys are the public keys of a key set. It is read-only and safe for concurrent use.
type IssuerKeys struct{ keys []namedKey }

type namedKey struct {
	kid string // may be empty
	key pubkey.Key
}

// ParseIssuerKeys reads a JWK Set (RFC 7517 section 5), as jwks_uri leads to, of at most 256 KiB and 100 keys. Keys that are not
// understood are left out, as that section wants: those of a type, curve or algorithm that is not in use here, those over 8 KiB, and
// those that lack a member, have one out of its range, or a kid that is no string. But a private or symmetric key makes the whole set
// useless: who publishes one has lost control of the set. Errors are *disclosure.Error with KeySetMalformed.
func ParseIssuerKeys(set []byte) (*IssuerKeys, error) {
	v, err := strictjson.Parse(set, strictjson.Limits{Bytes: maxMetadata, Depth: 16})
	if err != nil {
		return nil, fail(KeySetMalformed)
	}
	return readKeySet(v)
}

func readKeySet(v strictjson.Value) (*IssuerKeys, error) {
	list := v.Get("keys")
	if list.Kind() != strictjson.Array || list.Len() > maxKeys {
		return nil, fail(KeySetMalformed)
	}
	out := &IssuerKeys{make([]namedKey, 0, list.Len())}
	for e := range list.Elements() {
		key, err := pubkey.ParseJWK(e.Raw())
		if e.Kind() != strictjson.Object || errors.Is(err, pubkey.PrivateMember) {
			return nil, fail(KeySetMalformed)
		}
		k := namedKey{key: key}
		kid := e.Get("kid")
		if k.kid, _ = kid.Text(); err != nil || kid.Exists() && kid.Kind() != strictjson.String {
			continue
		}
		out.keys = append(out.keys, k)
	}
	return out, nil
}

// Find returns the keys whose kid is exactly that; more than one means that the kid tells nothing. For a card without kid, which section
// 4.2 allows, it returns all keys for signatures: with one of them there is no doubt which is meant. A key that is found by its kid may
// be one for another use; it verifies nothing.
func (k *IssuerKeys) Find(kid string) []pubkey.Key {
	var out []pubkey.Key
	for _, e := range k.keys {
		if kid == "" && len(e.key.Algorithms()) > 0 || kid != "" && e.kid == kid {
			out = append(out, e.key)
		}
	}
	return out
}
