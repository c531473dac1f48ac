package main

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strconv"
	"strings"
)

// Sections of SD-JWT VC about type metadata.
const (
	secType       = "SD-JWT VC 5.2"
	secTypeOfCard = "SD-JWT VC 5.3"
	secExtends    = "SD-JWT VC 5.4, 5.6.5"
	secDisplay    = "SD-JWT VC 5.5"
	secRendering  = "SD-JWT VC 5.5.1"
	secLogo       = "SD-JWT VC 5.5.1.1.1"
	secBackground = "SD-JWT VC 5.5.1.1.2"
	secTemplates  = "SD-JWT VC 5.5.1.2"
	secProperties = "SD-JWT VC 5.5.1.2.1"
	secClaims     = "SD-JWT VC 5.6"
	secClaimPath  = "SD-JWT VC 5.6.1"
	secPathSteps  = "SD-JWT VC 5.6.1.2, 5.6, 5.7"
	secClaimLabel = "SD-JWT VC 5.6.2"
	secMandatory  = "SD-JWT VC 5.6.3, 5.6, 5.7"
	secSelective  = "SD-JWT VC 5.6.4, 5.6, 5.7"
	secKeptWhole  = "SD-JWT VC 5.7, 5.4"
	secLoosened   = "SD-JWT VC 5.6.5.1"
	secIntegrity  = "SD-JWT VC 6"
	secCircle     = "SD-JWT VC 7.4"
)

const (
	baseType  = "https://registry.example/types/anybody"
	rootType  = "urn:example:being"
	nameClaim = `{"path":["full_name"],"sd":"always","mandatory":true,"display":[{"locale":"en","label":"Name"},{"locale":"dz","label":"མིང་"}],"svg_id":"full_name"}`
)

// typeOf makes the metadata of a type.
func typeOf(name string, more ...member) members {
	return append(members{{"vct", quote(name)}, {"name", `"Invented"`}}, more...)
}

func integrity(hash, document string) string {
	var sum []byte
	switch hash {
	case "sha512":
		s := sha512.Sum512([]byte(document))
		sum = s[:]
	case "sha384":
		s := sha512.Sum384([]byte(document))
		sum = s[:]
	default:
		s := sha256.Sum256([]byte(document))
		sum = s[:]
	}
	return hash + "-" + base64.StdEncoding.EncodeToString(sum)
}

// typed makes a scene whose verifier asks for type metadata.
func (g *generator) typed(fault, section, why string, expect members, change func(s *scene, doc *members)) {
	g.scene("type-"+fault, section, why, expect, func(s *scene) {
		doc := typeOf(vct, member{"display", `[{"locale":"en","name":"Person"},{"locale":"dz","name":"མི་"}]`}, member{"claims", `[` + nameClaim + `]`})
		change(s, &doc)
		if !s.types.has(vct) {
			s.types = append(s.types, member{vct, quote(doc.text())})
		}
	})
}

func (s *scene) extended(name string, more ...member) {
	s.types = append(s.types, member{name, quote(typeOf(name, more...).text())})
}

// typeMetadata: cards and their types.
func (g *generator) typeMetadata() {
	g.typeDocuments()
	g.typeRendering()
	g.typeClaims()
	g.typeRules()
	g.typeExtensions()
	g.typeIntegrity()
}

