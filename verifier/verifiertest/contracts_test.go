package verifiertest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didtest"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/trust"
	"github.com/khyer/khyer/verifier/verifiertest"
)

// guard is a replay guard that can be broken in one way.
type guard struct {
	mu     sync.Mutex
	used   map[string]time.Time
	broken string
}

func (g *guard) Use(ctx context.Context, key [32]byte, until time.Time) (bool, error) {
	switch {
	case ctx.Err() != nil && g.broken == "fresh with an error":
		return true, ctx.Err()
	case ctx.Err() != nil && g.broken == "a use for who has gone":
		return false, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	}
	name := string(key[:])
	switch g.broken {
	case "half of the key":
		name = name[:16]
	case "whole seconds":
		until = until.Truncate(time.Second)
	case "half a second":
		until = time.Now().Add(500 * time.Millisecond)
	}
	if g.broken == "look, then write" {
		g.mu.Lock()
		_, used := g.used[name]
		g.mu.Unlock()
		time.Sleep(time.Millisecond)
		g.mu.Lock()
		defer g.mu.Unlock()
		g.used[name] = until
		return !used, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	end, used := g.used[name]
	fresh := !used || !time.Now().Before(end)
	if fresh || g.broken == "the newest time" {
		g.used[name] = until
	}
	return fresh, nil
}

func TestReplayGuardContract(t *testing.T) {
	one := &guard{used: map[string]time.Time{}}
	verifiertest.ReplayGuard(t, func() verifier.ReplayGuard { return one })
	for broken, want := range map[string]string{
		"half of the key":        "differs in byte 31 alone",
		"look, then write":       "of 200 callers at once",
		"whole seconds":          "forgotten before its time",
		"half a second":          "forgotten before its time",
		"the newest time":        "forgotten before its time",
		"fresh with an error":    "an error came with fresh",
		"a use for who has gone": "is an error, and no use",
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			g := &guard{used: map[string]time.Time{}, broken: broken}
			mustFail(t, broken, want, func(tb testing.TB) { verifiertest.ReplayGuard(tb, func() verifier.ReplayGuard { return g }) })
		})
	}
	t.Run("of each handle its own", func(t *testing.T) {
		t.Parallel()
		mustFail(t, "of each handle its own", "fresh twice", func(tb testing.TB) {
			verifiertest.ReplayGuard(tb, func() verifier.ReplayGuard { return &guard{used: map[string]time.Time{}} })
		})
	})
}

// signer changes what another one does.
type signer struct {
	pubkey.Signer
	sign func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error)
}

func (s signer) Sign(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
	return s.sign(ctx, a, input)
}

func TestSignerContract(t *testing.T) {
	made := map[pubkey.Algorithm]pubkey.Signer{}
	for _, alg := range []pubkey.Algorithm{pubkey.ES256, pubkey.ES384, pubkey.ES256K, pubkey.EdDSA} {
		s, err := pubkey.Generate(alg)
		if err != nil {
			t.Fatal(err)
		}
		made[alg] = s
		verifiertest.Signer(t, s)
	}
	remote, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	adapted, err := pubkey.FromCrypto(remote)
	if err != nil {
		t.Fatal(err)
	}
	verifiertest.Signer(t, adapted)

	p256, koblitz := made[pubkey.ES256], made[pubkey.ES256K]
	shared := make([]byte, 64)
	order, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)
	for name, c := range map[string]struct {
		s    signer
		want string
	}{
		"any algorithm": {signer{p256, func(ctx context.Context, _ pubkey.Algorithm, input []byte) ([]byte, error) {
			return p256.Sign(ctx, pubkey.ES256, input)
		}}, `signed by "none"`},
		"DER": {signer{p256, func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
			sig, err := p256.Sign(ctx, a, input)
			if err != nil {
				return nil, err
			}
			return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
		}}, "want 64"},
		"without leading zeros": {signer{p256, func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
			sig, err := p256.Sign(ctx, a, input)
			for err == nil && len(input) == 1 && sig[0] != 0 { // one in 256 has it: the test does not wait for luck
				sig, err = p256.Sign(ctx, a, input)
			}
			return bytes.TrimLeft(sig, "\x00"), err
		}}, "want 64"},
		"the higher s": {signer{koblitz, func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
			sig, err := koblitz.Sign(ctx, a, input)
			if err != nil {
				return nil, err
			}
			new(big.Int).Sub(order, new(big.Int).SetBytes(sig[32:])).FillBytes(sig[32:])
			return sig, nil
		}}, "the higher one of two"},
		"of what was hashed already": {signer{p256, func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
			return p256.Sign(ctx, a, append([]byte("x"), input...))
		}}, "does not verify"},
		"by another key": {signer{p256, func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
			return adapted.Sign(ctx, a, input)
		}}, "does not verify"},
		"an error with a signature": {signer{p256, func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
			sig, err := p256.Sign(context.WithoutCancel(ctx), a, input)
			return sig, errors.Join(err, ctx.Err())
		}}, "an error came with a signature"},
		"one piece of memory for all": {signer{p256, func() func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
			var mu sync.Mutex
			return func(ctx context.Context, a pubkey.Algorithm, input []byte) ([]byte, error) {
				sig, err := p256.Sign(ctx, a, input)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					return nil, err
				}
				copy(shared, sig)
				return bytes.Clone(shared[:63]), nil
			}
		}()}, "want 64"},
	} {
		mustFail(t, name, c.want, func(tb testing.TB) { verifiertest.Signer(tb, c.s) })
	}
}

