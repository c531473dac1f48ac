package credential

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// TypeSource gives Type Metadata documents: the bytes as they were received, about which it need not decide anything. Whether they
// are the ones that were meant is checked here and not by each source, so that a source cannot forget it. integrity is what the
// reference says of the document, empty if it says nothing; a source may use it as the key of a cache (section 5.3.4). Any error means that the
// document could not be had. A source is safe for concurrent use.
type TypeSource interface {
	TypeMetadata(ctx context.Context, vct, integrity string) ([]byte, error)
}

// TypeDocuments is a TypeSource in memory, from vct to the document's bytes: for offline deployments, tests and whoever has a type
// registry of his own. It must not be changed while it is in use.
type TypeDocuments map[string][]byte

// TypeMetadata returns the document of vct, or TypeUnavailable.
func (d TypeDocuments) TypeMetadata(_ context.Context, vct, _ string) ([]byte, error) {
	if doc, ok := d[vct]; ok {
		return doc, nil
	}
	return nil, TypeUnavailable
}

// maxChain bounds how many types stand in one chain of extends, the first one included.
const maxChain = 8

// ResolveType gets the metadata of a type and of every type that it extends from src, checks each document against the integrity
// metadata of what refers to it (empty: none), and puts them together (SD-JWT VC sections 5.3 to 5.6). Errors are *disclosure.Error, or wrap
// TypeUnavailable and what the source said.
func ResolveType(ctx context.Context, src TypeSource, vct, integrity string) (*TypeMetadata, error) {
	if src == nil || vct == "" {
		return nil, fail(CallerFault)
	}
	var chain []*TypeMetadata
	seen := map[string]bool{}
	for next, hash := vct, integrity; next != ""; {
		switch {
		case seen[next]:
			return nil, fail(TypeCircular)
		case len(chain) == maxChain:
			return nil, fail(TypeChainTooLong)
		}
		seen[next] = true
		t, err := getType(ctx, src, next, hash)
		if err != nil {
			return nil, err
		}
		chain = append(chain, t)
		next, hash = t.extends, t.extendsIntegrity
	}
	t := chain[len(chain)-1]
	for i := len(chain) - 2; i >= 0; i-- { // the extended type before the extending one (section 5.4)
		if err := chain[i].extend(t); err != nil {
			return nil, err
		}
		t = chain[i]
	}
	t.finish()
	return t, nil
}

// ResolveType is the function of that name for the type of a card, with the integrity metadata that the issuer signed in
// vct#integrity.
func (v *Verified) ResolveType(ctx context.Context, src TypeSource) (*TypeMetadata, error) {
	if v == nil || v.Body == nil {
		return nil, fail(CallerFault)
	}
	integrity, err := readIntegrity(v.Body.Payload(strictjson.Inside{}), "vct#integrity")
	if err != nil {
		return nil, err
	}
	return ResolveType(ctx, src, v.Type, integrity)
}

// getType believes nothing of a document before its hash was checked.
func getType(ctx context.Context, src TypeSource, vct, integrity string) (*TypeMetadata, error) {
	if integrity != "" && !isIntegrity(integrity) {
		return nil, fail(IntegrityMalformed)
	}
	raw, err := src.TypeMetadata(ctx, vct, integrity)
	if err != nil || len(raw) == 0 {
		return nil, &unavailable{err}
	}
	if len(raw) > typeBytes {
		return nil, fail(TypeTooLarge)
	}
	if integrity != "" {
		if err := checkIntegrity(raw, integrity); err != nil {
			return nil, err
		}
	}
	t, err := ParseTypeMetadata(raw)
	if err == nil && t.vct != vct {
		return nil, fail(TypeNameMismatch)
	}
	return t, err
}

// unavailable keeps what the source said.
type unavailable struct{ err error }

func (e *unavailable) Error() string {
	if e.err == nil || e.err == error(TypeUnavailable) {
		return "credential: " + string(TypeUnavailable)
	}
	return "credential: " + string(TypeUnavailable) + ": " + e.err.Error()
}

func (e *unavailable) Unwrap() []error {
	if e.err == nil {
		return []error{TypeUnavailable}
	}
	return []error{TypeUnavailable, e.err}
}

