package credential

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/khyer/khyer/disclosure"
)

// Reasons for which Type Metadata, or a card that does not keep them, is refused. Sections are of SD-JWT VC. The path of the error is
// that of a property of the document (those that begin with type_) or of a claim.
const (
	TypeUnavailable   disclosure.Reason = "type_metadata_unavailable"        // the source did not give the document
	TypeTooLarge      disclosure.Reason = "type_metadata_too_large"          // over a bound of ParseTypeMetadata (section 3)
	TypeMalformed     disclosure.Reason = "type_metadata_malformed"          // 5.2: no JSON object
	TypeNameMissing   disclosure.Reason = "type_metadata_vct_missing"        // 5.2: vct is required
	TypeNameMismatch  disclosure.Reason = "type_metadata_vct_mismatch"       // 5.3: vct is not that of the reference
	TypeProperty      disclosure.Reason = "type_metadata_property_malformed" // 5.2: name, description, extends, display or claims
	TypeDisplayFault  disclosure.Reason = "type_display_malformed"           // 5.5
	TypeLocale        disclosure.Reason = "type_locale_malformed"            // 5.5, 5.6.2: no language tag
	TypeRendering     disclosure.Reason = "type_rendering_malformed"         // 5.5.1
	TypeRenderingURI  disclosure.Reason = "type_rendering_uri_not_https"     // 5.5.1: neither https: nor data:
	TypeClaim         disclosure.Reason = "type_claim_malformed"             // 5.6: no object, or mandatory is no boolean
	TypeClaimPath     disclosure.Reason = "type_claim_path_malformed"        // 5.6.1
	TypeClaimRepeated disclosure.Reason = "type_claim_repeated"              // two objects for one path, of which readers would take different ones
	TypeClaimDisplay  disclosure.Reason = "type_claim_display_malformed"     // 5.6.2
	TypeClaimSD       disclosure.Reason = "type_claim_sd_unknown"            // 5.6.4: not always, allowed or never
	TypeSVGID         disclosure.Reason = "type_svg_id_malformed"            // 5.6
	TypeSVGIDRepeated disclosure.Reason = "type_svg_id_repeated"             // 5.6
	TypeCircular      disclosure.Reason = "type_extends_circular"            // 7.4
	TypeChainTooLong  disclosure.Reason = "type_extends_too_deep"            // 7.4: more than 8 types in a chain
	TypeChangesSD     disclosure.Reason = "type_extends_changes_sd"          // 5.6.5.1
	TypeDropsClaim    disclosure.Reason = "type_extends_drops_mandatory"     // 5.6.5.1

	IntegrityMalformed   disclosure.Reason = "integrity_malformed"   // 6: no integrity metadata of Subresource Integrity
	IntegrityUnsupported disclosure.Reason = "integrity_unsupported" // 6: no hash that is known
	IntegrityMismatch    disclosure.Reason = "integrity_mismatch"    // 6: the document is another one

	ClaimPathMismatch disclosure.Reason = "claim_path_mismatch"         // 5.6.1.2: the card has no object or no array where the path goes on
	MandatoryMissing  disclosure.Reason = "mandatory_claim_missing"     // 5.6.3
	MustBeConcealed   disclosure.Reason = "claim_must_be_concealed"     // 5.6.4: sd is always
	MustNotBeHidden   disclosure.Reason = "claim_must_not_be_concealed" // 5.6.4: sd is never
)

// TypeMetadata says what cards of one type hold and how they are shown (SD-JWT VC section 5). It is read-only and safe for concurrent
// use. Texts in it were written by whoever published the type: escape them, and bound their length, before showing them
// (section 7.6). Nothing that it refers to is ever fetched by this package.
//
// A document that extends another type shows neither display nor claims, and judges no card, before [ResolveType] has put the other
// under it (section 5.7).
type TypeMetadata struct {
	vct, name, description    string
	extends, extendsIntegrity string
	display                   []TypeDisplay
	claims                    []ClaimMetadata
	hasDisplay, resolved      bool
	rules                     *rule
	nodes                     int // of the tree of rules
}

