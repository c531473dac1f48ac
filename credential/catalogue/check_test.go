package catalogue

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
)

func person(born string) string {
	return `{"ID Type":"Citizenship","ID Number":"10000000001","Full Name":"Example Citizen","Gender":"Female","Date of Birth":"` +
		born + `","Citizenship":"Bhutanese"}`
}

const health = `{"Health ID":"H10000001","Full Name":"Example Citizen","Date of Birth":"01/01/1990","Gender":"Female","Blood Group":"O+",
	"Allergies":["Penicillin"],"Chronic Conditions":[],"Regular Medicines":[],"Immunisations":["Tetanus"],"Organ Donor":true,
	"Emergency Contact":"Second Example","Home Clinic":"Invented Clinic"}`

// Thimphu is six hours ahead of UTC, without daylight saving time.
func bhutan(y int, m time.Month, d, h, min, s int) time.Time {
	return time.Date(y, m, d, h, min, s, 0, time.FixedZone("", 6*3600))
}

func TestAgeTurnsOnTheBirthdayInBhutan(t *testing.T) {
	id := typ(t, NDI(), foundational)
	for _, c := range []struct {
		name, born string
		at         time.Time
		over18     bool
		over60     bool
	}{
		{"day before 18", "24/11/2008", bhutan(2026, 11, 23, 12, 0, 0), false, false},
		{"last second before 18", "24/11/2008", bhutan(2026, 11, 23, 23, 59, 59), false, false},
		{"first second of 18", "24/11/2008", bhutan(2026, 11, 24, 0, 0, 0), true, false},
		{"18 in Bhutan, the day before in UTC", "24/11/2008", time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), true, false},
		{"17 in Bhutan, the same instant minus a second", "24/11/2008", time.Date(2026, 11, 23, 17, 59, 59, 0, time.UTC), false, false},
		{"18 in Auckland, not yet in Bhutan", "24/11/2008", time.Date(2026, 11, 24, 3, 0, 0, 0, time.FixedZone("", 13*3600)), false, false},
		{"day after 18", "24/11/2008", bhutan(2026, 11, 25, 12, 0, 0), true, false},
		{"month before, later day", "24/11/2008", bhutan(2026, 10, 30, 12, 0, 0), false, false},
		{"day before 60", "01/01/1967", bhutan(2026, 12, 31, 23, 59, 59), true, false},
		{"day of 60", "01/01/1967", bhutan(2027, 1, 1, 0, 0, 0), true, true},
		{"born 29 February, 18 in a year without: 28 February", "29/02/2008", bhutan(2026, 2, 28, 23, 59, 59), false, false},
		{"born 29 February, 18 in a year without: 1 March", "29/02/2008", bhutan(2026, 3, 1, 0, 0, 0), true, false},
		{"born 29 February, 60 in a leap year: 28 February", "29/02/1964", bhutan(2024, 2, 28, 23, 59, 59), true, false},
		{"born 29 February, 60 in a leap year: 29 February", "29/02/1964", bhutan(2024, 2, 29, 0, 0, 0), true, true},
		{"born 28 February, in a leap year", "28/02/2006", bhutan(2024, 2, 28, 0, 0, 0), true, false},
		{"born 1 March, on 29 February", "01/03/2006", bhutan(2024, 2, 29, 23, 59, 59), false, false},
		{"born 29 February, 100 years: 2100 is no leap year", "29/02/2000", bhutan(2100, 2, 28, 12, 0, 0), true, true},
		{"born today", "24/11/2026", bhutan(2026, 11, 24, 0, 0, 0), false, false},
		{"150 years old", "24/11/1876", bhutan(2026, 11, 24, 0, 0, 0), true, true},
	} {
		out, err := id.Compute([]byte(person(c.born)), c.at)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got struct {
			Over18 *bool `json:"age_over_18"`
			Over60 *bool `json:"age_over_60"`
		}
		if err := json.Unmarshal(out, &got); err != nil || got.Over18 == nil || got.Over60 == nil {
			t.Fatalf("%s: %v in %s", c.name, err, out)
		}
		if *got.Over18 != c.over18 || *got.Over60 != c.over60 {
			t.Errorf("%s: over 18 %v, over 60 %v", c.name, *got.Over18, *got.Over60)
		}
	}
}

