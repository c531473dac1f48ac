package disclosure

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
)

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// agreed stands in for a signature check.
func agreed(Signature) error { return nil }

// jws makes an unsigned SD-JWT of two disclosures.
func jws(t *testing.T) string {
	t.Helper()
	payload, d, err := Conceal([]byte(`{"iss":"i","a":1,"b":{"c":2}}`), ConcealOptions{Paths: []Path{{"a"}, {"b", "c"}}})
	if err != nil {
		t.Fatal(err)
	}
	return encode([]byte(`{"alg":"ES256"}`)) + "." + encode(payload) + "." + encode([]byte("signature")) + "~" + strings.Join(d, "~") + "~"
}

func TestJSONSerialisationsSayTheSame(t *testing.T) {
	compact := jws(t)
	for name, make := range map[string]func() ([]byte, error){
		"flattened": func() ([]byte, error) { return Flattened([]byte(compact)) },
		"general": func() ([]byte, error) {
			return General([]byte(compact), []byte(compact[:strings.IndexByte(compact, '~')+1]))
		},
	} {
		text, err := make()
		if err != nil {
			t.Fatal(name, err)
		}
		if !json.Valid(text) {
			t.Fatalf("%s is no JSON: %s", name, text)
		}
		u, err := Parse(text, Limits{})
		if err != nil {
			t.Fatal(name, err)
		}
		if string(u.text) != compact {
			t.Errorf("%s: the compact form differs: %s", name, u.text)
		}
		shown, err := u.Select([]Path{{"b", "c"}})
		if err != nil {
			t.Fatal(name, err)
		}
		again, err := Parse(shown, Limits{})
		if err != nil {
			t.Fatalf("%s: %v in %s", name, err, shown)
		}
		if len(again.Signatures()) != len(u.Signatures()) || len(again.disclosures) != 1 || !bytes.Equal(again.first[0].Input, u.first[0].Input) {
			t.Errorf("%s: Select lost something: %s", name, shown)
		}
		v, err := again.Verify(agreed)
		if err != nil {
			t.Fatal(name, err)
		}
		if got, want := string(v.Claims()), `{"iss":"i","b":{"c":2}}`; got != want {
			t.Errorf("%s: claims are %s, want %s", name, got, want)
		}
	}
}