// resolver changes what another one does.
type resolver struct {
	resolve func(context.Context, did.DID, did.At) (*did.Resolution, error)
}

func (r resolver) Resolve(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
	return r.resolve(ctx, id, at)
}

func TestResolverContract(t *testing.T) {
	s, err := pubkey.Generate(pubkey.ES256)
	if err != nil {
		t.Fatal(err)
	}
	mem := &didtest.Resolver{}
	keys := []did.Key{{Public: s.Public()}}
	at := did.Anchor{Chain: "eip155:1", Block: 1000, Time: time.Now().Add(-time.Minute)}
	before := did.Anchor{Chain: at.Chain, Block: 900, Time: at.Time.Add(-time.Hour)}
	mem.Put(didtest.Subject{ID: "did:example:known", Keys: keys, Anchor: before})
	mem.Put(didtest.Subject{ID: "did:example:known", Keys: append(keys[:1:1], did.Key{ID: "#second", Public: s.Public()}), Anchor: at})
	mem.Put(didtest.Subject{ID: "did:example:ended", Keys: keys, Deactivated: true, Anchor: at})
	of := verifiertest.Resolvable{Known: "did:example:known", Unknown: "did:example:unknown", Deactivated: "did:example:ended", Changed: at.Time}
	for _, r := range []did.Resolver{mem, did.Cache(mem, time.Hour), did.Mux{"example": mem}} {
		verifiertest.Resolver(t, r, of)
	}

	type answer = func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error)
	known, _ := did.Parse(of.Known)
	another, count := &didtest.Resolver{}, 0
	another.Put(didtest.Subject{ID: of.Known, Keys: keys, Anchor: at})
	var mu sync.Mutex
	for name, c := range map[string]struct {
		resolve answer
		want    string
	}{
		"an untyped not found": {func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
			res, err := mem.Resolve(ctx, id, at)
			if errors.Is(err, did.NotFound) {
				err = errors.New("404")
			}
			return res, err
		}, "is no *did.Error"},
		"another code": {func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
			res, err := mem.Resolve(ctx, id, at)
			if errors.Is(err, did.NotFound) {
				err = &did.Error{Code: did.Unavailable}
			}
			return res, err
		}, "want notFound"},
		"an empty document for who is not there": {func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
			if res, err := mem.Resolve(ctx, id, at); !errors.Is(err, did.NotFound) {
				return res, err
			}
			return &did.Resolution{Document: &did.Document{ID: id}}, nil
		}, "an answer, want an error"},
		"always the same document": {func(ctx context.Context, _ did.DID, at did.At) (*did.Resolution, error) {
			return mem.Resolve(ctx, known, at)
		}, "an answer, want an error"},
		"what was asked for is not what is in it": {func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
			res, err := mem.Resolve(ctx, id, at)
			if err == nil {
				copied, doc := *res, *res.Document
				doc.ID, _ = did.Parse("did:example:thief")
				copied.Document, res = &doc, &copied
			}
			return res, err
		}, "answered with the document of did:example:thief"},
		"not found for who has gone": {func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
			if ctx.Err() != nil {
				return nil, &did.Error{Code: did.NotFound}
			}
			return mem.Resolve(ctx, id, at)
		}, "to a caller who has gone"},
		"the present for the past": {func(ctx context.Context, id did.DID, _ did.At) (*did.Resolution, error) {
			return mem.Resolve(ctx, id, did.At{})
		}, "with the document of today"},
		"an answer that changes": {func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
			res, err := another.Resolve(ctx, id, at)
			mu.Lock()
			defer mu.Unlock()
			if count++; err == nil && id == known && count > 5 {
				res.Metadata.VersionID = "changed"
			}
			return res, err
		}, "has changed since"},
		"the ended one as if it were not": {func(ctx context.Context, id did.DID, at did.At) (*did.Resolution, error) {
			if id.String() == of.Deactivated {
				res, err := mem.Resolve(ctx, known, at)
				return res, err
			}
			return mem.Resolve(ctx, id, at)
		}, "was ended"},
	} {
		mustFail(t, name, c.want, func(tb testing.TB) { verifiertest.Resolver(tb, resolver{c.resolve}, of) })
	}
}