func TestComputeKeepsWhatItWasGiven(t *testing.T) {
	id := typ(t, NDI(), foundational)
	given := " " + strings.Replace(person("01/01/1990"), "Example Citizen", `Ex\u0061mple  Citizen`, 1) + "\n"
	out, err := id.Compute([]byte(given), noon)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSuffix(strings.TrimSpace(given), "}") + `,"age_over_18":true,"age_over_60":false}`
	if string(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	if err := id.Check(out); err != nil {
		t.Errorf("what Compute returns does not pass Check: %v", err)
	}
	if out, err := typ(t, Invented(), healthCard).Compute([]byte(health), noon); err != nil || string(out) != health {
		t.Errorf("a type without computed claims: %v, %s", err, out)
	}
}

func TestComputeRefuses(t *testing.T) {
	id := typ(t, NDI(), foundational)
	with := func(extra string) string { return strings.TrimSuffix(person("01/01/1990"), "}") + extra + "}" }
	for _, c := range []struct {
		name, claims string
		at           time.Time
		reason       disclosure.Reason
		claim        string
	}{
		{"an age typed by hand", with(`,"age_over_18":true`), noon, AlreadyComputed, "age_over_18"},
		{"a birth tomorrow", person("25/11/2026"), noon, ImplausibleDate, "Date of Birth"},
		{"a birth next year", person("01/01/2027"), noon, ImplausibleDate, "Date of Birth"},
		{"a birth 151 years ago", person("24/11/1875"), noon, ImplausibleDate, "Date of Birth"},
		{"the year zero", person("01/01/0000"), noon, ImplausibleDate, "Date of Birth"},
		{"no time", person("01/01/1990"), time.Time{}, NoTime, ""},
		{"no date of birth", strings.Replace(person("01/01/1990"), `"Date of Birth":"01/01/1990",`, "", 1), noon, MissingClaim, "Date of Birth"},
	} {
		out, err := id.Compute([]byte(c.claims), c.at)
		refused(t, c.name, err, c.reason, c.claim)
		if out != nil {
			t.Errorf("%s: claims came back", c.name)
		}
	}
	if _, err := (&Type{Name: "T"}).Compute([]byte(`{}`), noon); !errors.Is(err, NoTime) {
		t.Errorf("a type that Load did not make has no time zone: %v", err)
	}
}

func refused(t *testing.T, name string, err error, reason disclosure.Reason, claim string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != reason || !errors.Is(err, reason) {
		t.Errorf("%s: got %v, want %s", name, err, reason)
		return &Error{}
	}
	if claim == "" && len(e.Path) != 0 || claim != "" && (len(e.Path) != 1 || e.Path[0] != claim) {
		t.Errorf("%s: path %v, want %q", name, e.Path, claim)
	}
	return e
}

func TestCheckRefusesMalformedDates(t *testing.T) {
	id := typ(t, NDI(), foundational)
	for _, born := range []string{"", "1/1/1990", "01-01-1990", "1990-01-01", "01/13/1990", "31/04/1990", "30/02/2000", "29/02/2001", "29/02/1900",
		"00/01/1990", "01/00/1990", "01/01/90", " 01/01/1990", "01/01/1990 ", "01/01/+990", "01/01/-990", "0１/01/199", "aa/bb/cccc", "01/01/19900"} {
		refused(t, born, id.Check([]byte(person(born))), WrongFormat, "Date of Birth")
	}
	if err := id.Check([]byte(person("29/02/2000"))); err != nil {
		t.Errorf("2000 was a leap year: %v", err)
	}
}

func TestCheckRefusesWrongTypes(t *testing.T) {
	id, card := typ(t, NDI(), foundational), typ(t, Invented(), healthCard)
	for _, value := range []string{"null", "1", "true", "{}", `["01/01/1990"]`} {
		refused(t, value, id.Check([]byte(strings.Replace(person("x"), `"x"`, value, 1))), WrongType, "Date of Birth")
	}
	// A real mistake: identity numbers that were issued as JSON numbers.
	refused(t, "number", id.Check([]byte(strings.Replace(person("01/01/1990"), `"10000000001"`, "10000000001", 1))), WrongType, "ID Number")
	for _, c := range []struct {
		old, new string
		reason   disclosure.Reason
		claim    string
	}{
		{`"10000000001"`, `"1000000001"`, WrongFormat, "ID Number"},
		{`"10000000001"`, `"10000000001\n"`, WrongFormat, "ID Number"},
		{`"Female"`, `""`, WrongFormat, "Gender"},
	} {
		refused(t, c.new, id.Check([]byte(strings.Replace(person("01/01/1990"), c.old, c.new, 1))), c.reason, c.claim)
	}
	for _, c := range []struct {
		old, new string
		reason   disclosure.Reason
		claim    string
	}{
		{`"O+"`, `"C+"`, WrongFormat, "Blood Group"},
		{`"O+"`, `"O+ or A+"`, WrongFormat, "Blood Group"},
		{`"Organ Donor":true`, `"Organ Donor":"yes"`, WrongType, "Organ Donor"},
		{`["Penicillin"]`, `"Penicillin"`, WrongType, "Allergies"},
	} {
		refused(t, c.new, card.Check([]byte(strings.Replace(health, c.old, c.new, 1))), c.reason, c.claim)
	}
	for value, reason := range map[string]disclosure.Reason{`["Penicillin",1]`: WrongType, `["Penicillin",""]`: WrongFormat, `["Penicillin",null]`: WrongType} {
		var e *Error
		err := card.Check([]byte(strings.Replace(health, `["Penicillin"]`, value, 1)))
		if !errors.As(err, &e) || e.Reason != reason || e.Path.String() != `"Allergies".1` {
			t.Errorf("%s: got %v", value, err)
		}
	}
	for _, text := range []string{"", "[]", "null", `"a"`, `{"ID Type":"a","ID Type":"b"}`, "{}x"} {
		refused(t, text, id.Check([]byte(text)), BadClaims, "")
	}
	refused(t, "nothing in it", id.Check([]byte("{}")), MissingClaim, "ID Type")
	refused(t, "an age that is a text", id.Check([]byte(strings.TrimSuffix(person("01/01/1990"), "}")+`,"age_over_18":"true"}`)), WrongType, "age_over_18")
}

func TestCheckNamesWhatWasProbablyMeant(t *testing.T) {
	c, err := Load([]byte(strings.Replace(one(named("Department ", `,"byte_exact":true`), named("Chasis Number", ""), named("EID", ""), named("age_over_18", "")), "urn:example:t", "urn:example:permit", 1)))
	if err != nil {
		t.Fatal(err)
	}
	ty := typ(t, c, "urn:example:permit")
	card := func(name string) []byte {
		b, _ := json.Marshal(map[string]string{name: "PLANTED-VALUE"})
		return b
	}
	for given, near := range map[string]string{
		"Department": "Department ", "department ": "Department ", " Department": "Department ", "Department\u00a0": "Department ",
		"Chassis Number": "Chasis Number", "chasis  number": "Chasis Number", "Chasis_Number": "Chasis Number", "Chasis Nubmer": "Chasis Number",
		"age over 18": "age_over_18", "eid": "EID",
	} {
		e := refused(t, given, ty.Check(card(given)), NearMiss, given)
		if e.Near != near {
			t.Errorf("%q: meant %q, got %q", given, near, e.Near)
		}
		if strings.Contains(e.Error(), "PLANTED") {
			t.Errorf("%q: the error shows the value: %v", given, e)
		}
	}
	for _, given := range []string{"EIDs", "Blood Group", strings.Repeat("Department ", 100)} {
		refused(t, given, ty.Check(card(given)), UnknownClaim, given)
	}
	// The right name is there too, so the wrong one stands for nothing.
	refused(t, "both", ty.Check([]byte(`{"Department ":"a","Department":"b"}`)), UnknownClaim, "Department")
}

func TestErrorsNameClaimsAndNeverValues(t *testing.T) {
	id := typ(t, NDI(), foundational)
	for _, claims := range []string{
		person("PLANTED-VALUE"), `{"PLANTED-VALUE`, strings.Replace(person("01/01/1990"), `"10000000001"`, `"PLANTED-VALUE"`, 1),
		strings.Replace(person("01/01/1990"), `"Female"`, `{"PLANTED-VALUE":1}`, 1),
	} {
		_, err := id.Compute([]byte(claims), noon)
		if err == nil || strings.Contains(err.Error(), "PLANTED") {
			t.Errorf("got %v", err)
		}
	}
}