// TypeDisplay is the display of a type in one language (section 5.5).
type TypeDisplay struct {
	Locale            string // a language tag
	Name, Description string
	// Rendering is the JSON object rendering as received, nil if there is none. Its form and its URIs were checked (section 5.5.1).
	Rendering json.RawMessage
}

// ClaimDisplay is the display of a claim in one language (section 5.6.2).
type ClaimDisplay struct{ Locale, Label, Description string }

// ClaimMetadata is what a type says of one claim, or of all claims that a path with nil selects (section 5.6).
type ClaimMetadata struct {
	Path      disclosure.Path
	Mandatory bool   // the issuer must include it
	SD        string // always, allowed or never selectively disclosable; allowed if the document does not say
	SVGID     string // of the placeholder in SVG templates; empty if there is none

	display                         []ClaimDisplay
	hasDisplay, hasMandatory, hasSD bool
}

// Type returns the vct that the document describes.
func (t *TypeMetadata) Type() string { return t.vct }

// Name returns the name and the description, which are meant for developers. Both may be empty.
func (t *TypeMetadata) Name() (name, description string) { return t.name, t.description }

// Extends returns the type that this one extends, and the integrity metadata for its document; empty if there is none. To extend a
// type gives nobody the right to issue it (section 7.7).
func (t *TypeMetadata) Extends() (vct, integrity string) { return t.extends, t.extendsIntegrity }

// Display returns the display in the language that fits locale best: by Lookup of RFC 4647 section 3.4, then one that is more special
// than locale or a part of it, then the first. ok is false if the type has no display.
func (t *TypeMetadata) Display(locale string) (d TypeDisplay, ok bool) {
	if !t.resolved {
		return d, false
	}
	d, ok = choose(t.display, locale, func(d TypeDisplay) string { return d.Locale })
	d.Rendering = slices.Clone(d.Rendering)
	return d, ok
}

// Locales returns the language tags of the type's display, in the order of the document.
func (t *TypeMetadata) Locales() (tags []string) {
	if t.resolved {
		for _, d := range t.display {
			tags = append(tags, d.Locale)
		}
	}
	return tags
}

// Claims returns what the type says of claims, those of the type that it extends first. The caller may change the list.
func (t *TypeMetadata) Claims() []ClaimMetadata {
	if !t.resolved {
		return nil
	}
	out := slices.Clone(t.claims)
	for i := range out {
		out[i].Path = slices.Clone(out[i].Path)
	}
	return out
}

// Display returns the display of the claim in the language that fits locale best, as TypeMetadata.Display does.
func (c ClaimMetadata) Display(locale string) (ClaimDisplay, bool) {
	return choose(c.display, locale, func(d ClaimDisplay) string { return d.Locale })
}

// choose finds the best entry for a language.
func choose[T any](list []T, want string, tag func(T) string) (best T, ok bool) {
	if len(list) == 0 {
		return best, false
	}
	for r := want; r != ""; r = shorter(r) {
		for _, e := range list {
			if strings.EqualFold(tag(e), r) {
				return e, true
			}
		}
	}
	for r := want; r != ""; r = shorter(r) {
		for _, e := range list {
			if t := tag(e); len(t) > len(r) && t[len(r)] == '-' && strings.EqualFold(t[:len(r)], r) {
				return e, true
			}
		}
	}
	return list[0], true
}

// shorter cuts the last subtag off. A single letter that introduced it may stay: no language tag ends with one, so that none is found.
func shorter(tag string) string { return tag[:max(0, strings.LastIndexByte(tag, '-'))] }

// languageTag is the grammar of RFC 5646 section 2.1: language, script, region, variants, extensions, private use; or private use
// alone; or one of the old registrations that keep to no rule.
var languageTag = regexp.MustCompile(`(?i)^(` +
	`([a-z]{2,3}(-[a-z]{3}){0,3}|[a-z]{4,8})(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*` +
	`(-[0-9a-wyz](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?` +
	`|x(-[a-z0-9]{1,8})+` +
	`|en-gb-oed|i-(ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|sgn-(be-fr|be-nl|ch-de))$`)

func isLanguageTag(s string) bool { return len(s) <= 100 && languageTag.MatchString(s) }