// extend puts t over base (sections 5.5.2 and 5.6.5).
func (t *TypeMetadata) extend(base *TypeMetadata) error {
	if !t.hasDisplay {
		t.display, t.hasDisplay = base.display, base.hasDisplay
	}
	own := make(map[string]int, len(t.claims))
	for i, c := range t.claims {
		own[c.Path.String()] = i
	}
	merged := make([]ClaimMetadata, 0, len(base.claims)+len(t.claims))
	taken := make([]bool, len(t.claims))
	for _, b := range base.claims {
		if i, ok := own[b.Path.String()]; ok {
			if err := t.claims[i].override(&b); err != nil {
				return err
			}
			taken[i] = true
		}
		merged = append(merged, b)
	}
	for i, c := range t.claims {
		if !taken[i] {
			merged = append(merged, c)
		}
	}
	if len(merged) > typeClaims {
		return failAt(TypeTooLarge, "claims")
	}
	t.claims = merged
	return t.checkSVGIDs()
}

// override puts the properties that c has in the place of those of base, which must not be loosened (section 5.6.5.1).
func (c ClaimMetadata) override(base *ClaimMetadata) error {
	if c.hasSD {
		if base.SD != "allowed" && base.SD != c.SD {
			return &disclosure.Error{Reason: TypeChangesSD, Path: c.Path}
		}
		base.SD = c.SD
	}
	if c.hasMandatory {
		if base.Mandatory && !c.Mandatory {
			return &disclosure.Error{Reason: TypeDropsClaim, Path: c.Path}
		}
		base.Mandatory = c.Mandatory
	}
	if c.hasDisplay {
		base.display = c.display
	}
	if c.SVGID != "" {
		base.SVGID = c.SVGID
	}
	return nil
}

// Integrity returns the integrity metadata of a document, for vct#integrity or extends#integrity: its SHA-256 hash.
func Integrity(document []byte) string {
	sum := sha256.Sum256(document)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// readIntegrity reads a #integrity member that may be absent (section 6). An empty one is a fault: it would turn the check off.
func readIntegrity(v strictjson.Value, name string) (string, error) {
	e := v.Get(name)
	if !e.Exists() {
		return "", nil
	}
	s, _ := e.Text()
	if !isIntegrity(s) {
		return "", failAt(IntegrityMalformed, name)
	}
	return s, nil
}

// hashes are the hash functions of Subresource Integrity, the strongest first.
var hashes = []struct {
	name string
	sum  func([]byte) []byte
}{
	{"sha512", func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }},
	{"sha384", func(b []byte) []byte { s := sha512.Sum384(b); return s[:] }},
	{"sha256", func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
}

// isIntegrity tells whether s is integrity metadata: hash expressions with white space between them. What stands behind the name of
// a hash that is not known is not looked at.
func isIntegrity(s string) bool {
	expressions := integrityExpressions(s)
	for _, e := range expressions {
		hash, value, ok := splitExpression(e)
		if !ok {
			return false
		}
		for _, h := range hashes {
			if h.name == hash && !isBase64Value(value) {
				return false
			}
		}
	}
	return len(expressions) > 0
}

func integrityExpressions(s string) []string {
	if len(s) > 4096 {
		return nil
	}
	return strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' })
}

// splitExpression takes hash-value?options apart. Options have no meaning yet and are ignored. Names of hashes are literals of an ABNF and so
// without case.
func splitExpression(e string) (hash, value string, ok bool) {
	for i := range len(e) {
		if e[i] < '!' || e[i] > '~' {
			return "", "", false
		}
	}
	e, _, _ = strings.Cut(e, "?")
	hash, value, ok = strings.Cut(e, "-")
	return strings.ToLower(hash), value, ok && hash != "" && value != ""
}

// isBase64Value: base64 letters and at most two = behind them.
func isBase64Value(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		switch c := body[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
		default:
			return false
		}
	}
	return body != "" && len(s)-len(body) <= 2
}

var rawBase64 = base64.RawStdEncoding.Strict()

// checkIntegrity holds the bytes that were received against integrity metadata: of the expressions with the strongest hash, any
// may match (section 6).
func checkIntegrity(document []byte, integrity string) error {
	expressions := integrityExpressions(integrity)
	for _, h := range hashes {
		var sum []byte
		for _, e := range expressions {
			hash, value, _ := splitExpression(e)
			if hash != h.name {
				continue
			}
			if sum == nil {
				sum = h.sum(document)
			}
			if want, err := rawBase64.DecodeString(strings.TrimRight(value, "=")); err == nil && bytes.Equal(want, sum) {
				return nil
			}
		}
		if sum != nil {
			return fail(IntegrityMismatch)
		}
	}
	return fail(IntegrityUnsupported)
}
