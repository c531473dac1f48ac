package jws_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/khyer/khyer/internal/jws"
)

func ExampleReadHeader() {
	h, err := jws.ReadHeader([]byte(`{"alg":"ES256","typ":"statuslist+jwt","kid":"#key-1"}`))
	fmt.Println(h.Algorithm, h.Type, h.KeyID, err)
	_, err = jws.ReadHeader([]byte(`{"alg":"ES256","crit":["exp"],"exp":1}`))
	fmt.Println(err)
	// Output:
	// ES256 statuslist+jwt #key-1 <nil>
	// crit or b64: an extension that is not known
}

func TestHeadersThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		want   error
	}{
		"no JSON":            {`alg`, jws.ErrMalformed},
		"an array":           {`["alg"]`, jws.ErrMalformed},
		"alg twice":          {`{"alg":"ES256","alg":"none"}`, jws.ErrMalformed},
		"alg in other case":  {`{"alg":"ES256","ALG":"none"}`, jws.ErrMalformed},
		"alg escaped":        {`{"\u0061lg":"ES256"}`, jws.ErrMalformed},
		"alg a number":       {`{"alg":1}`, jws.ErrMalformed},
		"typ null":           {`{"typ":null}`, jws.ErrMalformed},
		"crit":               {`{"crit":[]}`, jws.ErrCritical},
		"b64":                {`{"b64":false}`, jws.ErrCritical},
		"over 64 KiB":        {`{"x":"` + strings.Repeat("a", 64<<10) + `"}`, jws.ErrMalformed},
		"nine levels":        {`{"x":` + strings.Repeat("[", 9) + strings.Repeat("]", 9) + `}`, jws.ErrMalformed},
		"something behind":   {`{"alg":"ES256"}{}`, jws.ErrMalformed},
		"a byte order mark":  {"\ufeff" + `{"alg":"ES256"}`, jws.ErrMalformed},
		"crit in other case": {`{"Crit":["x"]}`, jws.ErrMalformed},
	} {
		if _, err := jws.ReadHeader([]byte(c.header)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	h, err := jws.ReadHeader([]byte(`{"kid":7,"jku":"x","x5c":["MA=="],"other":{}}`))
	if err != nil || h.KeyIDIsText || !h.ForeignKey || string(h.X5C) != `["MA=="]` {
		t.Errorf("%+v %v", h, err)
	}
	if h, _ := jws.ReadHeader([]byte(`{}`)); !h.KeyIDIsText {
		t.Error("an absent kid is not one of another type")
	}
}

func TestCompactFormsThatAreRefused(t *testing.T) {
	for name, s := range map[string]string{
		"empty": "", "one part": "e30", "two parts": "e30.e30", "four parts": "e30.e30.e30.e30", "no header": ".e30.e30",
		"padded header": "e30=.e30.e30", "padded signature": "e30.e30.e30=", "a line break in the header": "e3\n0.e30.e30",
		"tail bits": "e31.e30.e30", "a long signature": "e30.e30." + strings.Repeat("A", 1<<10+4),
	} {
		if _, _, _, _, ok := jws.Split([]byte(s)); ok {
			t.Errorf("%s: accepted", name)
		}
	}
	protected, input, payload, signature, ok := jws.Split([]byte("e30.W10.AAEC"))
	if !ok || string(protected) != "{}" || string(input) != "e30.W10" || string(input[payload:]) != "W10" || string(signature) != "\x00\x01\x02" {
		t.Errorf("%q %q %d %q", protected, input, payload, signature)
	}
}

func TestCertificatesThatAreRefused(t *testing.T) {
	for name, s := range map[string]string{
		"a text": `"MA=="`, "none": `[]`, "a number": `[1]`, "no DER": `["MA=="]`, "no padding": `["MA"]`, "nine": `[` + strings.Repeat(`"MA==",`, 8) + `"MA=="]`,
		"too long": `["` + strings.Repeat("A", 12<<10) + `"]`,
	} {
		if _, ok := jws.Certificates([]byte(s)); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}
