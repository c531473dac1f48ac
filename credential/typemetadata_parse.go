package credential

import (
	"errors"
	"net/url"
	"strings"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
)

// Bounds of a Type Metadata document (section 3: retrieval is size-bound, and the content is validated before it is processed).
const (
	typeBytes   = 1 << 20 // logos may be in it, as data: URIs
	typeDepth   = 16
	typeClaims  = 1000 // also of a type with all that it extends
	typeLocales = 200
	typePath    = 64 // elements of a path
)

// ParseTypeMetadata reads one Type Metadata document as it was received (SD-JWT VC section 5.2): at most 1 MiB, 1,000 claims, 200 languages each,
// 16 levels. Properties that are not known are ignored. Whether the document is the one that a card means is for [ResolveType] to
// say. Errors are *disclosure.Error.
func ParseTypeMetadata(raw []byte) (*TypeMetadata, error) {
	if len(raw) > typeBytes {
		return nil, fail(TypeTooLarge)
	}
	v, err := strictjson.Parse(raw, strictjson.Limits{Bytes: typeBytes, Depth: typeDepth})
	if e := (*strictjson.Error)(nil); errors.As(err, &e) && e.Reason == strictjson.TooDeep {
		return nil, fail(TypeTooLarge)
	}
	if err != nil || v.Kind() != strictjson.Object {
		return nil, fail(TypeMalformed)
	}
	t := &TypeMetadata{}
	if t.vct, _ = v.Get("vct").Text(); t.vct == "" {
		return nil, fail(TypeNameMissing)
	}
	switch {
	case !optionalText(v.Get("name"), &t.name):
		return nil, failAt(TypeProperty, "name")
	case !optionalText(v.Get("description"), &t.description):
		return nil, failAt(TypeProperty, "description")
	case !optionalText(v.Get("extends"), &t.extends), v.Get("extends").Exists() && !isURI(t.extends):
		return nil, failAt(TypeProperty, "extends")
	}
	if t.extendsIntegrity, err = readIntegrity(v, "extends#integrity"); err != nil {
		return nil, err
	}
	if err := t.readDisplay(v.Get("display")); err != nil {
		return nil, err
	}
	if err := t.readClaims(v.Get("claims")); err != nil {
		return nil, err
	}
	if t.extends == "" {
		t.finish()
	}
	return t, nil
}

// faultAt names a property of the document.
func faultAt(r disclosure.Reason, p ...any) error { return &disclosure.Error{Reason: r, Path: p} }

// optionalText reads a string that may be absent.
func optionalText(v strictjson.Value, into *string) (ok bool) {
	if !v.Exists() {
		return true
	}
	*into, ok = v.Text()
	return ok
}

// requiredText reads a string that must be there and say something.
// localeOf returns the language of a display. Drafts before 12, one of which OpenID4VP 1.0 pins, call it lang.
func localeOf(display strictjson.Value) strictjson.Value {
	if v := display.Get("locale"); v.Exists() {
		return v
	}
	return display.Get("lang")
}

func requiredText(v strictjson.Value, into *string) bool {
	*into, _ = v.Text()
	return *into != ""
}

// isURI tells whether s is a URI as RFC 3986 section 4.3 has it: with a scheme, in ASCII, without white space.
func isURI(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs()
}

// isRenderingURI tells whether s may be the uri of a logo, an image or a template.
func isRenderingURI(s string) bool {
	if len(s) > 5 && strings.EqualFold(s[:5], "data:") {
		return true // its content is what a renderer has to mistrust (section 7.9); here it is carried
	}
	u, err := url.Parse(s)
	return isURI(s) && err == nil && u.Scheme == "https" && u.Hostname() != ""
}

func (t *TypeMetadata) readDisplay(v strictjson.Value) error {
	if !v.Exists() {
		return nil
	}
	if v.Kind() != strictjson.Array {
		return failAt(TypeProperty, "display")
	}
	if v.Len() > typeLocales {
		return failAt(TypeTooLarge, "display")
	}
	t.hasDisplay = true
	t.display = make([]TypeDisplay, 0, v.Len())
	i := 0
	for e := range v.Elements() {
		var d TypeDisplay
		if !requiredText(localeOf(e), &d.Locale) || !requiredText(e.Get("name"), &d.Name) || !optionalText(e.Get("description"), &d.Description) {
			return faultAt(TypeDisplayFault, "display", i)
		}
		if !isLanguageTag(d.Locale) {
			return faultAt(TypeLocale, "display", i, "locale")
		}
		if r := e.Get("rendering"); r.Exists() {
			if err := checkRendering(r, disclosure.Path{"display", i, "rendering"}); err != nil {
				return err
			}
			d.Rendering = append(d.Rendering, r.Raw()...)
		}
		t.display = append(t.display, d)
		i++
	}
	return nil
}

// checkRendering checks the two rendering methods of section 5.5.1; others are not understood and therefore ignored.
func checkRendering(v strictjson.Value, at disclosure.Path) error {
	if v.Kind() != strictjson.Object {
		return faultAt(TypeRendering, at...)
	}
	if s := v.Get("simple"); s.Exists() {
		var colour string
		if s.Kind() != strictjson.Object || !optionalText(s.Get("background_color"), &colour) || !optionalText(s.Get("text_color"), &colour) {
			return faultAt(TypeRendering, append(at, "simple")...)
		}
		for _, name := range []string{"logo", "background_image"} {
			if image := s.Get(name); image.Exists() {
				if err := checkResource(image, append(at, "simple", name)); err != nil {
					return err
				}
			}
		}
	}
	if s := v.Get("svg_templates"); s.Exists() {
		return checkTemplates(s, append(at, "svg_templates"))
	}
	return nil
}

