package verifier_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// A megabyte of junk, wherever it stands, is refused by its size. Where a deployment has raised the limit, for photographs, junk that
// is no base64url is refused while it is read. In neither case anybody is asked about a key, so there is no hash of a disclosure and no
// curve either.
func TestMegabyteOfJunk(t *testing.T) {
	w := newWorld(t)
	good := w.present()
	places := map[string]int{"the beginning": 0, "the end": len(good)}
	for n, name := 0, []string{"header", "payload", "signature", "disclosure", "second disclosure"}; n < len(name); n++ {
		at := 0
		for range n {
			at += 1 + bytes.IndexAny(good[at:], ".~")
		}
		places[name[n]] = at + 4
	}
	binding := bytes.LastIndexByte(good, '~') + 1
	places["key binding header"] = binding + 4
	places["key binding payload"] = binding + bytes.IndexByte(good[binding:], '.') + 5
	places["key binding signature"] = bytes.LastIndexByte(good, '.') + 5

	for place, at := range places {
		for _, c := range []struct {
			what   string
			limits disclosure.Limits
			junk   byte
			want   []verifier.Reason
		}{
			{"letters", disclosure.Limits{}, 'A', []verifier.Reason{disclosure.TooLarge}},
			{"signs", disclosure.Limits{}, '!', []verifier.Reason{disclosure.TooLarge}},
			{"signs, and a limit of 4 MiB", disclosure.Limits{Bytes: 4 << 20}, '!', []verifier.Reason{disclosure.BadEncoding}},
			{"dots, and a limit of 4 MiB", disclosure.Limits{Bytes: 4 << 20}, '.', []verifier.Reason{disclosure.Malformed, disclosure.BadEncoding}},
			{"tildes, and a limit of 4 MiB", disclosure.Limits{Bytes: 4 << 20}, '~', []verifier.Reason{disclosure.TooManyDisclosures}},
			{"spaces, and a limit of 4 MiB", disclosure.Limits{Bytes: 4 << 20}, ' ', []verifier.Reason{disclosure.BadEncoding}},
		} {
			w.config.Limits = c.limits
			v := w.verifier()
			asked := w.resolver.Resolved("")
			text := append(append(bytes.Clone(good[:at]), bytes.Repeat([]byte{c.junk}, 1<<20)...), good[at:]...)
			_, err := v.Verify(context.Background(), text, w.expect)
			var r *verifier.Rejection
			if !errors.As(err, &r) || !slices.Contains(c.want, r.Reason) || !r.Unauthenticated {
				t.Errorf("%s in %s: got %v, want %v", c.what, place, err, c.want)
			}
			if w.resolver.Resolved("") != asked {
				t.Errorf("%s in %s: a key was looked up", c.what, place)
			}
		}
	}
}
