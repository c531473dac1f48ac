package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/pubkey"
)

// A delivery goes on as it was begun, or not at all: half a nation signed under another key would be found at the first counter.
func TestAnotherRunInTheSameFolder(t *testing.T) {
	here(t)
	must(t, 0, "generate", "-n", "20", "-out", "people.csv")
	must(t, 0, "sign", "-in", "people.csv", "-out", "cards", "-expires", "2999-12-31")
	begun := read(t, "people.csv")
	before := read(t, "cards", segmentFile(1))
	for _, c := range []struct {
		says string
		args []string
	}{
		{"another -key", []string{"-key", "other.pem"}},
		{"another -reference-key", []string{"-reference-key", "other"}},
		{"another -type", []string{"-type", "https://registry.example/types/driving-licence"}},
		{"another -issuer", []string{"-issuer", "did:web:registry.example"}},
		{"another -kid", []string{"-kid", "#1"}},
		{"another -format", []string{"-format", "jsonl"}},
		{"another -status", []string{"-status", "https://registry.example/l"}},
	} {
		if c.says == "another -type" {
			c.args[1] = otherType(t)
		}
		if said := must(t, 1, append([]string{"sign", "-in", "people.csv", "-out", "cards"}, c.args...)...); !strings.Contains(said, c.says) {
			t.Errorf("%v: %s", c.args, said)
		}
	}
	for name, text := range map[string]string{
		"a row is changed":       strings.Replace(begun, "Bhutanese", "Bhutanesf", 1),
		"a row is gone":          strings.Join(strings.SplitAfter(begun, "\n")[:20], ""),
		"the last row is longer": strings.TrimSuffix(begun, "\n") + "x\n",
	} {
		write(t, "people.csv", text)
		if said := must(t, 1, "sign", "-in", "people.csv", "-out", "cards"); !strings.Contains(said, "another -in") {
			t.Errorf("%s: %s", name, said)
		}
	}
	// A last row without a line end is a row. Whether it was whole, nobody knows once there is more.
	write(t, "people.csv", strings.TrimSuffix(begun, "\n"))
	must(t, 0, "sign", "-in", "people.csv", "-out", "cut")
	write(t, "people.csv", begun+"x\n")
	if said := must(t, 1, "sign", "-in", "people.csv", "-out", "cut"); !strings.Contains(said, "another -in") {
		t.Errorf("%s", said)
	}
	write(t, "people.csv", begun)
	write(t, filepath.Join("cards", segmentFile(2)), "left by a run that was killed, with smaller files")
	must(t, 0, "sign", "-in", "people.csv", "-out", "cards", "-expires", "2888-12-31") // dates stay those of the beginning
	if size("cards", segmentFile(2)) != 0 {
		t.Error("a file that belongs to no card is left")
	}
	if read(t, "cards", segmentFile(1)) != before {
		t.Error("a run with nothing to do changed the cards")
	}
	must(t, 0, "check", "-in", "people.csv", "-out", "cards")
	if err := os.Truncate(filepath.Join("cards", manifestFile), 100); err != nil {
		t.Fatal(err)
	}
	if said := must(t, 1, "sign", "-in", "people.csv", "-out", "cards"); !strings.Contains(said, "shorter than the checkpoint says") {
		t.Errorf("%s", said)
	}
}

func otherType(t *testing.T) string {
	t.Helper()
	kind, _, err := findType("", "Foundational ID")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Permanent Address", "Address", "Academic Qualification", "Driving License"} {
		if k, _, err := findType("", name); err == nil && k.VCT != kind.VCT {
			return k.VCT
		}
	}
	t.Fatal("no other type")
	return ""
}

