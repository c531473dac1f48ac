package status

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/khyer/khyer/did/pubkey"
)

// payload checks a statement and writes its claims.
func (s Statement) payload() ([]byte, error) {
	switch s.Bits {
	case 1, 2, 4, 8:
	default:
		return nil, BadBits
	}
	switch {
	case s.URI == "", !utf8.ValidString(s.URI), !utf8.ValidString(s.Aggregation),
		s.Issued.Unix() < 0, s.Issued.IsZero(), s.Expires.Unix() > lastSecond, s.Expires.Unix() <= s.Issued.Unix(),
		s.TTL < 0, s.TTL%time.Second != 0, len(s.Data) == 0:
		return nil, StatementMalformed
	case len(s.Data) > maxInflated:
		return nil, ListTooLarge
	}
	type list struct {
		Bits        int    `json:"bits"`
		List        string `json:"lst"`
		Aggregation string `json:"aggregation_uri,omitempty"`
	}
	return json.Marshal(struct {
		Subject string `json:"sub"`
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
		TTL     int64  `json:"ttl,omitempty"`
		List    list   `json:"status_list"`
	}{s.URI, s.Issued.Unix(), s.Expires.Unix(), int64(s.TTL / time.Second), list{s.Bits, base64.RawURLEncoding.EncodeToString(deflate(s.Data)), s.Aggregation}})
}

// deflate compresses as section 4.1 recommends, at the highest level.
func deflate(data []byte) []byte {
	var out bytes.Buffer
	z, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
	if err == nil {
		_, err = z.Write(data)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("status: writing to memory failed") // bytes.Buffer does not fail
	}
	return out.Bytes()
}

func (b By) header(key pubkey.Key, alg pubkey.Algorithm) ([]byte, error) {
	if b.KeyID == "" && len(b.Chain) == 0 || !utf8.ValidString(b.KeyID) {
		return nil, StatementMalformed
	}
	var chain []string
	for i, c := range b.Chain {
		if c == nil {
			return nil, StatementMalformed
		}
		if i == 0 {
			if leaf, err := pubkey.New(c.PublicKey); err != nil || !leaf.Equal(key) {
				return nil, SigningKeyNotFit
			}
		}
		chain = append(chain, base64.StdEncoding.EncodeToString(c.Raw)) // RFC 7515 section 4.1.6: base64, not base64url
	}
	return json.Marshal(struct {
		Algorithm pubkey.Algorithm `json:"alg"`
		KeyID     string           `json:"kid,omitempty"`
		Type      string           `json:"typ"`
		Chain     []string         `json:"x5c,omitempty"`
	}{alg, b.KeyID, tokenType, chain})
}

func appendBase64URL(dst, data []byte) []byte { return base64.RawURLEncoding.AppendEncode(dst, data) }

// PublishConfig says how lists are published.
type PublishConfig struct {
	By // who signs; required
	// Lifetime is how long a token is valid: required, at least a minute, at most 90 days. A verifier that can fetch no fresh list stops accepting
	// cards when it ends. A list that has not changed is signed anew when half of it has passed, or 12 hours: verifiers take no list that is older than
	// their Config.StatusAge, which is 24 hours unless they say otherwise.
	Lifetime time.Duration
	// TTL is how long a verifier may keep a list before it looks for a newer one: after that long, at most, a revocation counts everywhere.
	TTL time.Duration
	// Aggregation is the URL at which the lists are listed (section 9), so that verifiers can fetch them before a citizen arrives. It becomes
	// aggregation_uri, and every Publish puts the list of lists there: JSON, of the media type application/json. Empty if there is none: verifiers of this
	// module then take no list unless they are told to.
	Aggregation string
	// Put makes a token available at uri, as application/statuslist+jwt, in five minutes or less: its context ends then. It may be called again with a newer one, and is not called with an
	// older one after it returned, except by another process at the same time, which then puts a newer one at once. If that process ends before it
	// does, the next Publish does.
	Put func(ctx context.Context, uri string, token []byte) error
}

const (
	renewal = 12 * time.Hour  // half of what verifier.Config.StatusAge is by default
	putTime = 5 * time.Minute // for signing a token and putting it
)