// checkResource checks an object that points to an image or a template. Its integrity metadata are checked for their form alone: who fetches the resource
// checks it, and a digest of the wrong length matches nothing.
func checkResource(v strictjson.Value, at disclosure.Path) error {
	var uri, alt string
	if v.Kind() != strictjson.Object || !requiredText(v.Get("uri"), &uri) || !optionalText(v.Get("alt_text"), &alt) {
		return faultAt(TypeRendering, at...)
	}
	if !isRenderingURI(uri) {
		return faultAt(TypeRenderingURI, append(at, "uri")...)
	}
	if _, err := readIntegrity(v, "uri#integrity"); err != nil {
		return faultAt(IntegrityMalformed, append(at, "uri#integrity")...)
	}
	return nil
}

// templateProperties are the properties of an SVG template, each with its two values (section 5.5.1.2.1).
var templateProperties = [][3]string{
	{"orientation", "portrait", "landscape"}, {"color_scheme", "light", "dark"}, {"contrast", "normal", "high"},
}

func checkTemplates(v strictjson.Value, at disclosure.Path) error {
	if v.Kind() != strictjson.Array {
		return faultAt(TypeRendering, at...)
	}
	i := 0
	for e := range v.Elements() {
		here := append(at, i)
		if err := checkResource(e, here); err != nil {
			return err
		}
		p := e.Get("properties")
		if p.Exists() || v.Len() > 1 {
			found := 0
			for _, known := range templateProperties {
				if s := p.Get(known[0]); s.Exists() {
					found++
					if !s.Is(known[1]) && !s.Is(known[2]) {
						return faultAt(TypeRendering, append(here, "properties", known[0])...)
					}
				}
			}
			if found == 0 {
				return faultAt(TypeRendering, append(here, "properties")...)
			}
		}
		i++
	}
	return nil
}

func (t *TypeMetadata) readClaims(v strictjson.Value) error {
	if !v.Exists() {
		return nil
	}
	if v.Kind() != strictjson.Array {
		return failAt(TypeProperty, "claims")
	}
	if v.Len() > typeClaims {
		return failAt(TypeTooLarge, "claims")
	}
	t.claims = make([]ClaimMetadata, 0, v.Len())
	paths := make(map[string]bool, v.Len())
	i := 0
	for e := range v.Elements() {
		c, err := readClaim(e, i)
		if err != nil {
			return err
		}
		key := c.Path.String()
		if paths[key] {
			return faultAt(TypeClaimRepeated, "claims", i, "path")
		}
		paths[key] = true
		t.claims = append(t.claims, c)
		i++
	}
	return t.checkSVGIDs()
}

func (t *TypeMetadata) checkSVGIDs() error {
	ids := map[string]bool{}
	for i, c := range t.claims {
		if c.SVGID != "" && ids[c.SVGID] {
			return faultAt(TypeSVGIDRepeated, "claims", i, "svg_id")
		}
		ids[c.SVGID] = true
	}
	return nil
}

func readClaim(v strictjson.Value, i int) (c ClaimMetadata, err error) {
	if v.Kind() != strictjson.Object {
		return c, faultAt(TypeClaim, "claims", i)
	}
	if c.Path.UnmarshalJSON(v.Get("path").Raw()) != nil {
		return c, faultAt(TypeClaimPath, "claims", i, "path")
	}
	if len(c.Path) > typePath {
		return c, faultAt(TypeTooLarge, "claims", i, "path")
	}
	c.SD = "allowed"
	if sd := v.Get("sd"); sd.Exists() {
		c.hasSD = true
		if c.SD, _ = sd.Text(); c.SD != "always" && c.SD != "allowed" && c.SD != "never" {
			return c, faultAt(TypeClaimSD, "claims", i, "sd")
		}
	}
	if m := v.Get("mandatory"); m.Exists() {
		if c.Mandatory, c.hasMandatory = m.Bool(); !c.hasMandatory {
			return c, faultAt(TypeClaim, "claims", i, "mandatory")
		}
	}
	if id := v.Get("svg_id"); id.Exists() {
		if c.SVGID, _ = id.Text(); !isSVGID(c.SVGID) {
			return c, faultAt(TypeSVGID, "claims", i, "svg_id")
		}
	}
	c.display, err = readClaimDisplay(v.Get("display"), i)
	c.hasDisplay = v.Get("display").Exists()
	return c, err
}

// isSVGID: letters, digits and underscores, no digit first.
func isSVGID(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '_', c|0x20 >= 'a' && c|0x20 <= 'z', i > 0 && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return s != ""
}

func readClaimDisplay(v strictjson.Value, claim int) (out []ClaimDisplay, err error) {
	if !v.Exists() {
		return nil, nil
	}
	if v.Kind() != strictjson.Array {
		return nil, faultAt(TypeClaimDisplay, "claims", claim, "display")
	}
	if v.Len() > typeLocales {
		return nil, faultAt(TypeTooLarge, "claims", claim, "display")
	}
	i := 0
	for e := range v.Elements() {
		var d ClaimDisplay
		if !requiredText(localeOf(e), &d.Locale) || !requiredText(e.Get("label"), &d.Label) || !optionalText(e.Get("description"), &d.Description) {
			return nil, faultAt(TypeClaimDisplay, "claims", claim, "display", i)
		}
		if !isLanguageTag(d.Locale) {
			return nil, faultAt(TypeLocale, "claims", claim, "display", i, "locale")
		}
		out = append(out, d)
		i++
	}
	return out, nil
}