// The check is worth something if it sees what is wrong.
func TestCheckFindsDamage(t *testing.T) {
	here(t)
	must(t, 0, "generate", "-n", "30", "-bad", "10", "-out", "people.csv")
	must(t, 3, "sign", "-in", "people.csv", "-out", "cards", "-segment", "20")
	whole := map[string]string{}
	for _, name := range []string{manifestFile, errorsFile, segmentFile(1), segmentFile(2)} {
		whole[name] = read(t, "cards", name)
	}
	line := func(name string, n int) string { return strings.SplitAfter(whole[name], "\n")[n] }
	swap := func(s, a, b string) string {
		return strings.Replace(strings.Replace(strings.Replace(s, a, "\x00", 1), b, a, 1), "\x00", b, 1)
	}
	for name, c := range map[string]struct{ file, text, says string }{
		"a card is changed":       {segmentFile(1), "f" + whole[segmentFile(1)][1:], "not the one of the manifest"},
		"two cards are swapped":   {segmentFile(1), swap(whole[segmentFile(1)], line(segmentFile(1), 0), line(segmentFile(1), 1)), ""},
		"a card too many":         {segmentFile(1), whole[segmentFile(1)] + line(segmentFile(1), 0), "behind the last card"},
		"at the end too":          {segmentFile(2), whole[segmentFile(2)] + line(segmentFile(1), 0), "behind the last card"},
		"a card is cut off":       {segmentFile(2), whole[segmentFile(2)][:len(whole[segmentFile(2)])-9], "cut off"},
		"a row is missing":        {manifestFile, strings.Replace(whole[manifestFile], line(manifestFile, 4), "", 1), "missing"},
		"the last is missing":     {manifestFile, strings.TrimSuffix(whole[manifestFile], line(manifestFile, 26)), "missing"},
		"a row is there twice":    {manifestFile, strings.Replace(whole[manifestFile], line(manifestFile, 4), line(manifestFile, 4)+line(manifestFile, 4), 1), "twice"},
		"an error is missing":     {errorsFile, strings.Replace(whole[errorsFile], line(errorsFile, 1), "", 1), "missing"},
		"an error is there twice": {errorsFile, line(errorsFile, 0) + whole[errorsFile], "missing, or there twice"},
		"a card and an error":     {errorsFile, `{"row":5,"reason":"x"}` + "\n" + whole[errorsFile], "twice"},
	} {
		write(t, filepath.Join("cards", c.file), c.text)
		if said := must(t, 1, "check", "-in", "people.csv", "-out", "cards"); !strings.Contains(said, c.says) {
			t.Errorf("%s: %s", name, said)
		}
		write(t, filepath.Join("cards", c.file), whole[c.file])
	}
	if code, said := do(t, "check", "-in", "people.csv", "-out", "cards", "-key", otherKey(t)); code != 1 || !strings.Contains(said, "signature_invalid") {
		t.Errorf("another issuer's key: %s", said)
	}
	must(t, 0, "check", "-in", "people.csv", "-out", "cards")
}

func otherKey(t *testing.T) string {
	t.Helper()
	if _, err := issuerKey("stranger.pem"); err != nil {
		t.Fatal(err)
	}
	return "stranger.pem"
}

