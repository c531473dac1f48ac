package catalogue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/catalogue"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

var noon = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// office is an issuer, a citizen and an agency in one place.
type office struct {
	key, phone pubkey.Signer
	issuer     *credential.Issuer
	holder     *credential.Holder
}

func open(t *testing.T) *office {
	t.Helper()
	o := &office{}
	for _, k := range []*pubkey.Signer{&o.key, &o.phone} {
		s, err := pubkey.Generate(pubkey.ES256)
		if err != nil {
			t.Fatal(err)
		}
		*k = s
	}
	var err error
	o.issuer, err = credential.NewIssuer(credential.IssuerConfig{ID: "did:ethr:0x1111111111111111111111111111111111111111", KeyID: "#delegate-1", Signer: o.key,
		Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	o.holder = credential.NewHolder(o.phone)
	return o
}

// card is what the catalogue makes of a record.
func (o *office) card(t *testing.T, ty *catalogue.Type, record string) credential.Card {
	t.Helper()
	claims, err := ty.Compute([]byte(record), noon)
	if err != nil {
		t.Fatalf("%s: %v", ty.Name, err)
	}
	paths, err := ty.Conceal(claims)
	if err != nil {
		t.Fatalf("%s: %v", ty.Name, err)
	}
	return credential.Card{Type: ty.VCT, Claims: claims, Conceal: disclosure.ConcealOptions{Paths: paths, Decoys: 1}, Holder: o.phone.Public()}
}

func (o *office) issue(t *testing.T, card credential.Card) []byte {
	t.Helper()
	sdjwt, err := o.issuer.Issue(context.Background(), card)
	if err != nil {
		t.Fatalf("%s: %v", card.Type, err)
	}
	return sdjwt
}

// show presents some claims of a card and verifies the presentation.
func (o *office) show(t *testing.T, sdjwt []byte, reveal ...disclosure.Path) (*credential.Held, *credential.Verified) {
	t.Helper()
	held, err := o.holder.Receive(sdjwt, o.key.Public(), noon)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := o.holder.Present(context.Background(), held, credential.Showing{Reveal: reveal, Audience: "https://agency.example", Nonce: "n-0S6_WzA2Mj", At: noon})
	if err != nil {
		t.Fatal(err)
	}
	p, err := credential.Parse(shown, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Verify(o.key.Public(), credential.Binding{Audience: "https://agency.example", Nonce: "n-0S6_WzA2Mj"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return held, v
}

// sample writes a record of a type: all that it may have, or only what it must have.
func sample(ty *catalogue.Type, all bool) string {
	var write func(at disclosure.Path) string
	var value func(c catalogue.Claim) string
	value = func(c catalogue.Claim) string {
		switch c.Format {
		case catalogue.Boolean:
			return "true"
		case catalogue.Integer:
			return "-9007199254740991"
		case catalogue.Number:
			return "1.7300e0"
		case catalogue.Date:
			return `"29/02/1964"`
		case catalogue.ISODate:
			return `"1964-02-29"`
		case catalogue.Object:
			return write(c.Path)
		case catalogue.Array:
			if !all {
				return "[]"
			}
			e, _ := ty.Find(append(slices.Clone(c.Path), nil))
			return "[" + value(e) + "," + value(e) + "]"
		}
		switch c.Pattern {
		case "[0-9]{11}":
			return `"10000000001"`
		case "[A-Z]{2}-[0-9]{3}":
			return `"VA-001"`
		case "H[0-9]{8}":
			return `"H10000001"`
		case "(A|B|AB|O)[+-]":
			return `"O+"`
		}
		label, _ := json.Marshal("invented: " + c.Label("en") + " \u0f60\u0f41\u0fb1\u0f7a\u0f62")
		return string(label)
	}
	write = func(at disclosure.Path) string {
		var rows []string
		for _, c := range ty.Claims {
			last := len(c.Path) - 1
			name, ok := c.Path[last].(string)
			if !ok || !slices.Equal(c.Path[:last], at) || c.AgeOver != 0 || !all && !c.Mandatory {
				continue
			}
			key, _ := json.Marshal(name)
			rows = append(rows, string(key)+":"+value(c))
		}
		return "{" + strings.Join(rows, ",") + "}"
	}
	return write(nil)
}

func elsewhere(t *testing.T) *catalogue.Catalogue {
	t.Helper()
	file, err := os.ReadFile("testdata/varendal.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalogue.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each type of each catalogue: issued with all that it may have and with what it must have, received, judged by its own metadata,
// shown in parts, and read again byte for byte.
func TestEachTypeIsIssuedShownAndReadAgain(t *testing.T) {
	o := open(t)
	for _, c := range []*catalogue.Catalogue{catalogue.NDI(), catalogue.Invented(), elsewhere(t)} {
		for i := range c.Types {
			ty := &c.Types[i]
			for _, all := range []bool{true, false} {
				card := o.card(t, ty, sample(ty, all))
				m, err := credential.ParseTypeMetadata(ty.Metadata())
				if err != nil {
					t.Fatalf("%s: %v", ty.Name, err)
				}
				if err := m.CheckIssue(card); err != nil {
					t.Errorf("%s: the type's metadata refuse its own card: %v", ty.Name, err)
				}
				sdjwt := o.issue(t, card)
				var want map[string]json.RawMessage
				if err := json.Unmarshal(card.Claims, &want); err != nil {
					t.Fatal(err)
				}
				everything := card.Conceal.Paths
				held, v := o.show(t, sdjwt, everything...)
				if err := m.CheckHeld(held); err != nil {
					t.Errorf("%s: the type's metadata refuse its own card in the holder's hands: %v", ty.Name, err)
				}
				if v.Type != ty.VCT {
					t.Errorf("%s: type %s", ty.Name, v.Type)
				}
				for name, value := range want {
					if got, ok := v.Body.Claim(disclosure.Path{name}); !ok || !same(got, value) {
						t.Errorf("%s: %q was issued as %s and read as %s", ty.Name, name, value, got)
					}
				}
				readsOne(t, o, ty, sdjwt, want)
			}
		}
	}
}

// same compares bytes; of an object only what it holds, because the members that were concealed come back in another order.
func same(a, b json.RawMessage) bool {
	if a[0] != '{' && a[0] != '[' {
		return bytes.Equal(a, b)
	}
	plain := func(m json.RawMessage) (v any) {
		d := json.NewDecoder(bytes.NewReader(m))
		d.UseNumber() // keeps the digits
		_ = d.Decode(&v)
		return v
	}
	return reflect.DeepEqual(plain(a), plain(b)) && plain(a) != nil
}

// readsOne shows one hidden claim after the other alone: the others stay hidden.
func readsOne(t *testing.T, o *office, ty *catalogue.Type, sdjwt []byte, want map[string]json.RawMessage) {
	t.Helper()
	for n, c := range ty.Claims {
		if !c.Hidden || len(c.Path) > 1 || want[c.Path[0].(string)] == nil || n > 2 {
			continue
		}
		_, v := o.show(t, sdjwt, c.Path)
		for _, other := range ty.Claims {
			if len(other.Path) > 1 {
				continue
			}
			_, seen := v.Body.Claim(other.Path)
			if hidden := other.Hidden && other.Path[0] != c.Path[0]; seen && hidden {
				t.Errorf("%s: %v was shown and %v was seen", ty.Name, c.Path, other.Path)
			}
		}
	}
}

// A clerk adds a type with a text editor: no Go, no build.
func TestATypeThatWasAddedAtRunTimeIsIssuedAndVerified(t *testing.T) {
	const file = `{
	  "catalogue": 1, "name": "volunteers", "locale": "en", "utc_offset": "+06:00",
	  "types": [{
	    "name": "Volunteer Pass", "issuer": "Invented Society", "vct": "https://society.example/types/volunteer-pass", "invented": true,
	    "display": {"name": "Volunteer pass", "description": "That somebody helps in a valley."},
	    "claims": [
	      {"path": ["Full Name"], "label": "Full name"},
	      {"path": ["Valley "], "label": "Valley", "byte_exact": true},
	      {"path": ["born"], "label": "Date of birth", "format": "yyyy-mm-dd"},
	      {"path": ["shifts"], "label": "Shifts", "format": "array"},
	      {"path": ["shifts", null], "label": "Shift", "format": "integer", "sd": "never"},
	      {"path": ["age_over_18"], "label": "18 or older", "format": "boolean", "age_over": 18, "of": ["born"]}
	    ]
	  }]
	}`
	c, err := catalogue.Load([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	ty, _ := c.Type("https://society.example/types/volunteer-pass")
	o := open(t)
	card := o.card(t, ty, `{"Full Name":"Pema Example","Valley ":"Upper Valley","born":"2008-11-24","shifts":[3,12]}`)
	sdjwt := o.issue(t, card)
	held, v := o.show(t, sdjwt, disclosure.Path{"age_over_18"}, disclosure.Path{"shifts"})
	for name, want := range map[string]string{"age_over_18": "true", "shifts": "[3,12]", "born": "", "Valley ": "", "Valley": ""} {
		if got, _ := v.Body.Claim(disclosure.Path{name}); string(got) != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
	m, err := credential.ParseTypeMetadata(ty.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckHeld(held); err != nil {
		t.Error(err)
	}
}

// The metadata are no formality: a card that breaks the type's rules is refused by them.
func TestACardOutsideItsTypeIsRefusedByTheMetadata(t *testing.T) {
	o := open(t)
	ty, _ := catalogue.NDI().Type("https://registry.example/types/druk-air/employee-detail")
	m, err := credential.ParseTypeMetadata(ty.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	card := o.card(t, ty, sample(ty, true))
	plain := card
	plain.Conceal.Paths = plain.Conceal.Paths[1:]
	if err := m.CheckIssue(plain); !errors.Is(err, credential.MustBeConcealed) {
		t.Errorf("a claim in plain sight: %v", err)
	}
	lacks := card
	lacks.Claims = json.RawMessage(strings.Replace(string(card.Claims), `"Department "`, `"Department"`, 1))
	lacks.Conceal.Paths = lacks.Conceal.Paths[:3]
	if err := m.CheckIssue(lacks); !errors.Is(err, credential.MandatoryMissing) {
		t.Errorf("a name without its last space: %v", err)
	}
}

// What Conceal says of a record must not leave the ages of the card in plain sight.
func TestPathsOfAnUncomputedRecordHideNoLess(t *testing.T) {
	ty, _ := catalogue.NDI().Type("https://registry.example/types/foundational-id")
	record := sample(ty, true)
	before, err := ty.Conceal([]byte(record))
	if err != nil {
		t.Fatal(err)
	}
	claims, err := ty.Compute([]byte(record), noon)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, err := disclosure.Conceal(claims, disclosure.ConcealOptions{Paths: before})
	if err != nil || bytes.Contains(payload, []byte("age_over")) {
		t.Errorf("%v, %s", err, payload)
	}
	if _, _, err := disclosure.Conceal([]byte(record), disclosure.ConcealOptions{Paths: before}); !errors.Is(err, disclosure.NoSuchClaim) {
		t.Errorf("a card without its ages: %v", err)
	}
	if _, err := ty.Conceal([]byte(`{"Full name":"Pema Example"}`)); !errors.Is(err, catalogue.NearMiss) {
		t.Errorf("paths were given for a record that is not the type's: %v", err)
	}
}