func TestKeyBindingTravelsInTheUnprotectedHeader(t *testing.T) {
	compact := jws(t)
	kb := encode([]byte(`{"alg":"ES256"}`)) + "." + encode([]byte(`{}`)) + "." + encode([]byte("kb"))
	text, err := Flattened([]byte(compact + kb))
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse(text, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, got, ok := u.KeyBinding()
	want := hashOf(u.hash, []byte(compact))
	if !ok || !bytes.Equal(got, want[:32]) {
		t.Errorf("sd_hash is not taken over the compact form")
	}
	if s, err := u.Select(nil); err != nil || bytes.Contains(s, []byte("kb_jwt")) {
		t.Errorf("Select kept the key binding: %s, %v", s, err)
	}
}

// One signature that can be verified is enough, whichever it is, and the first error comes back if none can.
func TestOneOfSeveralSignaturesIsEnough(t *testing.T) {
	one, two := jws(t), ""
	two = strings.Replace(one, encode([]byte("signature")), encode([]byte("of another")), 1)
	text, err := General([]byte(one), []byte(two))
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse(text, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"signature", "of another"} {
		if _, err := u.Verify(func(s Signature) error {
			if string(s.Value) != want {
				return errors.New("not this one")
			}
			return nil
		}); err != nil {
			t.Errorf("%q alone is good, and Verify says %v", want, err)
		}
	}
	n := 0
	_, err = u.Verify(func(Signature) error { n++; return errors.New("number " + string(rune('0'+n))) })
	if n != 2 || err == nil || err.Error() != "number 1" {
		t.Errorf("asked %d times, got %v", n, err)
	}
}

func TestJSONSerialisationRefused(t *testing.T) {
	compact := jws(t)
	protected, rest, _ := strings.Cut(compact, ".")
	payload, rest, _ := strings.Cut(rest, ".")
	sig, rest, _ := strings.Cut(rest, "~")
	d1, rest, _ := strings.Cut(rest, "~")
	d2, _, _ := strings.Cut(rest, "~")
	fill := func(s string) string {
		return strings.NewReplacer("PAY", `"payload":"`+payload+`"`, "SIG", `"protected":"`+protected+`","signature":"`+sig+`"`,
			"DIS", `"disclosures":["`+d1+`","`+d2+`"]`).Replace(s)
	}
	for name, c := range map[string]struct {
		text string
		want Reason
	}{
		"no payload":                          {`{SIG,"header":{DIS}}`, Malformed},
		"payload is an object":                {`{"payload":{},SIG,"header":{DIS}}`, Malformed},
		"payload with a dot":                  {`{"payload":"a.b",SIG}`, Malformed},
		"no signature":                        {`{PAY,"protected":"` + protected + `"}`, Malformed},
		"no protected header":                 {`{PAY,"signature":"` + sig + `","header":{"alg":"ES256"}}`, Malformed},
		"signature with another spelling":     {`{PAY,"protected":"` + protected + `","signature":"` + sig + `="}`, BadEncoding},
		"signature and signatures":            {`{PAY,SIG,"signatures":[{SIG}]}`, Malformed},
		"signatures beside a header":          {`{PAY,"header":{DIS},"signatures":[{SIG}]}`, Malformed},
		"no signatures":                       {`{PAY,"signatures":[]}`, Malformed},
		"signatures is an object":             {`{PAY,"signatures":{}}`, Malformed},
		"a signature is a string":             {`{PAY,"signatures":["` + sig + `"]}`, Malformed},
		"too many signatures":                 {`{PAY,"signatures":[` + strings.Repeat("{SIG},", maxSignatures) + `{SIG}]}`, TooLarge},
		"disclosures in the second header":    {`{PAY,"signatures":[{SIG},{SIG,"header":{DIS}}]}`, Malformed},
		"kb_jwt in the second header":         {`{PAY,"signatures":[{SIG,"header":{DIS}},{SIG,"header":{"kb_jwt":"a.b.c"}}]}`, Malformed},
		"header is an array":                  {`{PAY,SIG,"header":[]}`, Malformed},
		"disclosures is a string":             {`{PAY,SIG,"header":{"disclosures":"` + d1 + `"}}`, Malformed},
		"a disclosure is a number":            {`{PAY,SIG,"header":{"disclosures":[1]}}`, Malformed},
		"two disclosures in one string":       {`{PAY,SIG,"header":{"disclosures":["` + d1 + `~` + d2 + `"]}}`, Malformed},
		"an empty disclosure":                 {`{PAY,SIG,"header":{"disclosures":[""]}}`, Malformed},
		"a disclosure with padding":           {`{PAY,SIG,"header":{"disclosures":["` + d1 + `=="]}}`, BadEncoding},
		"kb_jwt is null":                      {`{PAY,SIG,"header":{DIS,"kb_jwt":null}}`, Malformed},
		"kb_jwt is empty":                     {`{PAY,SIG,"header":{DIS,"kb_jwt":""}}`, Malformed},
		"kb_jwt brings a disclosure":          {`{PAY,SIG,"header":{"disclosures":["` + d1 + `"],"kb_jwt":"` + d2 + `~a.b.c"}}`, Malformed},
		"kb_jwt is no JWS":                    {`{PAY,SIG,"header":{DIS,"kb_jwt":"a"}}`, Malformed},
		"alg in both headers":                 {`{PAY,SIG,"header":{"alg":"ES256",DIS}}`, Malformed},
		"crit unprotected":                    {`{PAY,SIG,"header":{"crit":["x"],"x":1}}`, Malformed},
		"b64 unprotected":                     {`{PAY,SIG,"header":{"b64":false}}`, Malformed},
		"two payloads":                        {`{PAY,PAY,SIG}`, DuplicateMember},
		"text behind it":                      {`{PAY,SIG}~`, BadJSON},
		"a disclosure twice":                  {`{PAY,SIG,"header":{"disclosures":["` + d1 + `","` + d1 + `"]}}`, NotReferenced},
		"a disclosure of another card":        {`{PAY,SIG,"header":{"disclosures":["` + encode([]byte(`["s","x",1]`)) + `"]}}`, NotReferenced},
		"compact inside a list":               {`["` + compact + `"]`, BadEncoding},
		"disclosures outside of the header":   {`{PAY,SIG,DIS}`, ""}, // ignored, as every member that is not known
		"a member that nobody knows":          {`{PAY,SIG,"x":{"y":[1]},"header":{DIS}}`, ""},
		"white space around":                  {" \n{PAY,SIG,\"header\":{DIS}}\n", ""},
		"an escape where none is needed":      {`{PAY,SIG,"header":{"\u0064isclosures":["` + d1 + `"]}}`, ""},
		"other unprotected members":           {`{PAY,SIG,"header":{"kid":"k",DIS}}`, ""},
		"disclosures without any is no fault": {`{PAY,SIG}`, ""},
	} {
		u, err := Parse([]byte(fill(c.text)), Limits{})
		if err == nil {
			_, err = u.Verify(agreed)
		}
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestSerialisationsOfWhatDoesNotBelongTogether(t *testing.T) {
	one, other := []byte(jws(t)), []byte(jws(t))
	bound := append(bytes.Clone(one), encode([]byte(`{"alg":"ES256"}`))+"."+encode([]byte(`{}`))+"."+encode([]byte("kb"))...)
	both, err := General(one, one)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() ([]byte, error){
		"two payloads":                    func() ([]byte, error) { return General(one, other) },
		"a key binding beside another":    func() ([]byte, error) { return General(bound, one) },
		"the second has a key binding":    func() ([]byte, error) { return General(one, bound) },
		"nothing":                         func() ([]byte, error) { return General() },
		"two signatures in the flat form": func() ([]byte, error) { return Flattened(both) },
	} {
		if _, err := f(); !errors.Is(err, SignersDiffer) {
			t.Errorf("%s: got %v, want %s", name, err, SignersDiffer)
		}
	}
}

// A protected header that is no JSON object is no header, in whatever form it comes (RFC 7515 section 4).
func TestSerialisationOfNoHeader(t *testing.T) {
	for header, want := range map[string]Reason{
		`alg`: BadJSON, `"alg"`: BadJSON, `["alg"]`: BadJSON, `{"alg":"ES256","alg":"none"}`: DuplicateMember, `{"alg":"ES256"} `: "", "{\"alg\":\"\xff\"}": BadJSON,
	} {
		compact := encode([]byte(header)) + "." + encode([]byte(`{"a":1}`)) + "." + encode([]byte("signature")) + "~"
		inJSON := `{"payload":"` + encode([]byte(`{"a":1}`)) + `","protected":"` + encode([]byte(header)) + `","signature":"` + encode([]byte("signature")) + `"}`
		for _, text := range []string{compact, inJSON} {
			for name, err := range map[string]error{"Flattened": second(Flattened([]byte(text))), "General": second(General([]byte(text)))} {
				if want == "" && err != nil || want != "" && !errors.Is(err, want) {
					t.Errorf("%s of %q: %v, want %q", name, header, err, want)
				}
			}
		}
	}
}

func second(_ []byte, err error) error { return err }

// Whoever delivers one-time cards could write a mark beside the signatures, and know the citizen again at every verifier.
func TestMarkInTheUnprotectedHeaderDoesNotTravel(t *testing.T) {
	compact := jws(t)
	flat, err := Flattened([]byte(compact))
	if err != nil {
		t.Fatal(err)
	}
	general, err := General([]byte(compact), []byte(compact))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{flat, general} {
		marked := bytes.Replace(text, []byte(`"header":{`), []byte(`"header":{"trace":"person-4711",`), 1)
		marked = bytes.Replace(marked, []byte(`{"payload"`), []byte(`{"mark":"person-4711","payload"`), 1)
		if bytes.Count(marked, []byte("person-4711")) != 2 {
			t.Fatal("not marked")
		}
		u, err := Parse(marked, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		shown, err := u.Select([]Path{{"a"}})
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(shown, []byte("person-4711")) {
			t.Errorf("the mark travels: %s", shown)
		}
	}
	if bytes.Contains(general, []byte(`"header":{}`)) {
		t.Error("an empty header, which RFC 7515 section 7.2.1 forbids")
	}
}

// Many signatures of a stranger must not each hold a copy of the payload before anything is verified.
func TestSignaturesDoNotMultiplyThePayload(t *testing.T) {
	long := []byte(`{"x":"` + strings.Repeat("x", 100<<10) + `"}`)
	card := encode([]byte(`{"alg":"ES256"}`)) + "." + encode(long) + "." + encode([]byte("s")) + "~"
	one, err := General([]byte(card))
	if err != nil {
		t.Fatal(err)
	}
	many := make([][]byte, maxSignatures)
	for i := range many {
		many[i] = []byte(card)
	}
	all, err := General(many...)
	if err != nil {
		t.Fatal(err)
	}
	bytesOf := func(text []byte) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Parse(text, Limits{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	if a, b := bytesOf(one), bytesOf(all); b > a+uint64(len(long)) {
		t.Errorf("one signature takes %d bytes, %d signatures %d", a, maxSignatures, b)
	}
}