func TestPrivateKeyFiles(t *testing.T) {
	here(t)
	must(t, 0, "generate", "-n", "2", "-out", "people.csv")
	said := must(t, 0, "sign", "-in", "people.csv", "-out", "cards")
	for _, name := range []string{"issuer-key.pem", "reference-key"} {
		secret := strings.Split(strings.TrimSpace(strings.ReplaceAll(read(t, name), "-----BEGIN PRIVATE KEY-----\n", "")), "\n")[0]
		for _, text := range []string{said, read(t, "cards", manifestFile), read(t, "cards", checkpointFile)} {
			if len(secret) < 32 || strings.Contains(text, secret[:20]) {
				t.Errorf("%s is printed", name)
			}
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	for _, name := range []string{manifestFile, errorsFile, checkpointFile, segmentFile(1)} {
		if info, err := os.Stat(filepath.Join("cards", name)); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err1 := x509.MarshalECPrivateKey(private)
	pkcs8, err2 := x509.MarshalPKCS8PrivateKey(private)
	weak, err3 := rsa.GenerateKey(rand.Reader, 2048)
	d, err4 := private.Bytes()
	pub, err5 := pubkey.New(&private.PublicKey)
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ofRSA, err := x509.MarshalPKCS8PrivateKey(weak)
	if err != nil {
		t.Fatal(err)
	}
	armour := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	jwk := strings.Replace(string(pub.JWK()), "{", `{"d":"`+base64.RawURLEncoding.EncodeToString(d)+`",`, 1)
	for name, c := range map[string]struct{ text, says string }{
		"SEC 1":         {armour("EC PRIVATE KEY", sec1), ""},
		"PKCS #8":       {armour("PRIVATE KEY", pkcs8), ""},
		"JWK":           {" " + jwk + "\n", ""},
		"a public JWK":  {string(pub.JWK()), "key_not_private"},
		"RSA":           {armour("PRIVATE KEY", ofRSA), "key_unsupported"},
		"a certificate": {armour("CERTIFICATE", pkcs8), "no private key"},
		"nothing":       {"", "neither PEM nor JWK"},
		"broken":        {armour("PRIVATE KEY", pkcs8[1:]), "asn1"},
	} {
		path := write(t, "some.pem", c.text)
		s, err := issuerKey(path)
		if c.says == "" && (err != nil || !s.Public().Equal(pub)) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod("some.pem", 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := issuerKey("some.pem"); err == nil || !strings.Contains(err.Error(), "others can read it") {
			t.Errorf("a key that others can read: %v", err)
		}
	}
	if _, err := referenceKey(write(t, "short", strings.Repeat("0", 62))); err == nil || !strings.Contains(err.Error(), "64 hexadecimal digits") {
		t.Errorf("a short key: %v", err)
	}
}

func TestDates(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ now, from, expires, iat, exp string }{
		{"2026-11-24T23:59:59Z", "", "", "2026-11-24T00:00:00Z", "2031-11-24T00:00:00Z"},
		{"2026-11-25T05:00:00+06:00", "", "2027-01-01", "2026-11-24T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"2026-11-24T12:00:00Z", "2026-11-23T10:00:00Z", "", "2026-11-24T00:00:00Z", "2031-11-24T00:00:00Z"},
		{"2026-11-24T12:00:00Z", "2026-11-24T10:00:00Z", "", "2026-11-24T10:00:00Z", "2031-11-24T00:00:00Z"},
		{"2026-11-24T12:00:00Z", "2026-11-24T10:00:00.5Z", "", "2026-11-24T10:00:01Z", "2031-11-24T00:00:00Z"},
	} {
		var got terms
		if err := got.dates(at(c.now), c.from, c.expires); err != nil || !got.Issued.Equal(at(c.iat)) || !got.Expires.Equal(at(c.exp)) {
			t.Errorf("%+v: %v, %v, %v", c, got.Issued, got.Expires, err)
		}
	}
}

// The set in a file is the set in memory, also where it grows and where a probe runs over the end.
func TestSeenIsASet(t *testing.T) {
	s, err := newSeen(filepath.Join(t.TempDir(), seenFile))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	want := map[tag]bool{}
	for i := range 3 * leastSize {
		sum := sha256.Sum256([]byte{byte(i % (2 * leastSize)), byte(i % (2 * leastSize) >> 8)})
		v := tag(sum[:])
		if i%3 == 0 {
			for j := 8; j < 16; j++ {
				v[j] = 0xff // many that want one slot, near the end
			}
		}
		if have, err := s.has(v); err != nil || have != want[v] {
			t.Fatalf("%d: has %v, %v", i, have, err)
		}
		if fresh, err := s.add(v); err != nil || fresh == want[v] {
			t.Fatalf("%d: fresh %v, %v", i, fresh, err)
		}
		want[v] = true
	}
	if s.slots <= leastSize || s.used != uint64(len(want)) || 2*s.used > s.slots {
		t.Errorf("%d of %d slots, %d tags", s.used, s.slots, len(want))
	}
}

func TestGenerateInventsTheSamePeople(t *testing.T) {
	here(t)
	for _, out := range []string{"a.csv", "b.csv", "a.jsonl", "b.jsonl"} {
		must(t, 0, "generate", "-n", "50", "-out", out, "-unbound", "7", "-bad", "5")
	}
	must(t, 0, "generate", "-n", "50", "-out", "c.csv", "-seed", "other", "-unbound", "7", "-bad", "5")
	if read(t, "a.csv") != read(t, "b.csv") || read(t, "a.jsonl") != read(t, "b.jsonl") || read(t, "a.csv") == read(t, "c.csv") {
		t.Error("the seed does not decide")
	}
	for line := range strings.Lines(read(t, "a.jsonl")) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%s", line)
		}
	}
	if !strings.Contains(read(t, "a.csv"), "\nR-0000000001,did:key:zDna") || !strings.Contains(read(t, "a.csv"), ",10000000001,") {
		t.Errorf("%.300s", read(t, "a.csv"))
	}
}

// A byte order mark and a missing last line end change nothing.
func TestSpreadsheetFile(t *testing.T) {
	here(t)
	must(t, 0, "generate", "-n", "3", "-out", "people.csv")
	text := strings.TrimSuffix(strings.ReplaceAll(read(t, "people.csv"), "\n", "\r\n"), "\r\n")
	write(t, "people.csv", "\xef\xbb\xbf"+text)
	if said := must(t, 0, "sign", "-in", "people.csv", "-out", "cards"); !strings.Contains(said, "signed 3 cards") {
		t.Errorf("%s", said)
	}
	must(t, 0, "check", "-in", "people.csv", "-out", "cards")
}

func TestProgressLine(t *testing.T) {
	for _, c := range []struct {
		want                                  string
		offset, offset0, size, rows, rowsDone int64
		took                                  time.Duration
		bar                                   bool
	}{
		{"[###############...............]  50 %  400,000 rows  20,000 a second  20s left", 50, 0, 100, 400_000, 400_000, 20 * time.Second, true},
		{" 75 %  600,000 rows  10,000 a second  20s left", 75, 50, 100, 600_000, 200_000, 20 * time.Second, false}, // continued at half
		{"  0 %  0 rows", 0, 0, 100, 0, 0, 0, false},
		{"[##############################] 100 %  0 rows", 0, 0, 0, 0, 0, 0, true},
	} {
		if got := progressLine(c.offset, c.offset0, c.size, c.rows, c.rowsDone, c.took, c.bar); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 800_000: "800,000", -1234567: "-1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
