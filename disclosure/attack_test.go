package disclosure

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func hashed(d string) string {
	h := sha256.Sum256([]byte(d))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

// sdjwt joins a payload and disclosures, given as JSON, to an SD-JWT that anyone's check may call well signed.
func sdjwt(payload string, disclosures ...string) string {
	var out strings.Builder
	out.WriteString(b64(`{"alg":"ES256"}`) + "." + b64(payload) + "." + b64("sig") + "~")
	for _, d := range disclosures {
		out.WriteString(b64(d) + "~")
	}
	return out.String()
}

func agree(Signature) error { return nil }

func TestRefusedForItsReason(t *testing.T) {
	name := `["s1","a",1]`
	h := hashed(b64(name))
	elem := `["s2",7]`
	he := hashed(b64(elem))
	many := strings.Repeat(b64(`["s","n",1]`)+"~", 1001)
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	deepPart := fmt.Sprintf(`["s","d",%s]`, deep)
	for _, c := range []struct {
		name, in string
		want     Reason
	}{
		{"no tilde", b64("{}") + "." + b64("{}") + "." + b64("s"), Malformed},
		{"empty", "", Malformed},
		{"two parts", b64("{}") + "." + b64("{}") + "~", Malformed},
		{"four parts", b64("{}") + "." + b64("{}") + "." + b64("s") + "." + b64("s") + "~", Malformed},
		{"empty signature", b64("{}") + "." + b64("{}") + ".~", Malformed},
		{"empty disclosure", sdjwt(`{}`) + "~", Malformed},
		{"truncated key binding", sdjwt(`{}`) + "abc", Malformed},
		{"oversized", sdjwt(`{"x":"` + strings.Repeat("x", 300<<10) + `"}`), TooLarge},
		{"too many disclosures", sdjwt(`{}`) + many, TooManyDisclosures},
		{"disclosure in standard base64", sdjwt(`{"_sd":[]}`) + "ab+/~", BadEncoding},
		{"disclosure with padding", sdjwt(`{"_sd":[]}`) + "YQ==~", BadEncoding},
		{"newline in disclosure", sdjwt(`{"_sd":[]}`) + "YW\nJj~", BadEncoding},
		{"newline in payload", strings.Replace(sdjwt(`{"aaaaaa":1}`), ".ey", ".e\ny", 1), BadEncoding},
		{"non-canonical tail of the signature", strings.Replace(sdjwt(`{}`), b64("sig!"), "", 1)[:len(sdjwt(`{}`))-1-len(b64("sig"))] + "c2B~", BadEncoding},
		{"payload is an array", sdjwt(`[]`), BadJSON},
		{"payload is no JSON", sdjwt(`{`), BadJSON},
		{"trailing bytes in payload", sdjwt(`{}{}`), BadJSON},
		{"duplicate member of the payload", sdjwt(`{"a":1,"a":2}`), DuplicateMember},
		{"duplicate member in a disclosure", sdjwt(`{"_sd":["`+hashed(b64(`["s","a",{"x":1,"x":2}]`))+`"]}`, `["s","a",{"x":1,"x":2}]`), DuplicateMember},
		{"payload too deep", sdjwt(`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), TooDeep},
		{"too deep through a disclosure", sdjwt(`{"b":`+strings.Repeat(`{"c":`, 20)+`{"_sd":["`+hashed(b64(deepPart))+`"]}`+strings.Repeat("}", 20)+`}`, deepPart), TooDeep},
		{"unknown hash", sdjwt(`{"_sd_alg":"md5"}`), HashUnsupported},
		{"hash in capitals", sdjwt(`{"_sd_alg":"SHA-256"}`), HashUnsupported},
		{"hash is a number", sdjwt(`{"_sd_alg":256}`), HashUnsupported},
		{"nested hash", sdjwt(`{"a":{"_sd_alg":"sha-256"}}`), HashNested},
		{"hash by disclosure", sdjwt(`{"_sd":["`+hashed(b64(`["s","_sd_alg","sha-512"]`))+`"]}`, `["s","_sd_alg","sha-512"]`), HashNested},
		{"_sd is a string", sdjwt(`{"_sd":"` + h + `"}`), DigestsMalformed},
		{"_sd holds a number", sdjwt(`{"_sd":[1]}`), DigestsMalformed},
		{"_sd is null", sdjwt(`{"_sd":null}`), DigestsMalformed},
		{"placeholder with a second member", sdjwt(`{"l":[{"...":"`+he+`","x":1}]}`, elem), PlaceholderMalformed},
		{"placeholder holds a number", sdjwt(`{"l":[{"...":1}]}`), PlaceholderMalformed},
		{"placeholder outside an array", sdjwt(`{"l":{"...":"` + he + `"}}`), ReservedName},
		{"claim named _sd", sdjwt(`{"_sd":["`+hashed(b64(`["s","_sd",[]]`))+`"]}`, `["s","_sd",[]]`), ReservedName},
		{"claim named ...", sdjwt(`{"_sd":["`+hashed(b64(`["s","...","x"]`))+`"]}`, `["s","...","x"]`), ReservedName},
		{"claim exists already", sdjwt(`{"a":0,"_sd":["`+h+`"]}`, name), ClaimExists},
		{"claim disclosed twice", sdjwt(`{"_sd":["`+h+`","`+hashed(b64(`["s9","a",2]`))+`"]}`, name, `["s9","a",2]`), ClaimExists},
		{"escaped name of an existing claim", sdjwt(`{"\u0061":0,"_sd":["`+h+`"]}`, name), ClaimExists},
		{"same digest twice", sdjwt(`{"_sd":["`+h+`","`+h+`"]}`, name), DigestRepeated},
		{"same digest at two levels", sdjwt(`{"_sd":["`+h+`"],"b":{"_sd":["`+h+`"]}}`, name), DigestRepeated},
		{"same decoy twice", sdjwt(`{"_sd":["` + he + `"],"b":[{"...":"` + he + `"}]}`), DigestRepeated},
		{"same odd decoy twice", sdjwt(`{"_sd":["decoy","decoy"]}`), DigestRepeated},
		{"digest repeated in a disclosure", sdjwt(`{"_sd":["`+h+`","`+hashed(b64(`["s","b",{"_sd":["`+h+`"]}]`))+`"]}`, name, `["s","b",{"_sd":["`+h+`"]}]`), DigestRepeated},
		{"unreferenced disclosure", sdjwt(`{"_sd":[]}`, name), NotReferenced},
		{"the same disclosure twice", sdjwt(`{"_sd":["`+h+`"]}`, name, name), NotReferenced},
		{"child without its parent", sdjwt(`{"_sd":["`+hashed(b64(`["s","b",{"_sd":["`+h+`"]}]`))+`"]}`, name), NotReferenced},
		{"disclosure is an object", sdjwt(`{"_sd":["`+hashed(b64(`{"a":1}`))+`"]}`, `{"a":1}`), DisclosureMalformed},
		{"disclosure of one element", sdjwt(`{"_sd":["`+hashed(b64(`["s"]`))+`"]}`, `["s"]`), DisclosureMalformed},
		{"disclosure of four elements", sdjwt(`{"_sd":["`+hashed(b64(`["s","a",1,2]`))+`"]}`, `["s","a",1,2]`), DisclosureMalformed},
		{"salt is a number", sdjwt(`{"_sd":["`+hashed(b64(`[1,"a",1]`))+`"]}`, `[1,"a",1]`), DisclosureMalformed},
		{"name is a number", sdjwt(`{"_sd":["`+hashed(b64(`["s",1,1]`))+`"]}`, `["s",1,1]`), DisclosureMalformed},
		{"element's disclosure in _sd", sdjwt(`{"_sd":["`+he+`"]}`, elem), DisclosureMalformed},
		{"member's disclosure in an array", sdjwt(`{"l":[{"...":"`+h+`"}]}`, name), DisclosureMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := Parse([]byte(c.in), Limits{})
			if err == nil {
				_, err = u.Verify(agree)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestNothingIsReadBeforeTheSignatureIsChecked(t *testing.T) {
	no := errors.New("no")
	u, err := Parse([]byte(sdjwt(`{"_sd":["x"]}`, `not even JSON`)), Limits{})
	if err != nil {
		t.Fatal(err) // the disclosure is looked at later
	}
	if _, err := u.Verify(func(Signature) error { return no }); err != no {
		t.Errorf("got %v, want the check's own error", err)
	}
}

func TestHiddenValueInErrors(t *testing.T) {
	const marker = "MARKER-10000000001"
	for _, in := range []string{
		sdjwt(`{"_sd":[]}`, `["s","a","`+marker+`"]`),
		sdjwt(`{"a":"`+marker+`","_sd":["`+hashed(b64(`["s","a","`+marker+`"]`))+`"]}`, `["s","a","`+marker+`"]`),
		sdjwt(`{"a":"` + marker + `","a":1}`),
	} {
		u, err := Parse([]byte(in), Limits{})
		if err == nil {
			_, err = u.Verify(agree)
		}
		if err == nil || strings.Contains(err.Error(), marker) {
			t.Errorf("error %v", err)
		}
	}
}

// A stranger chooses how many digests, disclosures and names there are; the work must stay linear. This asserts no time: it fails by
// the test's own time limit if it is quadratic.
func TestManyDigestsStayLinear(t *testing.T) {
	const n = 60000
	var payload, names strings.Builder
	var parts []string
	for i := range n {
		d := fmt.Sprintf(`["s%d","n%d",%d]`, i, i, i)
		parts = append(parts, d)
		fmt.Fprintf(&payload, `,"%s"`, hashed(b64(d)))
		fmt.Fprintf(&names, `,"p%d":0`, i)
	}
	in := sdjwt(`{"_sd":[`+payload.String()[1:]+`]`+names.String()+`}`, parts...)
	u, err := Parse([]byte(in), Limits{Bytes: 1 << 30, Disclosures: n})
	if err != nil {
		t.Fatal(err)
	}
	v, err := u.Verify(agree)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(v.Revealed()); got != n {
		t.Errorf("%d revealed", got)
	}
}
