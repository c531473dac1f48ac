package disclosure

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/internal/strictjson"
)

// Concealers and their plans are used again: nothing of one card may stand in the next, whichever came before.
func TestTwoCitizensShareNoMemory(t *testing.T) {
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for n := range 300 {
				mark := fmt.Sprintf("marker-%d-%d", w, n)
				claims := fmt.Sprintf(`{"name":%q,"home":{"village":%q,"gewog":"Chang"},"list":[%q,2]}`, mark, mark, strings.Repeat(mark, n%7))
				paths := []Path{{"name"}, {"home"}, {"home", "village"}, {"list", 0}}[n%3:]
				payload, ds, err := Conceal([]byte(claims), ConcealOptions{Paths: paths, Decoys: n % 4, Hash: []string{"", "sha-384", "sha-512"}[n%3]})
				if err != nil {
					t.Error(err)
					return
				}
				u, err := Parse([]byte(b64(`{"alg":"ES256"}`)+"."+b64(string(payload))+"."+b64("sig")+"~"+strings.Join(append(ds, ""), "~")), Limits{})
				if err != nil {
					t.Error(err)
					return
				}
				v, err := u.Verify(agree)
				if err != nil {
					t.Error(err)
					return
				}
				same(t, v.Claims(), claims)
				all := append(slices.Clone(u.decoded), payload...)
				if bytes.Count(all, []byte("marker-")) != bytes.Count([]byte(claims), []byte("marker-")) {
					t.Error("a card holds a value of another")
				}
			}
		})
	}
	all.Wait()
}

// A concealer that has been given back holds no value of the card that it made, or failed to make.
func TestNothingWaitsInAConcealer(t *testing.T) {
	c := new(concealer)
	for _, claims := range []string{
		`{"name":"marker","home":{"x":["marker"]},"shown":"marker"}`,
		`{"name":"marker","shown":"marker"}`, // an error: the second path points to nothing
	} {
		err := c.run([]byte(`{`), []byte(claims), ConcealOptions{Paths: []Path{{"name"}, {"home", "x", 0}}}, nil)
		if err != nil && !errors.Is(err, NoSuchClaim) {
			t.Fatal(err)
		}
		if !bytes.Contains(c.payload[:cap(c.payload)], []byte("marker")) || !bytes.Contains(c.text[:cap(c.text)], []byte("marker")) {
			t.Fatal("the test looks at the wrong buffers")
		}
		salts := slices.Clone(c.random)
		c.release()
		for name, b := range map[string][]byte{"payload": c.payload, "texts": c.texts, "sums": c.sums, "text": c.text, "random": c.random} {
			b = b[:cap(b)]
			if len(bytes.Trim(b, "\x00")) > 0 {
				t.Errorf("%s is not wiped", name)
			}
		}
		if len(salts) == 0 {
			t.Error("no salts were read")
		}
		if v, err := c.tape.Parse(0, 0, strictjson.Limits{}); err == nil || v.Exists() {
			t.Error("the claims are still on the tape")
		}
	}
}

// The plan of one card serves the next only if the paths are the same, whatever the caller did with his slices.
func TestPlanOfOtherPaths(t *testing.T) {
	c := new(concealer)
	hidden := func(claims string, paths ...Path) []string {
		t.Helper()
		if err := c.run([]byte(`{`), []byte(claims), ConcealOptions{Paths: paths}, nil); err != nil {
			t.Fatal(err)
		}
		var payload map[string]json.RawMessage
		if err := json.Unmarshal(c.payload, &payload); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, name := range []string{"a", "b", "c"} {
			if _, ok := payload[name]; !ok {
				out = append(out, name)
			}
		}
		return out
	}
	path := Path{"a"}
	for _, want := range []string{"a", "b", "c", "a"} {
		path[0] = want // the caller's own memory, which the plan must not look at
		if got := hidden(`{"a":1,"b":2,"c":3}`, path); !slices.Equal(got, []string{want}) {
			t.Errorf("hidden %q, wanted %q", got, want)
		}
	}
	if got := hidden(`{"c":1,"b":2,"a":3}`, Path{"a"}, Path{"c"}); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("hidden %q", got)
	}
	// What matched in one card counts for nothing in the next.
	err := c.run([]byte(`{`), []byte(`{"c":1,"b":2}`), ConcealOptions{Paths: []Path{{"a"}, {"c"}}}, nil)
	var e *Error
	if !errors.As(err, &e) || e.Reason != NoSuchClaim || !slices.Equal(e.Path, Path{"a"}) {
		t.Fatalf("%v", err)
	}
	e.Path[0] = "b" // the caller's to change
	if got := hidden(`{"a":1,"b":2,"c":3}`, Path{"a"}, Path{"c"}); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("hidden %q", got)
	}
	// An element that has a number's text for its name is no element of that number.
	if err := c.run([]byte(`{`), []byte(`{"a":[1]}`), ConcealOptions{Paths: []Path{{"a", "0"}}}, nil); !errors.Is(err, NoSuchClaim) {
		t.Errorf("%v", err)
	}
	// A path that could not be one is refused, and does not stay.
	if err := c.run([]byte(`{`), []byte(`{"a":[1]}`), ConcealOptions{Paths: []Path{{[]byte("a")}}}, nil); !errors.Is(err, BadPath) {
		t.Errorf("%v", err)
	}
	if err := c.run([]byte(`{`), []byte(`{"a":[1]}`), ConcealOptions{Paths: []Path{{[]byte("a")}}}, nil); !errors.Is(err, BadPath) {
		t.Errorf("%v", err)
	}
}

// A hundred thousand elements that are named by index are found in a table: a search in all of them for each takes minutes, the table a
// quarter of a second. The bound is far from both.
func TestConcealByIndexStaysLinear(t *testing.T) {
	const n = 100_000
	claims := []byte(`{"list":[` + strings.Repeat("1,", n-1) + `1]}`)
	paths := make([]Path, n)
	for i := range paths {
		paths[i] = Path{"list", n - 1 - i}
	}
	from := time.Now()
	_, ds, err := Conceal(claims, ConcealOptions{Paths: paths})
	if took := time.Since(from); err != nil || len(ds) != n || took > 10*time.Second {
		t.Errorf("%d concealed in %v: %v", len(ds), took, err)
	}
}