// source changes what another one does.
type source struct {
	ask func(context.Context, trust.Query) (*trust.Accreditation, error)
}

func (s source) Accreditation(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
	return s.ask(ctx, q)
}

func TestTrustSourceContract(t *testing.T) {
	w := verifiertest.NewWorld(t)
	issuer := w.NewIssuer("Example Civil Registry", nil, idCard)
	list, err := trust.NewList(trust.Issuer{DIDs: []string{issuer.ID}, Types: []string{idCard}, Accreditation: trust.Accreditation{Name: "Example Civil Registry"}})
	if err != nil {
		t.Fatal(err)
	}
	var live trust.Live
	live.Store(list)
	good := trust.Query{Issuer: issuer.ID, Type: idCard, Now: w.Now(), Signed: w.Now()}
	for _, s := range []trust.Source{list, &live, w} {
		verifiertest.TrustSource(t, s, good)
	}
	plainly := func(change func(q *trust.Query)) func(context.Context, trust.Query) (*trust.Accreditation, error) {
		return func(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
			change(&q)
			return list.Accreditation(ctx, q)
		}
	}
	for name, c := range map[string]struct {
		ask  func(context.Context, trust.Query) (*trust.Accreditation, error)
		want string
	}{
		"no regard to case":   {plainly(func(q *trust.Query) { q.Issuer = strings.ToLower(q.Issuer) }), "want issuer_not_trusted"},
		"white space cut off": {plainly(func(q *trust.Query) { q.Issuer = strings.TrimSpace(q.Issuer) }), "want issuer_not_trusted"},
		"by prefix": {plainly(func(q *trust.Query) {
			if strings.HasPrefix(q.Issuer, issuer.ID) {
				q.Issuer = issuer.ID
			}
		}), "want issuer_not_trusted"},
		"a slash at the end of the type": {plainly(func(q *trust.Query) { q.Type = strings.TrimSuffix(q.Type, "/") }), "want type_not_accredited"},
		"every type":                     {plainly(func(q *trust.Query) { q.Type = idCard }), "want type_not_accredited"},
		"an untyped no": {func(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
			acc, err := list.Accreditation(ctx, q)
			if err != nil {
				err = errors.New("no")
			}
			return acc, err
		}, "no, want issuer_not_trusted"},
		"nothing at all for who is not known": {func(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
			acc, _ := list.Accreditation(ctx, q)
			return acc, nil
		}, "or neither"},
		"nobody is trusted for who has gone": {func(ctx context.Context, q trust.Query) (*trust.Accreditation, error) {
			if ctx.Err() != nil {
				return nil, trust.IssuerNotTrusted
			}
			return list.Accreditation(ctx, q)
		}, "which is an answer"},
	} {
		mustFail(t, name, c.want, func(tb testing.TB) { verifiertest.TrustSource(tb, source{c.ask}, good) })
	}
}
