package catalogue

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
)

const resident = `{"ονοματεπώνυμο":"Παράδειγμα","person_number":42,"birthdate":"1959-11-24","address":{"street":"Example Way","postcode":"VA-001","floor":-1},
	"nationalities":["VA"],"height_m":1.730,"permits":[{"class":"A","valid_until":"2030-01-01"},{"class":"B","valid_until":"2031-12-31"}],"votes_here":false}`

func residentCard(t *testing.T) *Type {
	t.Helper()
	return typ(t, country(t), "urn:example:varendal:resident_card:1")
}

func TestAnotherCountryHasItsOwnHabits(t *testing.T) {
	ty := residentCard(t)
	// Midnight in Varendal is half past three in UTC; the holder is 67 on this day.
	midnight := time.Date(2026, 11, 24, 3, 30, 0, 0, time.UTC)
	for at, over67 := range map[time.Time]string{midnight.Add(-time.Second): "false", midnight: "true"} {
		out, err := ty.Compute([]byte(resident), at)
		want := strings.TrimSuffix(resident, "}") + `,"age_over_16":true,"age_over_67":` + over67 + `}`
		if err != nil || string(out) != want {
			t.Errorf("%v: %v\ngot  %s\nwant %s", at, err, out, want)
		}
	}
	paths, err := ty.Conceal([]byte(strings.Replace(resident, `["VA"]`, `[]`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, p := range paths {
		got[p.String()] = true
	}
	for path, want := range map[string]bool{
		`"address"`: true, `"address"."street"`: true, `"address"."floor"`: false, `"nationalities"`: false, `"votes_here"`: false,
		`"nationalities".*`: false, // there is none
		`"permits"`:         true, `"permits".*`: true, `"permits".*."valid_until"`: true, `"permits".*."class"`: false,
	} {
		if got[path] != want {
			t.Errorf("%s: concealed %v, want %v", path, got[path], want)
		}
	}
}

func TestAnAgeOfADateInsideAnObject(t *testing.T) {
	c, err := Load([]byte(one(named("person", `,"format":"object"`), `{"path":["person","born"],"label":"L","format":"yyyy-mm-dd"}`, named("adult", `,"format":"boolean","age_over":18,"of":["person","born"]`))))
	if err != nil {
		t.Fatal(err)
	}
	for born, want := range map[string]string{"2008-11-24": "true", "2008-11-25": "false"} {
		record := `{"person":{"born":"` + born + `"}}`
		if out, err := c.Types[0].Compute([]byte(record), noon); err != nil || string(out) != strings.TrimSuffix(record, "}")+`,"adult":`+want+`}` {
			t.Errorf("%s: %v, %s", born, err, out)
		}
	}
	_, err = c.Types[0].Compute([]byte(`{"person":{"born":"2026-11-25"}}`), noon)
	var e *Error
	if !errors.As(err, &e) || e.Reason != ImplausibleDate || e.Path.String() != `"person"."born"` {
		t.Errorf("a birth tomorrow: %v", err)
	}
}

func TestCheckLooksInsideObjectsAndArrays(t *testing.T) {
	ty := residentCard(t)
	if err := ty.Check([]byte(resident)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		old, new string
		reason   disclosure.Reason
		path     string
		near     string
	}{
		{`"street"`, `"Street"`, NearMiss, `"address"."Street"`, "street"},
		{`"street":`, `"town":"x","street":`, UnknownClaim, `"address"."town"`, ""},
		{`"street":"Example Way",`, ``, MissingClaim, `"address"."street"`, ""},
		{`"VA-001"`, `"VA-01"`, WrongFormat, `"address"."postcode"`, ""},
		{`"floor":-1`, `"floor":1.0`, WrongFormat, `"address"."floor"`, ""},
		{`"floor":-1`, `"floor":1e1`, WrongFormat, `"address"."floor"`, ""},
		{`"floor":-1`, `"floor":9007199254740992`, WrongFormat, `"address"."floor"`, ""},
		{`"floor":-1`, `"floor":-9007199254740992`, WrongFormat, `"address"."floor"`, ""},
		{`"floor":-1`, `"floor":"1"`, WrongType, `"address"."floor"`, ""},
		{`"floor":-1`, `"floor":null`, WrongType, `"address"."floor"`, ""},
		{`1.730`, `"1.730"`, WrongType, `"height_m"`, ""},
		{`"class":"B"`, `"clas":"B"`, NearMiss, `"permits".1."clas"`, "class"},
		{`"class":"B",`, ``, MissingClaim, `"permits".1."class"`, ""},
		{`"2031-12-31"`, `"31/12/2031"`, WrongFormat, `"permits".1."valid_until"`, ""},
		{`["VA"]`, `["VA",7]`, WrongType, `"nationalities".1`, ""},
		{`["VA"]`, `"VA"`, WrongType, `"nationalities"`, ""},
		{`["VA"]`, `{}`, WrongType, `"nationalities"`, ""},
		{`[{"class":"A"`, `[[],{"class":"A"`, WrongType, `"permits".0`, ""},
		{`"1959-11-24"`, `"1959-02-29"`, WrongFormat, `"birthdate"`, ""},
		{`"ονοματεπώνυμο"`, `"Ονοματεπώνυμο"`, NearMiss, `"Ονοματεπώνυμο"`, "ονοματεπώνυμο"},
	} {
		changed := strings.Replace(resident, c.old, c.new, 1)
		if changed == resident {
			t.Fatalf("%s is not in the record", c.old)
		}
		err := ty.Check([]byte(changed))
		var e *Error
		if !errors.As(err, &e) || e.Reason != c.reason || e.Path.String() != c.path || e.Near != c.near {
			t.Errorf("%s: got %v, want %s at %s", c.new, err, c.reason, c.path)
		}
	}
	for _, good := range []string{`"floor":-9007199254740991`, `"floor":9007199254740991`, `"floor":0`} {
		if err := ty.Check([]byte(strings.Replace(resident, `"floor":-1`, good, 1))); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	without := strings.Replace(resident, `,"floor":-1`, ``, 1)
	if err := ty.Check([]byte(without)); err != nil || without == resident {
		t.Errorf("an optional claim that is not there: %v", err)
	}
}

func TestFindSaysTheRightSpelling(t *testing.T) {
	airline := typ(t, NDI(), "https://registry.example/types/druk-air/employee-detail")
	for _, c := range []struct {
		ty     *Type
		path   disclosure.Path
		reason disclosure.Reason
		at     string
		near   string
	}{
		{airline, disclosure.Path{"Department"}, NearMiss, `"Department"`, "Department "},
		{airline, disclosure.Path{"department "}, NearMiss, `"department "`, "Department "},
		{airline, disclosure.Path{"Employee  Number"}, NearMiss, `"Employee  Number"`, "Employee Number"},
		{airline, disclosure.Path{"Designations"}, NearMiss, `"Designations"`, "Designation"},
		{airline, disclosure.Path{"Salary"}, UnknownClaim, `"Salary"`, ""},
		{airline, disclosure.Path{"Section", "x"}, UnknownClaim, `"Section"."x"`, ""},
		{airline, disclosure.Path{"Section", nil}, UnknownClaim, `"Section".*`, ""},
		{airline, disclosure.Path{}, UnknownClaim, ``, ""},
		{airline, disclosure.Path{3.5}, UnknownClaim, disclosure.Path{3.5}.String(), ""},
		{residentCard(t), disclosure.Path{"permits", 0, "Class"}, NearMiss, `"permits".0."Class"`, "class"},
		{residentCard(t), disclosure.Path{"permits", -1}, UnknownClaim, `"permits".-1`, ""},
		{residentCard(t), disclosure.Path{"permits", "0"}, UnknownClaim, `"permits"."0"`, ""},
		{&Type{Name: "T"}, disclosure.Path{"x"}, UnknownClaim, `"x"`, ""},
	} {
		got, err := c.ty.Find(c.path)
		var e *Error
		if !errors.As(err, &e) || e.Reason != c.reason || e.Path.String() != c.at || e.Near != c.near || got.Path != nil {
			t.Errorf("%v: got %v, %v", c.path, got.Path, err)
		}
	}
	for _, p := range []disclosure.Path{{"permits", 0, "class"}, {"permits", nil, "class"}, {"address", "street"}} {
		if c, err := residentCard(t).Find(p); err != nil || c.Format != Text {
			t.Errorf("%v: %v", p, err)
		}
	}
	for _, name := range given(airline) {
		if c, err := airline.Find(disclosure.Path{name}); err != nil || c.Path[0] != name {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Every name of NDI's with a slip of the keyboard is reported with the right spelling, for cards and for requests.
func TestEveryNameOfNDIsHasItsNearMisses(t *testing.T) {
	for _, ty := range NDI().Types {
		for _, name := range given(&ty) {
			for _, slip := range []string{name + " ", " " + name, strings.TrimSpace(name), strings.ToUpper(name), strings.ToLower(name), strings.ReplaceAll(name, " ", "_"), strings.ReplaceAll(name, " ", "  ")} {
				if slip == name {
					continue
				}
				var e *Error
				if _, err := ty.Find(disclosure.Path{slip}); !errors.As(err, &e) || e.Reason != NearMiss || e.Near != name {
					t.Errorf("%s: %q for %q: %v", ty.Name, slip, name, err)
				}
			}
		}
	}
}