func (g *generator) typeDocuments() {
	g.typed("kept", secKeptWhole, "a card that keeps the rules of its type", accept(), func(*scene, *members) {})
	g.typed("with-unknown-properties", secType, "what is not understood is ignored", accept(), func(_ *scene, doc *members) {
		doc.set("office", `{"desk":4}`)
		doc.set("claims", `[`+with(nameClaim, "office", `4`)+`]`)
		doc.set("display", `[{"locale":"en","name":"Person","office":4,"rendering":{"holograms":7}}]`)
	})
	whole := func(fault, why, reason, text string) {
		section := map[bool]string{true: "SD-JWT VC 3", false: secType}[reason == "type_metadata_too_large"]
		g.typed(fault, section, why, known(reason), func(s *scene, _ *members) { s.types = members{{vct, quote(text)}} })
	}
	whole("metadata-is-an-array", "type metadata is a JSON object", "type_metadata_malformed", `[]`)
	whole("metadata-no-json", "type metadata is a JSON object", "type_metadata_malformed", `vct=`+vct)
	whole("metadata-duplicate-member", "two readers would see two types", "type_metadata_malformed", `{"vct":`+quote(vct)+`,"vct":`+quote(vct)+`}`)
	whole("metadata-too-deep", "17 levels: a bound of this library", "type_metadata_too_large", `{"vct":`+quote(vct)+`,"x":`+strings.Repeat(`[`, 16)+strings.Repeat(`]`, 16)+`}`)
	many := func(fault, why, name string, n int, element func(i int) string) {
		g.typed(fault, "SD-JWT VC 3", why+": a bound of this library", known("type_metadata_too_large"), func(_ *scene, doc *members) {
			elements := make([]string, n)
			for i := range elements {
				elements[i] = element(i)
			}
			doc.set(name, `[`+strings.Join(elements, ",")+`]`)
		})
	}
	many("too-many-claims", "1,001 claims", "claims", 1001, func(i int) string { return `{"path":["c` + strconv.Itoa(i) + `"]}` })
	many("too-many-languages", "201 languages", "display", 201, func(i int) string { return `{"locale":"x-` + strconv.Itoa(i) + `","name":"P"}` })
	many("claim-path-too-long", "65 elements", "claims", 1, func(int) string { return `{"path":["c"` + strings.Repeat(`,0`, 64) + `]}` })
	g.typed("vct-absent", secType, "vct is required", known("type_metadata_vct_missing"), func(_ *scene, doc *members) { doc.drop("vct") })
	g.typed("vct-is-a-number", secType, "vct is a string", known("type_metadata_vct_missing"), func(_ *scene, doc *members) { doc.set("vct", `1`) })
	g.typed("vct-of-another", secTypeOfCard, "the document of another type", known("type_metadata_vct_mismatch"), func(_ *scene, doc *members) { doc.set("vct", quote(baseType)) })
	g.typed("vct-in-another-case", secTypeOfCard, "types are compared byte for byte", known("type_metadata_vct_mismatch"), func(_ *scene, doc *members) {
		doc.set("vct", quote(strings.ToUpper(vct)))
	})
	for name, value := range map[string]string{"name": `1`, "description": `{}`, "extends": `["urn:example:being"]`, "display": `{}`, "claims": `{"full_name":{}}`} {
		section := map[bool]string{true: secClaims, false: secType}[name == "claims"]
		g.typed(name+"-of-another-kind", section, "a property of the wrong JSON type", known("type_metadata_property_malformed"), func(_ *scene, doc *members) { doc.set(name, value) })
	}
	g.typed("extends-no-uri", secType, "extends is a URI", known("type_metadata_property_malformed"), func(_ *scene, doc *members) { doc.set("extends", `"anybody"`) })
	display := func(fault, why, reason, value string) {
		g.typed("display-"+fault, secDisplay, why, known(reason), func(_ *scene, doc *members) { doc.set("display", value) })
	}
	display("locale-absent", "locale is required", "type_display_malformed", `[{"name":"Person"}]`)
	display("name-absent", "name is required", "type_display_malformed", `[{"locale":"en"}]`)
	display("locale-no-language-tag", "locale is a language tag", "type_locale_malformed", `[{"locale":"English (British)","name":"Person"}]`)
	display("is-a-string", "a display is an object", "type_display_malformed", `["Person"]`)
	g.scene("type-metadata-unavailable", "SD-JWT VC 5.7", "nobody has the metadata: never accepted, and worth another try", inconclusive("type_metadata_unavailable"), func(s *scene) {
		s.types = members{{baseType, quote(typeOf(baseType).text())}}
	})
	g.typed("extended-metadata-unavailable", secKeptWhole, "metadata are processed whole or not at all", inconclusive("type_metadata_unavailable"), func(_ *scene, doc *members) {
		doc.set("extends", quote(baseType))
	})
}

func inconclusive(reason string) members {
	return members{{"verdict", `"inconclusive"`}, {"reason", quote(reason)}}
}

