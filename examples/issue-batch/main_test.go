package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// do runs a command in a folder of its own and returns its exit code and all that it said.
func do(t testing.TB, args ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	code = command(t.Context(), args, &out, &out)
	return code, out.String()
}

// must is do with an exit code that is expected.
func must(t testing.TB, want int, args ...string) string {
	t.Helper()
	code, said := do(t, args...)
	if code != want {
		t.Fatalf("%v: exit code %d, not %d: %s", args, code, want, said)
	}
	return said
}

// here changes into a fresh folder, so that the keys land there.
func here(t *testing.T) { t.Chdir(t.TempDir()) }

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// entries reads the manifest, refusals the error file.
func entries(t testing.TB, dir string) (out []entry) {
	t.Helper()
	if err := eachLine(filepath.Join(dir, manifestFile), func(e *entry) error { out = append(out, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func refusals(t testing.TB, dir string) (out []refusal) {
	t.Helper()
	if err := eachLine(filepath.Join(dir, errorsFile), func(r *refusal) error { out = append(out, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// card reads the place that the manifest names.
func card(t testing.TB, dir string, e entry) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, e.File))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, e.Length)
	if _, err := f.ReadAt(b, e.Offset); err != nil {
		t.Fatal(err)
	}
	return b
}

// opened verifies a card and returns what it says.
func opened(t testing.TB, sdjwt []byte) (*credential.Verified, map[string]any) {
	t.Helper()
	key, err := issuerKey("issuer-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	p, err := credential.Parse(sdjwt, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := p.Verify(key.Public(), credential.Binding{InsecureUnbound: true}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(v.Body.Claims(), &claims); err != nil {
		t.Fatal(err)
	}
	return v, claims
}

func TestStory(t *testing.T) {
	for _, format := range []string{"csv", "jsonl"} {
		for _, holder := range []string{"did:key", "jwk"} {
			t.Run(format+" "+holder, func(t *testing.T) {
				here(t)
				in := "people." + format
				must(t, 0, "generate", "-n", "300", "-out", in, "-holder", holder, "-bad", "6", "-unbound", "11")
				said := must(t, 3, "sign", "-in", in, "-out", "cards", "-segment", "100", "-workers", "3", "-bench")
				if !strings.Contains(said, "signed 250 cards") || !strings.Contains(said, "refused 50 rows") || !strings.Contains(said, "in 3 files") ||
					!strings.Contains(said, "300 bare signatures with 3 workers") {
					t.Errorf("%s", said)
				}
				said = must(t, 0, "check", "-in", in, "-out", "cards")
				if !strings.Contains(said, "300 rows: 250 cards that verify, 50 errors") {
					t.Errorf("%s", said)
				}
				reasons := map[string]int{}
				for _, r := range refusals(t, "cards") {
					if r.Row%6 != 0 {
						t.Errorf("row %d: %s", r.Row, r.Reason)
					}
					reasons[r.Field+" "+r.Reason]++
				}
				last := " " + rowColumns
				if format == "jsonl" {
					last = "reference " + referenceMissing
				}
				for _, want := range []string{"holder " + holderMissing, "Date of Birth record_claim_wrong_format", "ID Number record_claim_wrong_format", "holder key_malformed", last} {
					if reasons[want] != 10 {
						t.Errorf("%s: %d times; %v", want, reasons[want], reasons)
					}
				}
				unbound := 0
				for _, e := range entries(t, "cards") {
					v, claims := opened(t, card(t, "cards", e))
					if claims["ID Number"] != strconv.FormatInt(10_000_000_000+e.Row, 10) {
						t.Fatalf("row %d has another citizen's card", e.Row)
					}
					if v.Holder.IsZero() {
						unbound++
						if e.Row%11 != 0 {
							t.Errorf("row %d: unbound, which it did not ask for", e.Row)
						}
					}
					if v.IssuedAt.Unix()%86400 != 0 || v.Expires.Unix()%86400 != 0 {
						t.Errorf("dates %v and %v are not rounded", v.IssuedAt, v.Expires)
					}
				}
				if unbound != 300/11-300/66 {
					t.Errorf("%d unbound cards", unbound)
				}
			})
		}
	}
}

// A card of the delivery is one that its citizen's phone accepts and shows.
func TestCitizenReceivesTheCard(t *testing.T) {
	here(t)
	phone, err := pubkey.Generate(pubkey.EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	m, _ := phone.Public().Multikey()
	write(t, "people.csv", strings.Join(columnNames, ",")+"\n"+
		"R-1,did:key:"+m+`,,Citizenship,10000000001,"Pema ""P."" Example, the <younger>",Female,02/06/1990,Bhutanese`+"\n")
	must(t, 0, "sign", "-in", "people.csv", "-out", "cards")
	key, err := issuerKey("issuer-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	held, err := credential.NewHolder(phone).Receive(card(t, "cards", entries(t, "cards")[0]), key.Public(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := held.Verified.Body.Claim(disclosure.Path{"Full Name"}); string(name) != `"Pema \"P.\" Example, the \u003cyounger\u003e"` {
		t.Errorf("%s", name)
	}
}

const good = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"

// TestFaultsNameRowAndFieldAndNoValue plants marker words in everything that a row can hold, and looks for them in everything that
// the program writes but cards.
func TestFaultsNameRowAndFieldAndNoValue(t *testing.T) {
	const m = "MARKER"
	csvRow := func(change func(c []string)) string {
		c := []string{"ref-" + m, good, "", m + " type", "10000000001", m + " name", m, "02/06/1990", m}
		change(c)
		return strings.Join(c, ",")
	}
	jsonRow := func(from, to string) string {
		row := `{"reference":"ref-MARKER","holder":"` + good + `","claims":{"ID Type":"MARKER type","ID Number":"10000000001","Full Name":"MARKER name","Gender":"MARKER","Date of Birth":"02/06/1990","Citizenship":"MARKER"}}`
		if !strings.Contains(row, from) {
			t.Fatal(from)
		}
		return strings.Replace(row, from, to, 1)
	}
	set := func(i int, v string) func([]string) { return func(c []string) { c[i] = v } }
	private := `{"kty":"EC","crv":"P-256","d":"MARKER","x":"2z8U5i1c5qSaGOwTlLHvRmxXBtzXEcbUHB93vZcvH7U","y":"qDC0NczvZWpVR3_8mqoWkJ0c1k9O7LkOSuyAULjgNH8"}`
	encryption := `{"kty":"OKP","crv":"X25519","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
	type row struct{ text, field, reason string }
	for format, rows := range map[string][]row{
		"csv": {
			{csvRow(set(1, "")), "holder", holderMissing},
			{csvRow(set(2, "true")), "holder", holderAndUnbound},
			{csvRow(set(2, m)), "unbound", unboundMalformed},
			{csvRow(set(2, "TRUE")), "unbound", unboundMalformed},
			{csvRow(set(1, m)), "holder", holderMalformed},
			{csvRow(set(1, "did:key:z"+m)), "holder", "key_unsupported"},
			{csvRow(set(1, good+"#"+m)), "holder", "key_malformed"},
			{csvRow(set(1, quoted(private))), "holder", "key_private_member"},
			{csvRow(set(1, quoted(encryption))), "holder", "key_algorithm_mismatch"},
			{csvRow(set(0, "")), "reference", referenceMissing},
			{csvRow(set(0, m+strings.Repeat("x", 256))), "reference", referenceMalformed},
			{csvRow(set(4, m)), "ID Number", "record_claim_wrong_format"},
			{csvRow(set(5, "")), "Full Name", "record_claim_wrong_format"},
			{csvRow(set(7, "02/06/2990")), "Date of Birth", "record_date_implausible"},
			{csvRow(set(8, m+","+m)), "", rowColumns},
			{m, "", rowColumns},
			{"", "", rowColumns},
			{csvRow(set(5, `"`+m)), "", rowMalformed},      // the quote is never closed, and swallows nothing
			{csvRow(set(5, m+`"x"`)), "", rowMalformed},    // a quote inside
			{csvRow(set(5, `"`+m+`"x`)), "", rowMalformed}, // something behind it
			{csvRow(set(5, m+"\xff")), "", rowEncoding},
			{csvRow(set(5, m+strings.Repeat("x", maxLine))), "", rowTooLong},
			{strings.Repeat(m, 3*maxLine), "", rowTooLong},
		},
		"jsonl": {
			{jsonRow(`"holder":"`+good+`",`, ``), "holder", holderMissing},
			{jsonRow(`"holder":"`+good+`",`, `"holder":"",`), "holder", holderMalformed},
			{jsonRow(`"holder":"`+good+`",`, `"holder":null,`), "holder", holderMalformed},
			{jsonRow(`"holder":"`+good+`",`, `"holder":["MARKER"],`), "holder", holderMalformed},
			{jsonRow(`"holder":"`+good+`",`, `"holder":"`+good+`","unbound":true,`), "holder", holderAndUnbound},
			{jsonRow(`"holder":"`+good+`",`, `"holder":`+private+`,`), "holder", "key_private_member"},
			{jsonRow(`"holder":"`+good+`",`, `"unbound":"true",`), "unbound", unboundMalformed},
			{jsonRow(`"holder":"`+good+`",`, `"unbound":1,`), "unbound", unboundMalformed},
			{jsonRow(`"ref-MARKER"`, `""`), "reference", referenceMissing},
			{jsonRow(`"ref-MARKER"`, `17`), "reference", referenceMalformed},
			{jsonRow(`"reference":"ref-MARKER",`, ``), "reference", referenceMissing},
			{jsonRow(`"reference":`, `"Reference":`), "reference", rowMember},
			{jsonRow(`"claims":`, `"MARKER":1,"claims":`), "", rowMember},
			{jsonRow(`"claims":`, `"status_index":1,"claims":`), "status_index", rowMember},
			{jsonRow(`"claims":`, `"holder":"MARKER","claims":`), "holder", rowRepeats},
			{jsonRow(`"claims":{`, `"claims":{"MARKER":"x",`), "claims", "record_claim_unknown"},
			{jsonRow(`"claims":{`, `"claims":{"Gender":"MARKER",`), "Gender", "record_malformed"},
			{jsonRow(`"claims":{`, `"claims":{"MARKER":"x","MARKER":"x",`), "claims", "record_malformed"},
			{jsonRow(`"MARKER name"`, `MARKER`), "Full Name", "record_malformed"},
			{jsonRow(`"MARKER name"`, `"MARKER","x"`), "claims", "record_malformed"}, // "x" stands where a name is due
			{jsonRow(`"MARKER name"`, `{"MARKER":}`), "Full Name", "record_malformed"},
			{jsonRow(`"MARKER name"`, `{"a":1,"a":"MARKER"}`), "claims", "record_malformed"},
			{jsonRow(`"MARKER name"`, `[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["MARKER"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]`), "claims", "record_malformed"},
			{jsonRow(`"claims":{`, `"claims":null,"x":{`), "", rowMember},
			{jsonRow(`,"claims":{`, `,"claims":MARKER} {`), "", rowMalformed},
			{jsonRow(`"Full Name"`, `"Full name"`), "Full Name", "record_claim_near_miss"},
			{jsonRow(`"Full Name":"MARKER name",`, ``), "Full Name", "record_claim_missing"},
			{jsonRow(`"MARKER name"`, `["MARKER"]`), "Full Name", "record_claim_wrong_type"},
			{jsonRow(`,"claims":{`, `,"claims":"MARKER","x":{`), "", rowMember},
			{jsonRow(`"claims":{`, `"claims":[{`), "claims", rowMalformed},
			{jsonRow(`"claims":{`, `"claims":}{`), "claims", rowMalformed},
			{jsonRow(`"claims":{`, `"claims" {`), "claims", rowMalformed},
			{jsonRow(`"claims":{`, `"claims":{"x":"MARKER`), "claims", rowMalformed}, // a quote that is never closed
			{jsonRow(`"claims":{`, `"Claims":{`), "claims", rowMember},
			{jsonRow(`"ref-MARKER"`, `"ref-MARKER\x"`), "reference", referenceMalformed},
			{jsonRow(`"ref-MARKER"`, `"ref-MARKER`+"\t"+`"`), "reference", referenceMalformed},
			{jsonRow(`{"reference"`, `{,"reference"`), "", rowMalformed},
			{jsonRow(`}}`, `},}`), "", rowMalformed},
			{jsonRow(`MARKER name`, "MARKER \xff"), "", rowEncoding},
			{jsonRow(`}}`, `}} {"MARKER":1}`), "", rowMalformed},
			{jsonRow(`}}`, `}}}`), "", rowMalformed},
			{jsonRow(`}}`, `}`), "", rowMalformed},
			{`["MARKER"]`, "", rowMalformed},
			{``, "", rowMalformed},
			{strings.Replace(jsonRow("MARKER", "MARKER"), "MARKER name", strings.Repeat("MARKER", maxLine), 1), "", rowTooLong},
		},
	} {
		t.Run(format, func(t *testing.T) {
			here(t)
			// A faultless row between any two, which must become a card whatever stands around it.
			var text strings.Builder
			if format == "csv" {
				text.WriteString(strings.Join(columnNames, ",") + "\n")
			}
			for i, r := range rows {
				fine := strings.Replace(jsonRow("MARKER", "MARKER"), "ref-MARKER", "fine-"+strconv.Itoa(i), 1)
				if format == "csv" {
					fine = csvRow(set(0, "fine-"+strconv.Itoa(i)))
				}
				text.WriteString(r.text + "\r\n" + fine + "\n")
			}
			write(t, "people."+format, text.String())
			said := must(t, 3, "sign", "-in", "people."+format, "-out", "cards")
			got := refusals(t, "cards")
			if len(got) != len(rows) || len(entries(t, "cards")) != len(rows) {
				t.Fatalf("%d cards and %d errors of %d rows each:\n%s", len(entries(t, "cards")), len(got), len(rows), read(t, "cards", errorsFile))
			}
			for i, r := range rows {
				if got[i].Row != int64(2*i+1) || got[i].Field != r.field || got[i].Reason != r.reason {
					t.Errorf("row %d, %.100q: got row %d, %q, %s; want %q, %s", 2*i+1, r.text, got[i].Row, got[i].Field, got[i].Reason, r.field, r.reason)
				}
			}
			must(t, 0, "check", "-in", "people."+format, "-out", "cards")
			for _, text := range []string{said, read(t, "cards", errorsFile), read(t, "cards", manifestFile), read(t, "cards", checkpointFile)} {
				if strings.Contains(text, m) || strings.Contains(text, "fine-") || strings.Contains(text, "10000000001") {
					t.Errorf("a value of a row stands in %s", text)
				}
			}
		})
	}
}

func TestReferencesAndStatus(t *testing.T) {
	here(t)
	row := func(ref, status string) string {
		return ref + ",true," + status + ",Citizenship,10000000001,Pema Example,Female,02/06/1990,Bhutanese\n"
	}
	head := "reference,unbound,status_index,ID Type,ID Number,Full Name,Gender,Date of Birth,Citizenship\n"
	in := write(t, "people.csv", head+row("a", "7")+row("a", "8")+row("b", "7")+row("b", "9")+row("c", "")+row("c", "-1")+row("c", "07")+row("c", "8")+
		row("e", "30")+row("d", "31")+row("e", "32")+row("c", "33")) // out of order, after a while in order
	const uri = "https://registry.example/lists/1"
	must(t, 3, "sign", "-in", in, "-out", "cards", "-status", uri)
	var got []string
	for _, r := range refusals(t, "cards") {
		got = append(got, strconv.FormatInt(r.Row, 10)+" "+r.Reason)
	}
	want := []string{"2 " + referenceRepeated, "3 " + statusRepeated, "5 " + statusMissing, "6 " + statusMalformed, "7 " + statusMalformed,
		"11 " + referenceRepeated, "12 " + referenceRepeated}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("got %v", got)
	}
	first := entries(t, "cards")
	for _, e := range first {
		if v, _ := opened(t, card(t, "cards", e)); v.Status == nil || v.Status.URI != uri || int64(v.Status.Index) != *e.Status {
			t.Errorf("row %d: %v", e.Row, v.Status)
		}
	}
	// What was taken stays taken when rows are added to the file.
	write(t, "people.csv", read(t, "people.csv")+row("a", "20")+row("f", "9")+row("f", "21"))
	must(t, 3, "sign", "-in", in, "-out", "cards", "-status", uri)
	if got := refusals(t, "cards")[len(want):]; len(got) != 2 || got[0].Reason != referenceRepeated || got[1].Reason != statusRepeated {
		t.Errorf("%+v", got)
	}
	must(t, 0, "check", "-in", in, "-out", "cards")

	// A reference is the same under one key and another under another: without the key nobody can try all numbers.
	must(t, 3, "sign", "-in", in, "-out", "again", "-status", uri)
	must(t, 3, "sign", "-in", in, "-out", "other", "-status", uri, "-reference-key", "other-key")
	again, other := entries(t, "again"), entries(t, "other")
	for i, e := range first {
		if again[i].Reference != e.Reference || other[i].Reference == e.Reference || len(e.Reference) != 22 {
			t.Errorf("row %d: %s, %s, %s", e.Row, e.Reference, again[i].Reference, other[i].Reference)
		}
	}
}

// Another country's catalogue needs no Go: nested and optional claims, numbers, arrays.
func TestAnotherCatalogue(t *testing.T) {
	health, err := filepath.Abs("../../credential/catalogue/invented.json")
	if err != nil {
		t.Fatal(err)
	}
	varendal, err := filepath.Abs("../../credential/catalogue/testdata/varendal.json")
	if err != nil {
		t.Fatal(err)
	}
	here(t)
	head := "Health ID,Full Name,Date of Birth,Gender,Blood Group,Allergies,Chronic Conditions,Regular Medicines,Immunisations,Organ Donor,Emergency Contact,Home Clinic,reference,unbound\n"
	cells := func(allergies, donor string) string {
		return "H10000001,Pema Example,02/06/1990,Female,O+," + allergies + ",[],[],[]," + donor + ",Karma Example,Example Clinic,"
	}
	in := write(t, "health.csv", head+cells(`"[""penicillin""]"`, "true")+"1,true\n"+
		cells("[]", `"true,""Blood Group"":""A+"""`)+"2,true\n"+ // a cell that would be two members
		cells("penicillin", "true")+"3,true\n"+cells("[1]", "true")+"4,true\n")
	must(t, 3, "sign", "-in", in, "-out", "health", "-catalogue", health, "-type", "Health Card")
	var got []string
	for _, r := range refusals(t, "health") {
		got = append(got, r.Field+" "+r.Reason)
	}
	if want := "Organ Donor claim_malformed, Allergies claim_malformed, Allergies record_claim_wrong_type"; strings.Join(got, ", ") != want {
		t.Errorf("got %v", got)
	}
	if _, c := opened(t, card(t, "health", entries(t, "health")[0])); c["Organ Donor"] != true || c["Allergies"].([]any)[0] != "penicillin" {
		t.Errorf("%v", c)
	}
	in = write(t, "residents.jsonl", `{"reference":"1","unbound":true,"claims":{"ονοματεπώνυμο":"Παράδειγμα","person_number":42,"birthdate":"1959-11-24",
		"address":{"street":"Example Way","postcode":"VA-001"},"nationalities":["VA"],"height_m":1.730,"votes_here":false}}`)
	write(t, in, strings.ReplaceAll(read(t, in), "\n", "")+"\n")
	must(t, 0, "sign", "-in", in, "-out", "residents", "-catalogue", varendal, "-type", "urn:example:varendal:resident_card:1")
	sdjwt := card(t, "residents", entries(t, "residents")[0])
	if _, c := opened(t, sdjwt); c["address"].(map[string]any)["postcode"] != "VA-001" || c["age_over_16"] != true {
		t.Errorf("%v", c)
	}
	if n := bytes.Count(sdjwt, []byte("~")) - 1; n != 10 {
		t.Errorf("%d disclosures", n)
	}
}

func TestWrongUse(t *testing.T) {
	here(t)
	in := write(t, "p.csv", strings.Join(columnNames, ",")+"\n")
	foreign := t.TempDir() // has a manifest of something else
	write(t, filepath.Join(foreign, manifestFile), "precious")
	heads := 0
	head := func(text string) string {
		heads++
		return write(t, "head"+strconv.Itoa(heads)+".csv", text+"\n")
	}
	all := strings.Join(columnNames, ",")
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{0, "issue-batch signs a card", nil},
		{2, "issue-batch signs a card", []string{"sing"}},
		{0, "Exit code", []string{"-h"}},
		{0, "reference-key", []string{"sign", "-h"}},
		{2, "-in and -out", []string{"sign"}},
		{2, "flags alone", []string{"sign", "-in", in, "-out", "x", "more"}},
		{2, "not defined", []string{"sign", "-inn", in}},
		{2, "-workers", []string{"sign", "-in", in, "-out", "x", "-workers", "0"}},
		{2, "csv or jsonl", []string{"sign", "-in", "people.txt", "-out", "x"}},
		{2, "no such -type", []string{"sign", "-in", in, "-out", "x", "-type", "Shoe Card"}},
		{2, "-expires", []string{"sign", "-in", in, "-out", "x", "-expires", "2001-01-01"}},
		{2, "-key-from", []string{"sign", "-in", in, "-out", "x", "-key-from", "2999-01-01T00:00:00Z"}},
		{1, "-issuer, -kid", []string{"sign", "-in", in, "-out", "x", "-kid", "key"}},
		{1, "no such file", []string{"sign", "-in", "none.csv", "-out", "x"}},
		{1, "take another folder", []string{"sign", "-in", in, "-out", foreign}},
		{1, "empty", []string{"sign", "-in", write(t, "e.csv", ""), "-out", "y1"}},
		{1, `"Full Name" twice`, []string{"sign", "-in", head(all + ",Full Name"), "-out", "y"}},
		{1, `did you mean "Full Name"`, []string{"sign", "-in", head(strings.Replace(all, "Full Name", "Full name", 1)), "-out", "y"}},
		{1, `lacks the claim "Gender"`, []string{"sign", "-in", head(strings.Replace(all, ",Gender", "", 1)), "-out", "y"}},
		{1, `"age_over_18", which is computed`, []string{"sign", "-in", head(all + ",age_over_18"), "-out", "y"}},
		{1, "lacks reference", []string{"sign", "-in", head(strings.Replace(all, "reference,", "", 1)), "-out", "y"}},
		{1, "neither holder nor unbound", []string{"sign", "-in", head(strings.Replace(all, "holder,unbound,", "", 1)), "-out", "y"}},
		{1, "need each other", []string{"sign", "-in", head(all), "-out", "y", "-status", "https://registry.example/l"}},
		{1, "need each other", []string{"sign", "-in", head(all + ",status_index"), "-out", "y2"}},
		{2, "-in and -out", []string{"check"}},
		{1, "no such file", []string{"check", "-in", in, "-out", "x", "-key", "none"}},
		{2, "did:key or jwk", []string{"generate", "-holder", "x"}},
	} {
		if code, said := do(t, c.args...); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%v: exit code %d, %s", c.args, code, said)
		}
	}
}

func TestStoppedRunContinues(t *testing.T) {
	here(t)
	must(t, 0, "generate", "-n", "3000", "-out", "people.csv")
	stopped := 0
	for {
		// The context ends as soon as the first cards are on disk.
		ctx, stop := context.WithCancel(t.Context())
		before := size("cards", segmentFile(1))
		go func() {
			for ctx.Err() == nil && size("cards", segmentFile(1)) < before+100_000 {
				time.Sleep(time.Millisecond)
			}
			stop()
		}()
		var said bytes.Buffer
		code := command(ctx, []string{"sign", "-in", "people.csv", "-out", "cards"}, io.Discard, &said)
		stop()
		if code == 0 {
			break
		}
		stopped++
		if code != 1 || !strings.Contains(said.String(), "the same command again continues") {
			t.Fatalf("exit code %d: %s", code, said.String())
		}
		if code, text := do(t, "check", "-in", "people.csv", "-out", "cards"); code != 1 || !strings.Contains(text, "not finished") {
			t.Errorf("exit code %d: %s", code, text)
		}
	}
	if stopped == 0 {
		t.Error("never stopped")
	}
	must(t, 0, "check", "-in", "people.csv", "-out", "cards")
}

func size(path ...string) int64 {
	info, err := os.Stat(filepath.Join(path...))
	if err != nil {
		return 0
	}
	return info.Size()
}

var errHSM = errors.New("the HSM is asleep")

// A signer that fails is nobody's row: the run ends, and continues when the signer is back.
func TestSignerThatFails(t *testing.T) {
	here(t)
	must(t, 0, "generate", "-n", "1000", "-out", "people.csv")
	o := options{in: "people.csv", cardType: "Foundational ID", key: "issuer-key.pem", referenceKey: "reference-key", kid: "#0", segment: 100_000}
	p, err := newPlan(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("cards", 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := openDelivery("cards", p.terms, o.segment)
	if err != nil {
		t.Fatal(err)
	}
	p.signer = &tired{Signer: p.signer, left: 500}
	press, err := newPress(p, d.state.Terms)
	if err != nil {
		t.Fatal(err)
	}
	in, err := openRows("people.csv", "csv", d.state.Input)
	if err != nil {
		t.Fatal(err)
	}
	parsers, err := in.parser(p.kind, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.begin(); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), in, parsers, press, d, 1, time.Second); !errors.Is(err, errHSM) {
		t.Fatalf("got %v", err)
	}
	d.close()
	in.close()
	if n := len(entries(t, "cards")); n == 0 || n > 500 || size("cards", errorsFile) != 0 {
		t.Errorf("%d cards", n)
	}
	must(t, 0, "sign", "-in", "people.csv", "-out", "cards")
	must(t, 0, "check", "-in", "people.csv", "-out", "cards")
}

// tired signs a number of times.
type tired struct {
	pubkey.Signer
	left int
}

func (s *tired) Sign(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
	if s.left--; s.left < 0 {
		return nil, errHSM
	}
	return s.Signer.Sign(ctx, a, input)
}
