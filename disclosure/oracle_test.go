package disclosure

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/khyer/khyer/internal/strictjson"
)

// plainReader is the algorithm of RFC 9901 section 7.1 as the text has it, with maps and copies, for sha-256 and the compact serialisation:
// what the tables of process are compared with.
type plainReader struct {
	byDigest map[string][]any // digest as text -> disclosure
	seen     map[string]bool
	used     int
	fault    bool
}

func plainly(in string) (claims any, ok bool) {
	parts := strings.Split(in, "~")
	jwt := strings.Split(parts[0], ".")
	payload, err := base64.RawURLEncoding.DecodeString(jwt[1])
	if err != nil {
		return nil, false
	}
	p := &plainReader{byDigest: map[string][]any{}, seen: map[string]bool{}}
	disclosures := parts[1 : len(parts)-1]
	for _, d := range disclosures {
		raw, err := base64.RawURLEncoding.DecodeString(d)
		list, isList := number(raw).([]any)
		if err != nil || !isList || len(list) < 2 || len(list) > 3 {
			return nil, false
		}
		_, salt := list[0].(string)
		if _, name := list[1].(string); !salt || len(list) == 3 && !name {
			return nil, false
		}
		sum := sha256.Sum256([]byte(d))
		p.byDigest[base64.RawURLEncoding.EncodeToString(sum[:])] = list
	}
	top, isObject := number(payload).(map[string]any)
	if !isObject || len(p.byDigest) != len(disclosures) {
		return nil, false
	}
	delete(top, "_sd_alg")
	claims = p.read(top)
	return claims, !p.fault && p.used == len(disclosures)
}

// number decodes JSON with its numbers as they are written.
func number(raw []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// find returns the disclosure of an embedded digest, or nil.
func (p *plainReader) find(digest string) []any {
	p.fault = p.fault || p.seen[digest]
	p.seen[digest] = true
	if d := p.byDigest[digest]; d != nil {
		p.used++
		return d
	}
	return nil
}

func (p *plainReader) read(v any) any {
	if p.fault {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		return p.object(v)
	case []any:
		out := []any{}
		for _, e := range v {
			if o, ok := e.(map[string]any); ok && o["..."] != nil || ok && hasKey(o, "...") {
				digest, isText := o["..."].(string)
				if !isText || len(o) != 1 {
					p.fault = true
					return nil
				}
				if d := p.find(digest); d != nil {
					p.fault = p.fault || len(d) != 2
					out = append(out, p.read(d[len(d)-1]))
				}
				continue
			}
			out = append(out, p.read(e))
		}
		return out
	}
	return v
}

func hasKey(o map[string]any, k string) bool { _, ok := o[k]; return ok }

func (p *plainReader) object(v map[string]any) any {
	out := map[string]any{}
	for name, e := range v {
		switch name {
		case "_sd":
		case "...", "_sd_alg":
			p.fault = true
		default:
			out[name] = p.read(e)
		}
	}
	if !hasKey(v, "_sd") {
		return out
	}
	digests, isList := v["_sd"].([]any)
	p.fault = p.fault || !isList
	for _, e := range digests {
		digest, isText := e.(string)
		p.fault = p.fault || !isText
		d := p.find(digest)
		if d == nil {
			continue
		}
		name, _ := d[1].(string)
		if len(d) != 3 || name == "_sd" || name == "..." || name == "_sd_alg" || hasKey(out, name) {
			p.fault = true
			return nil
		}
		out[name] = p.read(d[2])
	}
	return out
}

// processing are the reasons of section 7.1 that depend on disclosures; the rest is syntax, bounds and JSON, which plainly does not judge.
var processing = []Reason{HashNested, DigestsMalformed, PlaceholderMalformed, ReservedName, DisclosureMalformed, ClaimExists, DigestRepeated, NotReferenced}

// FuzzProcess builds an SD-JWT of a payload and disclosures in which "$1" to "$9" stand for the digests of those disclosures, the later
// ones in the earlier, and compares what is read with plainly.
func FuzzProcess(f *testing.F) {
	for _, seed := range []string{
		`{"_sd":["$1","$2","x"],"a":[{"...":"$3"},1]}` + "\n" + `["s","n",{"_sd":["$4"]}]` + "\n" + `["s","m",[{"...":"$5"}]]` + "\n" + `["s",2]` + "\n" + `["s","o",{}]` + "\n" + `["s",[]]`,
		`{"_sd":["$1","$1"]}` + "\n" + `["s","n",1]`,
		`{"_sd":["$1"],"n":1}` + "\n" + `["s","\u006e",1]`,
		`{"b":{"_sd_alg":"sha-256"}}`,
		`{"_sd":["$2"]}` + "\n" + `["s","n",1]` + "\n" + `["s","_sd",1]`,
		`{"_sd":["$1"]}` + "\n" + `["s",1]`,
		`{"a":[{"...":"$1"}]}` + "\n" + `["s","n",1]`,
		`{"a":[{"...":"$1","b":1}]}` + "\n" + `["s",1]`,
		`{"_sd":["$1","$2"]}` + "\n" + `["s","n",1]` + "\n" + `["t","n",2]`,
		`{"_sd":1}`,
		`{"_sd":["$1"],"p1":1,"p2":1,"p3":1,"p4":1,"p5":1,"p6":1,"p7":1,"p8":1,"p9":1,"p10":1,"p11":1,"p12":1,"p13":1,"p14":1,"p15":1,"p16":1,"p17":1,"p18":1,"p19":1,"p20":1,"p21":1,"p22":1,"p23":1,"p24":1,"\u0070":1}` + "\n" + `["s","p",1]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		lines := strings.Split(in, "\n")
		if len(lines) > 10 {
			return
		}
		var encoded []string
		for n := len(lines) - 1; n >= 0; n-- { // a disclosure can hold the digests of those that come after it
			line := lines[n]
			for i, d := range encoded {
				line = strings.ReplaceAll(line, "$"+string(rune('1'+len(lines)-2-i)), hashed(d))
			}
			encoded = append(encoded, b64(line))
		}
		payload := encoded[len(encoded)-1]
		disclosures := encoded[:len(encoded)-1]
		slices.Reverse(disclosures)
		text := b64(`{"alg":"ES256"}`) + "." + payload + "." + b64("sig") + "~"
		for _, d := range disclosures {
			text += d + "~"
		}
		u, err := Parse([]byte(text), Limits{})
		if err != nil || u.Hash().Size() != 32 {
			return
		}
		want, ok := plainly(text)
		v, err := u.Verify(agree)
		switch {
		case err != nil && slices.ContainsFunc(processing, func(r Reason) bool { return errors.Is(err, r) }):
			if ok {
				t.Fatalf("%v, and the plain reader accepts %s", err, in)
			}
		case err == nil && !ok:
			t.Fatalf("accepted, and the plain reader refuses %s", in)
		case err == nil && !reflect.DeepEqual(number(v.Claims()), want):
			t.Fatalf("read %s, the plain reader %v of %s", v.Claims(), want, in)
		case err == nil:
			sameValues(t, v, want)
		}
	})
}

// sameValues compares Claim and Take for every top-level claim.
func sameValues(t *testing.T, v *Verified, claims any) {
	t.Helper()
	for name, want := range claims.(map[string]any) {
		raw, ok := v.Claim(Path{name})
		values, _ := v.Take(strictjson.Inside{}, []Path{{name}})
		if !ok || !bytes.Equal(raw, values[0]) || !reflect.DeepEqual(number(raw), want) {
			t.Fatalf("%q is %s, then %s, want %v", name, raw, values[0], want)
		}
	}
}