func (g *generator) typeRendering() {
	rendering := func(fault, section, why string, expect members, value string) {
		g.typed("rendering-"+fault, section, why, expect, func(_ *scene, doc *members) {
			doc.set("display", `[{"locale":"en","name":"Person","rendering":`+value+`}]`)
		})
	}
	const uri = `"uri":"https://registry.example/person.svg"`
	const properties = `"properties":{"orientation":"portrait"}`
	rendering("complete", secRendering, "both methods, by https and as data", accept(), `{"simple":{"logo":{"uri":"https://registry.example/logo.png","uri#integrity":"sha256-`+
		`47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","alt_text":"a mark"},"background_image":{"uri":"data:image/png;base64,iVBORw0KGgo="},"background_color":"#123456"},`+
		`"svg_templates":[{`+uri+`,"properties":{"orientation":"portrait","color_scheme":"dark"}},{`+uri+`,"properties":{"contrast":"high"}}]}`)
	bad := known("type_rendering_malformed")
	rendering("is-a-string", secRendering, "rendering is an object", bad, `"simple"`)
	rendering("simple-is-an-array", secRendering, "the value of a method is an object", bad, `{"simple":[]}`)
	rendering("logo-without-uri", secLogo, "uri is required", bad, `{"simple":{"logo":{"alt_text":"a mark"}}}`)
	rendering("logo-is-a-string", secLogo, "a logo is an object", bad, `{"simple":{"logo":"https://registry.example/logo.png"}}`)
	rendering("background-without-uri", secBackground, "uri is required", bad, `{"simple":{"background_image":{}}}`)
	rendering("templates-are-an-object", secTemplates, "svg_templates is an array", bad, `{"svg_templates":{`+uri+`}}`)
	rendering("template-is-a-string", secTemplates, "a template is an object", bad, `{"svg_templates":["https://registry.example/person.svg"]}`)
	rendering("template-without-uri", secTemplates, "uri is required", bad, `{"svg_templates":[{`+properties+`}]}`)
	rendering("two-templates-without-properties", secTemplates, "of two templates nobody could choose", bad, `{"svg_templates":[{`+uri+`,`+properties+`},{`+uri+`}]}`)
	rendering("template-properties-empty", secProperties, "one of the three properties at least", bad, `{"svg_templates":[{`+uri+`,"properties":{"size":"large"}}]}`)
	rendering("template-orientation-unknown", secProperties, "portrait or landscape", bad, `{"svg_templates":[{`+uri+`,"properties":{"orientation":"diagonal"}}]}`)
	for fault, address := range map[string]string{"by-http": "http://registry.example/logo.png", "by-javascript": "javascript:alert(1)", "from-a-file": "file:///etc/hostname", "without-scheme": "//registry.example/logo.png"} {
		rendering("logo-"+fault, secRendering, "resources are https URLs or data: URIs", known("type_rendering_uri_not_https"), `{"simple":{"logo":{"uri":`+quote(address)+`}}}`)
	}
	rendering("logo-integrity-malformed", secRendering+", 6", "integrity metadata of a form that is none", known("integrity_malformed"), `{"simple":{"logo":{"uri":"data:,","uri#integrity":"47DEQpj8"}}}`)
}

func (g *generator) typeClaims() {
	claims := func(fault, section, why, reason, value string) {
		g.typed("claim-"+fault, section, why, known(reason), func(_ *scene, doc *members) { doc.set("claims", value) })
	}
	claims("is-a-string", secClaims, "the metadata of a claim are an object", "type_claim_malformed", `["full_name"]`)
	claims("mandatory-is-a-string", secClaims, "mandatory is a boolean", "type_claim_malformed", `[{"path":["full_name"],"mandatory":"true"}]`)
	claims("path-absent", secClaims, "path is required", "type_claim_path_malformed", `[{"mandatory":true}]`)
	claims("path-twice", secClaims, "two rules for one claim", "type_claim_repeated", `[{"path":["full_name"]},{"path":["full_name"],"sd":"never"}]`)
	for fault, path := range map[string]string{"empty": `[]`, "is-a-string": `"full_name"`, "with-a-negative-number": `["licences",-1]`, "with-a-fraction": `["licences",0.5]`, "with-a-boolean": `["licences",true]`} {
		claims("path-"+fault, secClaimPath, "a path is a non-empty array of strings, null and non-negative integers", "type_claim_path_malformed", `[{"path":`+path+`}]`)
	}
	claims("svg-id-twice", secClaims, "an svg_id is unique", "type_svg_id_repeated", `[{"path":["full_name"],"svg_id":"name"},{"path":["id_number"],"svg_id":"name"}]`)
	claims("svg-id-with-hyphen", secClaims, "letters, digits and underscores", "type_svg_id_malformed", `[{"path":["full_name"],"svg_id":"full-name"}]`)
	claims("svg-id-begins-with-digit", secClaims, "no digit first", "type_svg_id_malformed", `[{"path":["full_name"],"svg_id":"1name"}]`)
	claims("svg-id-not-ascii", secClaims, "letters, digits and underscores", "type_svg_id_malformed", `[{"path":["full_name"],"svg_id":"མིང"}]`)
	claims("sd-unknown", "SD-JWT VC 5.6.4, 5.6", "always, allowed or never", "type_claim_sd_unknown", `[{"path":["full_name"],"sd":"sometimes"}]`)
	claims("label-absent", secClaimLabel, "label is required", "type_claim_display_malformed", `[{"path":["full_name"],"display":[{"locale":"en","name":"Name"}]}]`)
	claims("locale-absent", secClaimLabel, "locale is required", "type_claim_display_malformed", `[{"path":["full_name"],"display":[{"label":"Name"}]}]`)
	claims("locale-no-language-tag", secClaimLabel, "locale is a language tag", "type_locale_malformed", `[{"path":["full_name"],"display":[{"locale":"e","label":"Name"}]}]`)
	claims("display-is-an-object", secClaimLabel, "display is an array", "type_claim_display_malformed", `[{"path":["full_name"],"display":{"en":"Name"}}]`)
}