// Publish signs every list that has changed since it was published, or whose token is past half of its life or 12 hours old, and puts it. It returns the
// URIs of those lists. Call it after changes, and every few minutes: that mends, too, what a publisher that ended in the middle may have left. A list that
// fails does not keep the others back. What was not put is signed again the next time; the time in a list's tokens only grows. Any number of
// processes may publish at once. Errors are a Reason, the store's, the signer's or Put's, joined if there are several.
func (r *Registry) Publish(ctx context.Context, c PublishConfig) (published []string, err error) {
	if c.Signer == nil || c.KeyID == "" && len(c.Chain) == 0 || c.Put == nil || c.Lifetime < time.Minute || c.Lifetime > 90*24*time.Hour || c.TTL < 0 || c.TTL > c.Lifetime {
		return nil, StatementMalformed
	}
	count := uint32(0)
	if err := r.view(ctx, func(tx Tx) (err error) { count, err = lists(tx); return err }); err != nil {
		return nil, err
	}
	var failed []error
	for n := range count {
		done, err := r.publish(ctx, n, c)
		if done {
			published = append(published, r.uri(n))
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("status: list %d: %w", n, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if c.Aggregation != "" && count > 0 && ctx.Err() == nil {
		if err := r.putAggregation(ctx, c); err != nil {
			failed = append(failed, fmt.Errorf("status: the aggregation: %w", err))
		}
	}
	return published, errors.Join(failed...)
}

// rounds is how often a publisher goes on that others come before.
const rounds = 16

// putAggregation comes after the lists, so that what is listed is in place. Another publisher may have put a longer one in between: then it is put again.
func (r *Registry) putAggregation(ctx context.Context, c PublishConfig) error {
	var last []byte
	for range rounds {
		doc, err := r.Aggregation(ctx)
		if err != nil || bytes.Equal(doc, last) {
			return err
		}
		if err := within(ctx, putTime, func(ctx context.Context) error { return c.Put(ctx, c.Aggregation, doc) }); err != nil {
			return err
		}
		last = doc
	}
	return PublishFailed
}

func within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f(ctx)
}

// publish goes round until the newest token is in its place: who finds that another publisher began a newer one while it put its own may have
// put it over that one, and so makes a newer one still.
func (r *Registry) publish(ctx context.Context, n uint32, c PublishConfig) (bool, error) {
	var mine []begun
	for range rounds {
		s, version, err := r.reserve(ctx, n, c, &mine)
		if err != nil || s == nil {
			return false, err
		}
		if err := signAndPut(ctx, c, *s); err != nil {
			return false, err
		}
		newest, err := r.settle(ctx, n, version, s, mine)
		if err != nil || newest {
			return newest, err
		}
	}
	return false, PublishFailed
}

func signAndPut(ctx context.Context, c PublishConfig, s Statement) error {
	ctx, cancel := context.WithTimeout(ctx, putTime)
	defer cancel()
	token, err := Sign(ctx, c.By, s)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err // the signer took its time; others do not wait for this token any more
	}
	return c.Put(ctx, s.URI, token)
}

// reserve reads a list and takes the time of its next token, which no other publisher gets. It returns nil if nothing need be published. A
// publisher that has begun already goes on.
func (r *Registry) reserve(ctx context.Context, n uint32, c PublishConfig, mine *[]begun) (s *Statement, version uint64, err error) {
	var b begun
	err = r.update(ctx, func(tx Tx) error {
		s = nil
		l, err := r.list(tx, n)
		if err != nil {
			return err
		}
		now := r.c.Now()
		issued := max(now.Unix(), l.Issued+1) // several tokens in one second: verifiers must be able to tell which is newer
		if time.Unix(issued, 0).Sub(now) > maxAhead {
			return ClockBehind // verifiers refuse what is in place, if this clock is right
		}
		due := now.Sub(time.Unix(l.Since, 0)) >= min(c.Lifetime/2, renewal) || time.Unix(l.Expires, 0).Sub(now) <= c.Lifetime/2
		if len(*mine) == 0 && l.Published == l.Version && !due && !l.doubtful(now.Unix()) {
			return nil
		}
		l.Issued, version = issued, l.Version
		b = begun{issued, now.Unix()}
		l.begin(b)
		if err := put(tx, listKey(n), l); err != nil {
			return err
		}
		at := time.Unix(issued, 0)
		s = &Statement{URI: r.uri(n), Issued: at, Expires: at.Add(c.Lifetime), TTL: c.TTL.Truncate(time.Second), Aggregation: c.Aggregation, Bits: l.Bits}
		s.Data, err = pages(tx, n, l.size())
		return err
	})
	if s != nil {
		*mine = append(*mine, b)
	}
	return s, version, err
}

// maxAhead is how far iat may run ahead of the clock; verifiers allow for clocks that differ by that much.
const maxAhead = 30 * time.Second

// pages puts the pages of a list together. A page that no card was changed in is not stored.
func pages(tx Tx, n uint32, size uint64) ([]byte, error) {
	data := make([]byte, size)
	for page := uint64(0); page*pageSize < size; page++ {
		part, err := tx.Get(pageKey(n, page))
		if err != nil {
			return nil, err
		}
		if part != nil && len(part) != pageSize {
			return nil, StoreDamaged
		}
		copy(data[page*pageSize:], part)
	}
	return data, nil
}

// settle notes that a token is in its place, unless a newer one was begun. Publishers whose time was over when this one began put nothing any
// more, and this token is over theirs; until then, and if their process ended, they stay noted.
func (r *Registry) settle(ctx context.Context, n uint32, version uint64, s *Statement, mine []begun) (newest bool, err error) {
	err = r.update(ctx, func(tx Tx) error {
		l, err := r.list(tx, n)
		if err != nil {
			return err
		}
		if newest = l.Issued == s.Issued.Unix(); !newest {
			return nil
		}
		l.Published, l.Since, l.Expires = version, s.Issued.Unix(), s.Expires.Unix()
		began := mine[len(mine)-1].At
		l.Begun = slices.DeleteFunc(l.Begun, func(b begun) bool { return slices.Contains(mine, b) || b.over(began) })
		return put(tx, listKey(n), l)
	})
	return newest, err
}

// Aggregation returns the document that lists all lists that have been published (section 9.3), of the media type application/json.
func (r *Registry) Aggregation(ctx context.Context) ([]byte, error) {
	var uris []string
	err := r.view(ctx, func(tx Tx) error {
		count, err := lists(tx)
		uris = make([]string, 0, count)
		for n := range count {
			l, err := r.list(tx, n)
			if err != nil {
				return err
			}
			if l.Since != 0 {
				uris = append(uris, r.uri(n))
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Lists []string `json:"status_lists"`
	}{uris})
}
