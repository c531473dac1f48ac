package verifier_test

import (
	"context"
	"errors"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// idType is metadata that the ordinary card of the world keeps.
const idType = `{"vct":"` + idCard + `","claims":[{"path":["Full Name"],"sd":"always","mandatory":true},{"path":["Date of Birth"],"sd":"always","mandatory":true},
	{"path":["Home","Dzongkhag"],"sd":"never"},{"path":["Children"],"sd":"never","mandatory":true},{"path":["Children",null],"sd":"always"},{"path":["exp"],"sd":"never","mandatory":true}]}`

func withType(t testing.TB, claims string) *world {
	w := newWorld(t)
	w.config.Types = credential.TypeDocuments{idCard: []byte(`{"vct":"` + idCard + `","claims":[` + claims + `]}`)}
	return w
}

func TestCardThatKeepsItsType(t *testing.T) {
	w := newWorld(t)
	w.config.Types = credential.TypeDocuments{idCard: []byte(idType)}
	if name, err := w.accepted().Text("Full Name"); err != nil || name != "Pema Example" {
		t.Error(name, err)
	}
	w = newWorld(t)
	w.config.Types = credential.TypeDocuments{idCard: []byte(idType)}
	w.claims = map[string]any{"vct#integrity": credential.Integrity([]byte(idType))}
	w.accepted()
}

func TestCardThatDoesNotKeepItsType(t *testing.T) {
	for _, c := range []struct {
		claim string
		want  verifier.Reason
		path  string
	}{
		{`{"path":["Full Name"],"sd":"never"}`, credential.MustNotBeHidden, `"Full Name"`},
		{`{"path":["Children",null],"sd":"never"}`, credential.MustNotBeHidden, `"Children".*`},
		{`{"path":["Children"],"sd":"always"}`, credential.MustBeConcealed, `"Children"`},
		{`{"path":["Children",2],"mandatory":true}`, credential.MandatoryMissing, `"Children".2`},
		{`{"path":["Photograph"],"sd":"never","mandatory":true}`, credential.MandatoryMissing, `"Photograph"`},
		{`{"path":["Full Name","Given"]}`, credential.ClaimPathMismatch, `"Full Name"."Given"`},
	} {
		if rej := withType(t, c.claim).rejected(c.want, false); rej.Path.String() != c.path {
			t.Errorf("%s: at %s", c.want, rej.Path)
		}
	}
	// Absence of what may be hidden is no evidence.
	withType(t, `{"path":["Photograph"],"mandatory":true}`).accepted()
}

func TestTypeMetadataThatAreWrong(t *testing.T) {
	for want, doc := range map[verifier.Reason]string{
		credential.TypeMalformed:    `[]`,
		credential.TypeNameMismatch: `{"vct":"https://registry.example/types/Foundational-ID"}`,
		credential.TypeClaimSD:      `{"vct":"` + idCard + `","claims":[{"path":["Full Name"],"sd":"maybe"}]}`,
		credential.TypeCircular:     `{"vct":"` + idCard + `","extends":"` + idCard + `"}`,
	} {
		w := newWorld(t)
		w.config.Types = credential.TypeDocuments{idCard: []byte(doc)}
		w.rejected(want, false)
	}
}

func TestReplacedTypeMetadata(t *testing.T) {
	w := withType(t, `{"path":["Full Name"]}`)
	w.claims = map[string]any{"vct#integrity": credential.Integrity([]byte(idType))}
	w.rejected(credential.IntegrityMismatch, false)
	w = withType(t, `{"path":["Full Name"]}`)
	w.claims = map[string]any{"vct#integrity": 7}
	w.rejected(credential.IntegrityMalformed, true)
}

func TestTypeMetadataThatCannotBeHad(t *testing.T) {
	w := newWorld(t)
	w.config.Types = credential.TypeDocuments{}
	w.inconclusive(credential.TypeUnavailable)
	var none credential.TypeDocuments
	w = newWorld(t)
	w.config.Types = none // asked for, and empty
	w.inconclusive(credential.TypeUnavailable)
	w = newWorld(t)
	w.config.Types = credential.TypeDocuments{idCard: []byte(`{"vct":"` + idCard + `","extends":"urn:example:base"}`)}
	w.inconclusive(credential.TypeUnavailable)
	// Without Types a card is judged by what it says alone.
	newWorld(t).accepted()
}

// A card of a type that extends the one that was asked for is another card: its issuer is not accredited for what it extends.
func TestRogueTypeThatExtendsAWellKnownOne(t *testing.T) {
	const rogue = "https://attacker.example/types/id"
	w := newWorld(t)
	w.config.Types = credential.TypeDocuments{
		rogue:  []byte(`{"vct":"` + rogue + `","extends":"` + idCard + `"}`),
		idCard: []byte(idType),
	}
	w.claims = map[string]any{"vct": rogue, "aka_vcts": []string{idCard}}
	w.rejected(verifier.TypeMismatch, true)
	w.expect.Type = rogue
	w.rejected("type_not_accredited", true)
}

// spy counts what is asked.
type spy struct {
	credential.TypeSource
	asked int
}

func (s *spy) TypeMetadata(ctx context.Context, vct, integrity string) ([]byte, error) {
	s.asked++
	return s.TypeSource.TypeMetadata(ctx, vct, integrity)
}

// Nothing is asked for a stranger: a forged card, a copied one, one from an issuer whom nobody trusts.
func TestStrangersCannotMakeUsFetchTypes(t *testing.T) {
	for want, change := range map[verifier.Reason]func(*world){
		credential.SignatureInvalid: func(w *world) { w.signer = generate(t, "ES256") },
		credential.BindingSignature: func(w *world) { w.holder = generate(t, "ES256") },
		"issuer_not_trusted": func(w *world) {
			w.claims = map[string]any{"iss": "did:example:stranger"}
			w.kid = "did:example:stranger#key-1"
		},
		verifier.ClaimMissing: func(w *world) { w.reveal = []disclosure.Path{{"Full Name"}} },
	} {
		w := newWorld(t)
		s := &spy{TypeSource: credential.TypeDocuments{}}
		w.config.Types = s
		change(w)
		_, err := w.verify()
		if !errors.Is(err, want) || s.asked != 0 {
			t.Errorf("%s: %v, asked %d times", want, err, s.asked)
		}
	}
}