// typeRules: cards that do or do not keep what their type says.
func (g *generator) typeRules() {
	rule := func(fault, section, why string, expect members, claims string, change func(*scene)) {
		g.typed(fault, section, why, expect, func(s *scene, doc *members) {
			doc.set("claims", `[`+claims+`]`)
			change(s)
		})
	}
	plain := func(s *scene) {
		*s.card = *boundCard(s.card.name)
		s.sd, s.shown, s.found = s.sd[1:], nil, nil // the name stands in the clear
		s.payload.set("full_name", `"Pema Lhamo"`)
		s.request = members{{"audience", quote(audience)}, {"nonce", quote(nonce)}, {"type", quote(vct)}}
	}
	nothing := func(*scene) {}
	rule("sd-always-in-plain", secSelective, "everybody sees what each holder may hide", known("claim_must_be_concealed"), nameClaim, plain)
	rule("sd-never-and-disclosed", secSelective, "a holder could leave it out", known("claim_must_not_be_concealed"), `{"path":["full_name"],"sd":"never"}`, nothing)
	rule("sd-never-in-plain", secSelective, "as it must be", accept(), `{"path":["full_name"],"sd":"never","mandatory":true}`, plain)
	rule("sd-allowed", secSelective, "either way", accept(), `{"path":["full_name"],"sd":"allowed"}`, nothing)
	rule("sd-always-below-a-disclosure", secSelective, "what contains a claim does not count: the claim itself must be a disclosure", known("claim_must_be_concealed"),
		`{"path":["address","city"],"sd":"always"}`, func(s *scene) { s.reveal("address", `{"city":"Thimphu"}`) })
	rule("mandatory-claim-missing", secMandatory, "never hidden, and not there", known("mandatory_claim_missing"), nameClaim+`,{"path":["born_in"],"mandatory":true,"sd":"never"}`, nothing)
	rule("mandatory-claim-not-shown", secMandatory, "hidden by the holder is no proof that the issuer left it out", accept(), nameClaim+`,{"path":["id_number"],"mandatory":true,"sd":"always"}`, nothing)
	rule("path-into-a-text", secPathSteps, "the path goes on where the card has a string", known("claim_path_mismatch"), `{"path":["full_name","given"]}`, nothing)
	rule("path-with-null-into-an-object", secPathSteps, "null selects elements of arrays", known("claim_path_mismatch"), `{"path":["cnf",null]}`, nothing)
	rule("path-with-index-into-an-object", secPathSteps, "an index selects an element of an array", known("claim_path_mismatch"), `{"path":["cnf",0]}`, nothing)
	rule("path-to-what-is-not-there", secPathSteps, "an absent claim is no fault", accept(), nameClaim+`,{"path":["address",null,"city"]}`, nothing)
	lists := func(s *scene) {
		p, _ := s.element(`"A"`)
		s.payload.set("licences", `[`+p+`,"B"]`)
	}
	rule("mandatory-element-missing", secMandatory, "a list with nothing in it, of which an element is mandatory", known("mandatory_claim_missing"), nameClaim+`,{"path":["licences",null],"mandatory":true}`, func(s *scene) {
		s.payload.set("licences", `[]`)
	})
	rule("mandatory-element-not-shown", secMandatory, "a hidden element is there", accept(), nameClaim+`,{"path":["licences",null],"mandatory":true}`, func(s *scene) {
		p, _ := s.element(`"A"`)
		s.payload.set("licences", `[`+p+`]`)
	})
	for _, general := range []bool{false, true} {
		fault := map[bool]string{false: "sd-never-in-a-flattened-card", true: "sd-never-in-a-general-card"}[general]
		rule(fault, secSelective, "the same rules hold in every serialisation", known("claim_must_not_be_concealed"), `{"path":["full_name"],"sd":"never"}`, func(s *scene) {
			s.general, s.serialize = general, func(*jws) {}
		})
	}
	rule("index-counts-hidden-elements", secPathSteps, "element 1 is B as issued, though it is the first that is shown", accept(), nameClaim+`,{"path":["licences",1],"sd":"never"},{"path":["licences",0],"sd":"always"}`, lists)
	rule("hidden-element-that-must-be-plain", secPathSteps, "a hidden element is there, and is selectively disclosable", known("claim_must_not_be_concealed"), nameClaim+`,{"path":["licences",0],"sd":"never"}`, lists)
	rule("plain-element-that-must-be-concealed", secPathSteps, "null selects every element", known("claim_must_be_concealed"), nameClaim+`,{"path":["licences",null],"sd":"always"}`, lists)
}

