package didethr

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// slowBy has a node think before each answer.
func slowBy(c *chain, d time.Duration) {
	c.hold(func() {
		c.raw = func(http.ResponseWriter, *http.Request) bool { time.Sleep(d); return false }
	})
}

// TestAttackOneLiarChoosesTheBlock: while one honest operator is slow, or does not answer at all, the liar answers truthfully, as of a
// block before the revocation. The other honest one knows that block too.
func TestAttackOneLiarChoosesTheBlock(t *testing.T) {
	third := map[string]struct {
		does func(*chain)
		want error // of the key, or of the resolution
	}{
		"is slow": {func(c *chain) { slowBy(c, 400*time.Millisecond) }, did.KeyRevoked},
		"is down": {func(c *chain) {
			c.raw = func(w http.ResponseWriter, _ *http.Request) bool {
				http.Error(w, "", http.StatusBadGateway)
				return true
			}
		}, did.Disagreement},
		"hangs": {func(c *chain) { slowBy(c, patience+time.Second/2) }, did.Disagreement},
	}
	for name, test := range third {
		t.Run(name, func(t *testing.T) {
			c := newChain()
			a, id := issuer(1)
			c.attribute(a, veriKey, p256Value(1), never)
			c.mine(5)
			liar := c.twin() // stops here
			c.mine(1)
			c.attribute(a, veriKey, p256Value(1), 0)
			c.mine(200)
			other := c.twin()
			test.does(other)
			res, err := operators(t, 2, nil, c, liar, other).Resolve(t.Context(), id, did.At{})
			if err == nil {
				_, err = res.Key(id.String()+"#delegate-1", did.AssertionMethod, time.Time{})
			}
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}
