package status_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
)

const listURI = "https://registry.example/status/1"

var now = time.Unix(1767225600, 0) // 2026-01-01

func signer(tb testing.TB) pubkey.Signer {
	tb.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := pubkey.FromCrypto(priv)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func ExampleSign() {
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	key, err := pubkey.FromCrypto(priv)
	if err != nil {
		panic(err)
	}
	published := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	token, err := status.Sign(context.Background(), status.By{Signer: key, KeyID: "#key-1"}, status.Statement{
		URI: "https://registry.example/status/1", Issued: published, Expires: published.AddDate(0, 0, 7), TTL: time.Hour,
		Bits: 2, Data: []byte{0b_00_10_00_01, 0}, // card 0 is revoked, card 2 suspended
	})
	if err != nil {
		panic(err)
	}

	// What a verifier does with it, once it knows that this key may sign that list.
	t, err := status.ParseToken(token)
	if err != nil {
		panic(err)
	}
	list, err := t.Verify(key.Public(), status.Want{URI: "https://registry.example/status/1", Now: published.Add(time.Minute)})
	if err != nil {
		panic(err)
	}
	for card := range uint64(4) {
		v, err := list.At(card)
		fmt.Println(card, v, err)
	}
	// Output:
	// 0 revoked <nil>
	// 1 valid <nil>
	// 2 suspended <nil>
	// 3 valid <nil>
}

// token signs any header and payload.
func token(tb testing.TB, s pubkey.Signer, header, payload string) []byte {
	tb.Helper()
	enc := base64.RawURLEncoding
	input := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(payload))
	sig, err := s.Sign(context.Background(), pubkey.ES256, []byte(input))
	if err != nil {
		tb.Fatal(err)
	}
	return []byte(input + "." + enc.EncodeToString(sig))
}

func read(tok []byte, key pubkey.Key) (*status.List, error) {
	t, err := status.ParseToken(tok)
	if err != nil {
		return nil, err
	}
	return t.Verify(key, status.Want{URI: listURI, Issuer: "did:example:registry", Now: now, Skew: 30 * time.Second})
}

const (
	goodHeader = `{"alg":"ES256","kid":"#key-1","typ":"statuslist+jwt"}`
	goodList   = `{"bits":1,"lst":"eNrbuRgAAhcBXQ"}` // section 4.2
)

func goodPayload() string {
	return `{"sub":"` + listURI + `","iat":1767225000,"exp":1767229200,"ttl":600,"status_list":` + goodList + `}`
}