func (g *generator) typeExtensions() {
	extends := func(fault, section, why string, expect members, own string, base ...member) {
		g.typed("extends-"+fault, section, why, expect, func(s *scene, doc *members) {
			doc.set("extends", quote(baseType))
			if doc.drop("claims"); own != "" {
				doc.set("claims", `[`+own+`]`)
			}
			s.extended(baseType, base...)
		})
	}
	claims := func(text string) member { return member{"claims", `[` + text + `]`} }
	extends("another", secExtends, "a type and the type that it extends", accept(), nameClaim, claims(`{"path":["iss"],"sd":"never","mandatory":true}`))
	extends("inherits-rules", secExtends, "the rules of the extended type hold", known("claim_must_not_be_concealed"), "", claims(`{"path":["full_name"],"sd":"never"}`))
	extends("inherits-what-it-does-not-override", secExtends, "a property that the child does not have is the parent's", known("mandatory_claim_missing"),
		`{"path":["born_in"],"sd":"never"}`, claims(`{"path":["born_in"],"mandatory":true}`))
	extends("adds-rules", secExtends, "what only the child says holds too", known("claim_must_not_be_concealed"), `{"path":["full_name"],"sd":"never"}`, claims(`{"path":["iss"],"sd":"never"}`))
	extends("repeats-svg-id", secClaims, "an svg_id is unique in all that a type inherits", known("type_svg_id_repeated"), nameClaim, claims(`{"path":["id_number"],"svg_id":"full_name"}`))
	extends("tightens-sd", secLoosened, "allowed may become always", accept(), nameClaim, claims(`{"path":["full_name"]}`))
	extends("tightened-sd-counts", secLoosened, "and then it is", known("claim_must_not_be_concealed"), `{"path":["full_name"],"sd":"never"}`, claims(`{"path":["full_name"],"sd":"allowed"}`))
	changed := known("type_extends_changes_sd")
	extends("always-becomes-allowed", secLoosened, "always stays always", changed, `{"path":["full_name"],"sd":"allowed"}`, claims(nameClaim))
	extends("always-becomes-never", secLoosened, "always stays always", changed, `{"path":["full_name"],"sd":"never"}`, claims(nameClaim))
	extends("never-becomes-always", secLoosened, "never stays never", changed, nameClaim, claims(`{"path":["full_name"],"sd":"never"}`))
	extends("drops-mandatory", secLoosened, "mandatory stays mandatory", known("type_extends_drops_mandatory"), `{"path":["full_name"],"mandatory":false}`, claims(nameClaim))
	g.typed("extends-of-extends", secExtends, "three types, the rule in the last", known("claim_must_not_be_concealed"), func(s *scene, doc *members) {
		doc.set("extends", quote(baseType))
		doc.drop("claims")
		s.extended(baseType, member{"extends", quote(rootType)})
		s.extended(rootType, claims(`{"path":["full_name"],"sd":"never"}`))
	})
	g.typed("extends-vct-of-another", secTypeOfCard, "behind extends stands the document of another type", known("type_metadata_vct_mismatch"), func(s *scene, doc *members) {
		doc.set("extends", quote(baseType))
		s.types = members{{baseType, quote(typeOf(rootType).text())}}
	})
	g.typed("extends-itself", secCircle, "a circle of one", known("type_extends_circular"), func(_ *scene, doc *members) { doc.set("extends", quote(vct)) })
	g.typed("extends-in-a-circle", secCircle, "a circle of three", known("type_extends_circular"), func(s *scene, doc *members) {
		doc.set("extends", quote(baseType))
		s.extended(baseType, member{"extends", quote(rootType)})
		s.extended(rootType, member{"extends", quote(vct)})
	})
	g.typed("extends-too-deep", secCircle, "nine types in a chain: a bound of this library", known("type_extends_too_deep"), func(s *scene, doc *members) {
		doc.set("extends", `"urn:example:t1"`)
		for i := range 8 {
			at, next := "urn:example:t"+string(rune('1'+i)), "urn:example:t"+string(rune('2'+i))
			s.extended(at, member{"extends", quote(next)})
		}
	})
}

func (g *generator) typeIntegrity() {
	doc := typeOf(vct, member{"claims", `[` + nameClaim + `]`}).text()
	g.integrityOf("", doc, func(s *scene, value string) {
		s.payload.set("vct#integrity", value)
		s.types = members{{vct, quote(doc)}}
	})
	base := typeOf(baseType).text()
	g.integrityOf("extends-", base, func(s *scene, value string) {
		own := typeOf(vct, member{"extends", quote(baseType)}, member{"extends#integrity", value}).text()
		s.types = members{{vct, quote(own)}, {baseType, quote(base)}}
	})
	g.typed("integrity-of-other-octets", secIntegrity, "the same JSON value in other bytes is another document", known("integrity_mismatch"), func(s *scene, _ *members) {
		s.payload.set("vct#integrity", quote(integrity("sha256", doc)))
		s.types = members{{vct, quote(doc + "\n")}}
	})
	g.typed("integrity-comes-before-the-content", secIntegrity, "a document that fails is not processed: its fault stays unsaid", known("integrity_mismatch"), func(s *scene, _ *members) {
		s.payload.set("vct#integrity", quote(integrity("sha256", doc)))
		s.types = members{{vct, `"[]"`}}
	})
}

func (g *generator) integrityOf(of, doc string, put func(s *scene, value string)) {
	section := map[bool]string{true: "SD-JWT VC 6, 5.3", false: "SD-JWT VC 6, 5.2"}[of == ""]
	vector := func(fault, why string, expect members, value string) {
		g.typed(of+"integrity-"+fault, section, why, expect, func(s *scene, _ *members) { put(s, value) })
	}
	for _, hash := range []string{"sha256", "sha384", "sha512"} {
		vector("by-"+hash, "the document that was meant", accept(), quote(integrity(hash, doc)))
	}
	other := "another document"
	vector("mismatch", "another document than was meant", known("integrity_mismatch"), quote(integrity("sha256", other)))
	vector("strongest-counts", "of several the strongest hash counts", accept(), quote(integrity("sha256", other)+" "+integrity("sha512", doc)))
	vector("weaker-does-not-count", "a weaker hash cannot help", known("integrity_mismatch"), quote(integrity("sha256", doc)+" "+integrity("sha512", other)))
	vector("one-of-the-strongest", "of several of one hash any counts", accept(), quote(integrity("sha512", other)+" "+integrity("sha512", doc)))
	vector("unknown-hash-beside", "a hash that is not known is passed over", accept(), quote("blake3-AAAA "+integrity("sha384", doc)))
	vector("unknown-hash", "no hash that is known", known("integrity_unsupported"), quote("blake3-AAAA md5-1B2M2Y8AsgTpgAmY7PhCfg=="))
	bad := known("integrity_malformed")
	if of == "" {
		bad = stranger("integrity_malformed") // a fault of the card, seen before anything of it is believed
	}
	vector("empty", "nothing is no integrity metadata", bad, `""`)
	vector("is-a-number", "integrity metadata is a string", bad, `1`)
	vector("without-hash", "a value without the name of its hash", bad, quote(integrity("sha256", doc)[7:]))
	vector("not-base64", "no base64", bad, `"sha256-47DEQpj8HBSa!!"`)
}