func TestTokensThatAreTaken(t *testing.T) {
	key := signer(t)
	for name, c := range map[string]struct{ header, payload string }{
		"plain":              {goodHeader, goodPayload()},
		"HAIP, draft 14":     {`{"alg":"ES256","typ":"statuslist+jwt","x5c":["MAA="]}`, goodPayload()},
		"x5c beside kid":     {`{"alg":"ES256","kid":"#key-1","typ":"statuslist+jwt","x5c":["MAA="]}`, goodPayload()},
		"without a kid":      {`{"alg":"ES256","typ":"statuslist+jwt"}`, goodPayload()},
		"without exp, ttl":   {goodHeader, `{"sub":"` + listURI + `","iat":1767225000,"status_list":` + goodList + `}`},
		"its issuer":         {goodHeader, strings.Replace(goodPayload(), `{`, `{"iss":"did:example:registry",`, 1)},
		"other members":      {`{"alg":"ES256","kid":"#key-1","typ":"statuslist+jwt","x":1}`, strings.Replace(goodPayload(), `{`, `{"x":[{}],`, 1)},
		"a clock 20 s ahead": {goodHeader, strings.Replace(goodPayload(), "1767225000", "1767225620", 1)},
		"expired 20 s ago":   {goodHeader, strings.Replace(goodPayload(), "1767229200", "1767225580", 1)},
		"a fraction":         {goodHeader, strings.Replace(goodPayload(), "1767225000", "1767225000.5", 1)},
	} {
		l, err := read(token(t, key, c.header, c.payload), key.Public())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v, err := l.At(0); err != nil || v != status.Revoked || l.Len() != 16 || l.URI != listURI {
			t.Errorf("%s: %v %v, %d statuses at %s", name, v, err, l.Len(), l.URI)
		}
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	key, other := signer(t), signer(t)
	swap := func(old, new string) string {
		if !strings.Contains(goodPayload(), old) {
			t.Fatalf("%s is not in the payload", old)
		}
		return strings.Replace(goodPayload(), old, new, 1)
	}
	for name, c := range map[string]struct {
		header, payload string
		want            status.Reason
	}{
		"another type":              {`{"alg":"ES256","typ":"jwt"}`, goodPayload(), status.TokenType},
		"no type":                   {`{"alg":"ES256"}`, goodPayload(), status.TokenType},
		"type as a media type":      {`{"alg":"ES256","typ":"application/statuslist+jwt"}`, goodPayload(), status.TokenType},
		"type in upper case":        {`{"alg":"ES256","typ":"StatusList+JWT"}`, goodPayload(), status.TokenType},
		"alg none":                  {`{"alg":"none","typ":"statuslist+jwt"}`, goodPayload(), status.TokenAlgorithm},
		"a MAC":                     {`{"alg":"HS256","typ":"statuslist+jwt"}`, goodPayload(), status.TokenAlgorithm},
		"another algorithm":         {`{"alg":"EdDSA","typ":"statuslist+jwt"}`, goodPayload(), status.TokenSignature},
		"crit":                      {`{"alg":"ES256","typ":"statuslist+jwt","crit":["x"]}`, goodPayload(), status.TokenHeader},
		"b64":                       {`{"alg":"ES256","typ":"statuslist+jwt","b64":true}`, goodPayload(), status.TokenHeader},
		"a key of its own":          {`{"alg":"ES256","typ":"statuslist+jwt","jwk":{}}`, goodPayload(), status.TokenHeader},
		"alg twice":                 {`{"alg":"ES256","alg":"ES256","typ":"statuslist+jwt"}`, goodPayload(), status.TokenHeader},
		"Alg":                       {`{"alg":"ES256","Alg":"ES256","typ":"statuslist+jwt"}`, goodPayload(), status.TokenHeader},
		"kid a number":              {`{"alg":"ES256","typ":"statuslist+jwt","kid":1}`, goodPayload(), status.TokenHeader},
		"another list":              {goodHeader, swap(listURI, listURI+"0"), status.ListOfOtherURI},
		"no sub":                    {goodHeader, swap(`"sub":"`+listURI+`",`, ""), status.TokenMalformed},
		"sub an array":              {goodHeader, swap(`"`+listURI+`"`, `["`+listURI+`"]`), status.TokenMalformed},
		"another issuer":            {goodHeader, swap("{", `{"iss":"did:example:other",`), status.ListOfOtherIssuer},
		"iss a number":              {goodHeader, swap("{", `{"iss":1,`), status.TokenMalformed},
		"no iat":                    {goodHeader, swap(`"iat":1767225000,`, ""), status.TokenMalformed},
		"iat a text":                {goodHeader, swap(`1767225000`, `"1767225000"`), status.TokenMalformed},
		"iat below zero":            {goodHeader, swap(`1767225000`, `-1`), status.TokenMalformed},
		"iat in an hour":            {goodHeader, swap(`1767225000`, `1767229100`), status.ListFromTheFuture},
		"nbf in an hour":            {goodHeader, swap("{", `{"nbf":1767229200,`), status.ListFromTheFuture},
		"exp passed":                {goodHeader, swap(`1767229200`, `1767225500`), status.ListExpired},
		"exp null":                  {goodHeader, swap(`1767229200`, `null`), status.TokenMalformed},
		"ttl zero":                  {goodHeader, swap(`600`, `0`), status.TokenMalformed},
		"ttl below zero":            {goodHeader, swap(`600`, `-5`), status.TokenMalformed},
		"ttl a text":                {goodHeader, swap(`600`, `"600"`), status.TokenMalformed},
		"no list":                   {goodHeader, swap(`,"status_list":`+goodList, ""), status.TokenMalformed},
		"list a text":               {goodHeader, swap(goodList, `"x"`), status.TokenMalformed},
		"bits 3":                    {goodHeader, swap(`"bits":1`, `"bits":3`), status.BadBits},
		"bits 16":                   {goodHeader, swap(`"bits":1`, `"bits":16`), status.BadBits},
		"bits a text":               {goodHeader, swap(`"bits":1`, `"bits":"1"`), status.TokenMalformed},
		"no bits":                   {goodHeader, swap(`"bits":1,`, ``), status.TokenMalformed},
		"lst padded":                {goodHeader, swap("BXQ", "BXQ=="), status.ListMalformed},
		"lst as base64":             {goodHeader, swap("eNrb", "eN+b"), status.ListMalformed},
		"lst no zlib":               {goodHeader, swap("eNrbuRgAAhcBXQ", "AAAA"), status.ListMalformed},
		"lst cut short":             {goodHeader, swap("eNrbuRgAAhcBXQ", "eNrbuRgAAhc"), status.ListMalformed},
		"lst with another checksum": {goodHeader, swap("eNrbuRgAAhcBXQ", "eNrbuRgAAhcBXA"), status.ListMalformed},
		"lst with something behind": {goodHeader, swap("eNrbuRgAAhcBXQ", "eNrbuRgAAhcBXQAA"), status.ListMalformed},
		"lst empty":                 {goodHeader, swap("eNrbuRgAAhcBXQ", packed(t, nil)), status.ListMalformed},
		"aggregation_uri a number":  {goodHeader, swap(`"bits":1`, `"bits":1,"aggregation_uri":7`), status.TokenMalformed},
		"a claim twice":             {goodHeader, swap("{", `{"iat":1767225000,`), status.TokenMalformed},
		"an array":                  {goodHeader, `[]`, status.TokenMalformed},
		"behind the payload":        {goodHeader, goodPayload() + "x", status.TokenMalformed},
	} {
		if _, err := read(token(t, key, c.header, c.payload), key.Public()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	good := token(t, key, goodHeader, goodPayload())
	if _, err := read(good, other.Public()); !errors.Is(err, status.TokenSignature) {
		t.Errorf("another's key: %v", err)
	}
	if _, err := read(good, pubkey.Key{}); !errors.Is(err, status.TokenSignature) {
		t.Errorf("no key: %v", err)
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "one part": []byte("x"), "two parts": good[:bytes.LastIndexByte(good, '.')], "four parts": append(good[:len(good):len(good)], ".x"...),
		"line break": append([]byte("\n"), good...), "padded": append(good[:len(good):len(good)], '='), "too large": bytes.Repeat([]byte("a"), 32<<20+1),
	} {
		if _, err := read(bad, key.Public()); !errors.Is(err, status.TokenMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l, err := (&status.Token{}).Verify(key.Public(), status.Want{URI: listURI, Now: now}); err == nil || l != nil {
		t.Error("the zero Token verified")
	}
	if _, err := read(token(t, key, goodHeader, goodPayload()), key.Public()); err != nil {
		t.Errorf("the control: %v", err)
	}
	tok, err := status.ParseToken(good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tok.Verify(key.Public(), status.Want{Now: now}); !errors.Is(err, status.ListOfOtherURI) {
		t.Errorf("nothing wanted: %v", err)
	}
}

func TestFlippedBitOfAToken(t *testing.T) {
	key := signer(t)
	good := token(t, key, goodHeader, goodPayload())
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			if l, err := read(bad, key.Public()); err == nil {
				t.Fatalf("bit %d of byte %d flipped: accepted, %d statuses", bit, i, l.Len())
			}
		}
	}
}

func packed(tb testing.TB, data []byte) string {
	tb.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(out.Bytes())
}

// TestDecompressionBomb: forty kilobytes that inflate to forty megabytes. Memory stops at the bound.
func TestDecompressionBomb(t *testing.T) {
	key := signer(t)
	bomb := token(t, key, goodHeader, strings.Replace(goodPayload(), "eNrbuRgAAhcBXQ", packed(t, make([]byte, 40<<20)), 1))
	if _, err := read(bomb, key.Public()); !errors.Is(err, status.ListTooLarge) {
		t.Error(err)
	}
	most := token(t, key, goodHeader, strings.Replace(goodPayload(), "eNrbuRgAAhcBXQ", packed(t, make([]byte, 16<<20)), 1))
	if l, err := read(most, key.Public()); err != nil || l.Len() != 8*16<<20 {
		t.Errorf("16 MiB: %v", err)
	}
}

func TestSignedStatements(t *testing.T) {
	key := signer(t)
	ctx := context.Background()
	good := status.Statement{URI: listURI, Issued: now.Add(-time.Hour), Expires: now.Add(time.Hour), Bits: 8, Data: []byte{0, 1, 2, 255},
		TTL: time.Minute, Aggregation: "https://registry.example/status"}
	tok, err := status.Sign(ctx, status.By{Signer: key, KeyID: "#key-1"}, good)
	if err != nil {
		t.Fatal(err)
	}
	l, err := read(tok, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if l.URI != listURI || !l.Issued.Equal(good.Issued) || !l.Expires.Equal(good.Expires) || l.TTL != good.TTL || l.Aggregation != good.Aggregation || l.Len() != 4 {
		t.Errorf("%+v", l)
	}
	for i, want := range []status.Value{0, 1, 2, 255} {
		if v, err := l.At(uint64(i)); err != nil || v != want {
			t.Errorf("%d: %v %v", i, v, err)
		}
	}
	for name, c := range map[string]struct {
		change func(*status.Statement)
		want   status.Reason
	}{
		"no URI":         {func(s *status.Statement) { s.URI = "" }, status.StatementMalformed},
		"no time":        {func(s *status.Statement) { s.Issued = time.Time{} }, status.StatementMalformed},
		"no end":         {func(s *status.Statement) { s.Expires = time.Time{} }, status.StatementMalformed},
		"ends at once":   {func(s *status.Statement) { s.Expires = s.Issued }, status.StatementMalformed},
		"half a second":  {func(s *status.Statement) { s.TTL = time.Second / 2 }, status.StatementMalformed},
		"nothing in it":  {func(s *status.Statement) { s.Data = nil }, status.StatementMalformed},
		"bad UTF-8":      {func(s *status.Statement) { s.URI = "\xff" }, status.StatementMalformed},
		"three bits":     {func(s *status.Statement) { s.Bits = 3 }, status.BadBits},
		"more than fits": {func(s *status.Statement) { s.Data = make([]byte, 16<<20+1) }, status.ListTooLarge},
	} {
		s := good
		c.change(&s)
		if _, err := status.Sign(ctx, status.By{Signer: key, KeyID: "#key-1"}, s); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := status.Sign(ctx, status.By{Signer: key, KeyID: ""}, good); !errors.Is(err, status.StatementMalformed) {
		t.Errorf("no key id: %v", err)
	}
	if _, err := status.Sign(ctx, status.By{Signer: nil, KeyID: "#key-1"}, good); !errors.Is(err, status.SigningKeyNotFit) {
		t.Errorf("no signer: %v", err)
	}
	if _, err := status.Sign(ctx, status.By{Signer: liar{key, signer(t).Public()}, KeyID: "#key-1"}, good); !errors.Is(err, status.SigningKeyNotFit) {
		t.Errorf("a signer with another's key: %v", err)
	}
}

type liar struct {
	pubkey.Signer
	pub pubkey.Key
}

func (l liar) Public() pubkey.Key { return l.pub }

// TestPublishedTokens: the lists of appendix C and the token of section 8.2 of the draft.
func TestPublishedTokens(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("KHYER_REQUIRE=1 and KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder of published test vectors")
	}
	key := signer(t)
	files, err := filepath.Glob(filepath.Join(dir, "token-status-list", "appendix-c-*.json"))
	if err != nil || len(files) < 3 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		var c struct {
			Bits    int
			Size    uint64
			Nonzero map[string]status.Value
			Lst     string
		}
		unmarshal(t, file, &c)
		l, err := read(token(t, key, goodHeader, strings.Replace(goodPayload(), goodList, fmt.Sprintf(`{"bits":%d,"lst":%q}`, c.Bits, c.Lst), 1)), key.Public())
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if l.Len() != c.Size || len(c.Nonzero) == 0 {
			t.Errorf("%s: %d statuses, want %d", file, l.Len(), c.Size)
		}
		seen := 0
		for i := range c.Size {
			v, err := l.At(i)
			if err != nil || v != c.Nonzero[strconv.FormatUint(i, 10)] {
				t.Fatalf("%s: index %d: %v %v", file, i, v, err)
			}
			seen += bits.Len8(uint8(min(v, 1)))
		}
		if seen != len(c.Nonzero) {
			t.Errorf("%s: %d statuses are not zero, want %d", file, seen, len(c.Nonzero))
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, "token-status-list", "examples", "status_list_jwt_raw.md"))
	if err != nil {
		t.Fatal(err)
	}
	// The key is not published, so its claims are signed anew.
	parts := strings.Split(strings.ReplaceAll(strings.TrimSpace(string(raw)), "\n", ""), ".")
	if len(parts) != 3 {
		t.Fatal(len(parts), "parts")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	tok, err := status.ParseToken(token(t, key, `{"alg":"ES256","kid":"12","typ":"statuslist+jwt"}`, string(claims)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tok.Verify(key.Public(), status.Want{URI: "https://example.com/statuslists/1", Issuer: "https://example.com", Now: time.Unix(1686920200, 0)})
	if err != nil {
		t.Fatal(err)
	}
	if l.Len() != 16 || l.TTL != 12*time.Hour || tok.KeyID() != "12" {
		t.Errorf("%+v, kid %s", l, tok.KeyID())
	}
	published, err := status.ParseToken([]byte(strings.Join(parts, ".")))
	if err != nil || published.KeyID() != "12" {
		t.Errorf("as published: %v", err)
	}
}

func unmarshal(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzParseToken(f *testing.F) {
	key := signer(f)
	f.Add(token(f, signer(f), goodHeader, goodPayload()))
	f.Add([]byte("e30.e30.e30"))
	f.Fuzz(func(t *testing.T, in []byte) {
		tok, err := status.ParseToken(in)
		if err != nil {
			return
		}
		if _, err := tok.Chain(); err != nil && !errors.Is(err, status.TokenHeader) {
			t.Fatal(err)
		}
		if _, err := tok.Verify(key.Public(), status.Want{URI: listURI, Now: now}); err == nil {
			t.Fatal("a signature that nobody made")
		}
	})
}

// FuzzVerify signs whatever claims come, as an issuer may who errs or lies. What is taken says of each card what encoding/json and compress/zlib make of it.
func FuzzVerify(f *testing.F) {
	key := signer(f)
	f.Add([]byte(goodPayload()), uint64(0))
	f.Add([]byte(strings.Replace(goodPayload(), goodList, `{"bits":2,"lst":"eNo76fITAAPfAgc"}`, 1)), uint64(11))
	f.Add([]byte(strings.Replace(goodPayload(), `"iat":1767225000`, `"iat":1.767225e9,"IAT":7,"nbf":0`, 1)), uint64(15))
	f.Fuzz(func(t *testing.T, payload []byte, index uint64) {
		l, err := read(token(t, key, goodHeader, string(payload)), key.Public())
		if err != nil {
			var r status.Reason
			if !errors.As(err, &r) || l != nil {
				t.Fatalf("%v, %v", l, err)
			}
			return
		}
		var members map[string]json.RawMessage // its keys are compared exactly, as those of a struct are not
		var list map[string]json.RawMessage
		if json.Unmarshal(payload, &members) != nil || json.Unmarshal(members["status_list"], &list) != nil {
			t.Fatalf("taken: %q", payload)
		}
		var sub, lst string
		var iat, exp float64
		var width int
		for into, raw := range map[any]json.RawMessage{&sub: members["sub"], &iat: members["iat"], &width: list["bits"], &lst: list["lst"]} {
			if err := json.Unmarshal(raw, into); err != nil {
				t.Fatalf("taken: %q: %v", payload, err)
			}
		}
		if raw, ok := members["exp"]; ok && (json.Unmarshal(raw, &exp) != nil || exp <= float64(now.Unix()-30)) {
			t.Fatalf("taken after its end: %q", payload)
		}
		if sub != listURI || iat > float64(now.Unix()+30) || l.Issued.Unix() != int64(iat) {
			t.Fatalf("taken: %q", payload)
		}
		z, err := zlib.NewReader(base64.NewDecoder(base64.RawURLEncoding, strings.NewReader(lst)))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil || l.Len() != uint64(len(data)*8/width) {
			t.Fatalf("%d cards of %d bytes, %v", l.Len(), len(data), err)
		}
		for _, i := range []uint64{index % l.Len(), l.Len() - 1} {
			at := i * uint64(width)
			want := data[at/8] >> (at % 8) & (1<<width - 1)
			if v, err := l.At(i); err != nil || v != status.Value(want) {
				t.Fatalf("card %d is %v, %v, want %d", i, v, err, want)
			}
		}
		if v, err := l.At(l.Len()); !errors.Is(err, status.OutOfRange) {
			t.Fatalf("the card behind the last is %v, %v", v, err)
		}
	})
}
