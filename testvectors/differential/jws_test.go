package differential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	geth "github.com/ethereum/go-ethereum/crypto"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/jose"
	"github.com/khyer/khyer/internal/jwks"
)

// pair is a key of one algorithm, for nothing else.
type pair struct {
	alg    pubkey.Algorithm
	signer *signer
	valid  func(input string, sig []byte) bool
	jwk    func() *val
	size   int // of a coordinate
}

var pairs = []*pair{nist(pubkey.ES256, elliptic.P256(), crypto.SHA256, "P-256"), nist(pubkey.ES384, elliptic.P384(), crypto.SHA384, "P-384"), edwards(), koblitz()}

func sum(h crypto.Hash, input string) []byte {
	if h == crypto.SHA384 {
		s := sha512.Sum384([]byte(input))
		return s[:]
	}
	s := sha256.Sum256([]byte(input))
	return s[:]
}

func verifies(k *ecdsa.PublicKey, digest, sig []byte, size int) bool {
	return len(sig) == 2*size && ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:size]), new(big.Int).SetBytes(sig[size:]))
}

func nist(a pubkey.Algorithm, c elliptic.Curve, h crypto.Hash, crv string) *pair {
	size := (c.Params().BitSize + 7) / 8
	d := sha512.Sum384([]byte("differential " + crv))
	k, err := ecdsa.ParseRawPrivateKey(c, d[:size])
	if err != nil {
		panic(err)
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return &pair{
		alg: a, size: size,
		signer: &signer{func(input string) []byte { return signDigest(k, h, sum(h, input), size) }, c.Params().N},
		valid:  func(input string, sig []byte) bool { return verifies(&k.PublicKey, sum(h, input), sig, size) },
		jwk:    func() *val { return ecJWK(crv, point[1:]) },
	}
}

func ecJWK(crv string, xy []byte) *val {
	e := base64.RawURLEncoding.EncodeToString
	return obj("kty", str("EC"), "crv", str(crv), "x", str(e(xy[:len(xy)/2])), "y", str(e(xy[len(xy)/2:])))
}

func edwards() *pair {
	seed := sha256.Sum256([]byte("differential Ed25519"))
	k := ed25519.NewKeyFromSeed(seed[:])
	pub := k.Public().(ed25519.PublicKey)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10) // RFC 8032 section 5.1
	return &pair{
		alg: pubkey.EdDSA, size: 32,
		signer: &signer{func(input string) []byte { return ed25519.Sign(k, []byte(input)) }, order},
		valid:  func(input string, sig []byte) bool { return len(sig) == 64 && ed25519.Verify(pub, []byte(input), sig) },
		jwk: func() *val {
			return obj("kty", str("OKP"), "crv", str("Ed25519"), "x", str(base64.RawURLEncoding.EncodeToString(pub)))
		},
	}
}

func koblitz() *pair {
	d := sha256.Sum256([]byte("differential secp256k1"))
	k, err := geth.ToECDSA(d[:])
	if err != nil {
		panic(err)
	}
	return &pair{
		alg: pubkey.ES256K, size: 32,
		signer: &signer{func(input string) []byte {
			sig, err := geth.Sign(sum(crypto.SHA256, input), k)
			if err != nil {
				panic(err)
			}
			return sig[:64]
		}, k.Params().N},
		valid: func(input string, sig []byte) bool { return verifies(&k.PublicKey, sum(crypto.SHA256, input), sig, 32) },
		jwk:   func() *val { return ecJWK("secp256k1", geth.FromECDSAPub(&k.PublicKey)[1:]) },
	}
}

// keyMutations change the JWK; the signature stays that of the key.
var keyMutations = []mutationOfKey{
	{"key: member added", func(r *rand.Rand, k *val, _ *pair) {
		k.add(pick(r, "kid", "use", "key_ops", "ext", "alg", "x5c", "x5u", "nbf", "Kty", "x"), pick(r, odd(r), str("sig"), str("enc"), arr(str("verify")), arr(str("sign")), arr(str("deriveKey")), str("ES256"), str("EdDSA"), str("ECDH-ES")))
	}},
	{"key: name in another case", func(r *rand.Rand, k *val, _ *pair) {
		name := pick(r, "kty", "crv", "x", "y", "d", "use")
		v := k.get(name)
		if v == nil || r.IntN(3) == 0 {
			v = pick(r, odd(r), str("sig"))
		}
		k.add(pick(r, strings.ToUpper(name), strings.ToUpper(name[:1])+name[1:]), v)
	}},
	{"key: private member", func(r *rand.Rand, k *val, p *pair) {
		k.add(pick(r, "d", "k", "p", "dp", "priv"), pick(r, str(base64.RawURLEncoding.EncodeToString(make([]byte, p.size))), str("AQAB"), str(""), raw("1"), raw("null")))
	}},
	{"key: member dropped", func(r *rand.Rand, k *val, _ *pair) { k.drop(pick(r, "kty", "crv", "x", "y")) }},
	{"key: member of another type", func(r *rand.Rand, k *val, _ *pair) { k.set(pick(r, "kty", "crv", "x", "y"), odd(r)) }},
	{"key: another kind", func(r *rand.Rand, k *val, _ *pair) {
		k.set(pick(r, "kty", "crv"), str(pick(r, "EC", "OKP", "RSA", "oct", "ec", "P-256", "P-384", "P-521", "p-256", "Ed25519", "Ed448", "X25519", "secp256k1", "P-256 ")))
	}},
	{"key: duplicate member", func(r *rand.Rand, k *val, _ *pair) {
		if len(k.mem) == 0 {
			return
		}
		m := pick(r, k.mem...)
		if r.IntN(2) == 0 {
			m.v = odd(r)
		}
		k.mem = slices.Insert(k.mem, r.IntN(len(k.mem)+1), m)
	}},
	{"key: spelling of a coordinate", func(r *rand.Rand, k *val, _ *pair) {
		name := pick(r, "x", "y")
		if v := k.get(name); v != nil && v.kind == 's' {
			if b, err := base64.RawURLEncoding.DecodeString(v.text); err == nil {
				k.set(name, str(spelling(r.IntN(int(spellings))).encode(b)))
			}
		}
	}},
	{"key: length of a coordinate", func(r *rand.Rand, k *val, _ *pair) {
		name := pick(r, "x", "y")
		if v := k.get(name); v != nil && v.kind == 's' {
			if b, err := base64.RawURLEncoding.DecodeString(v.text); err == nil && len(b) > 0 {
				k.set(name, str(base64.RawURLEncoding.EncodeToString(pick(r, b[1:], b[:len(b)-1], append([]byte{0}, b...), append(slices.Clone(b), 0), nil))))
			}
		}
	}},
	{"key: another point", func(r *rand.Rand, k *val, p *pair) {
		zero, ones := make([]byte, p.size), slices.Repeat([]byte{0xff}, p.size)
		one := slices.Clone(zero)
		one[0] = 1
		b := pick(r, zero, ones, one, sum(crypto.SHA384, saltOf(r))[:p.size])
		k.set(pick(r, "x", "y"), str(base64.RawURLEncoding.EncodeToString(b)))
	}},
	{"key: text around", func(r *rand.Rand, k *val, _ *pair) {}}, // newJWSTrial has a style for it
}

type mutationOfKey struct {
	name string
	do   func(r *rand.Rand, k *val, p *pair)
}

// headMutations are those of a JWS alone; mutations of SD-JWT's own parts do nothing to it.
var headMutations = slices.DeleteFunc(slices.Clone(headerMutations), func(m mutation) bool { return m.name == "header: odd value" })

type jwsTrial struct {
	index     uint64
	pair      *pair
	text, jwk string
	applied   []string
}

func newJWSTrial(seed, index uint64) jwsTrial {
	r := rand.New(rand.NewPCG(seed, index))
	t := jwsTrial{index: index, pair: pick(r, pairs...)}
	p := &presentation{noKB: true, hash: "sha-256", card: jws{
		header:  obj("alg", str(string(t.pair.alg)), "typ", str("example+jwt"), "kid", str("#key-1")),
		payload: obj("n", raw(fmt.Sprint(index))), signer: t.pair.signer,
	}}
	key, keyStyle := t.pair.jwk(), style{}
	shuffle(r, key.mem)
	for range pick(r, 0, 1, 1, 1, 1, 1, 2, 3) {
		if p.card.header.kind != 'o' {
			break
		}
		switch r.IntN(7) {
		case 0:
			p.card.bodyEnc = spelling(r.IntN(int(spellings)))
			t.applied = append(t.applied, "payload: spelling")
		case 1, 2, 3:
			m := pick(r, headMutations...)
			m.do(r, p)
			t.applied = append(t.applied, m.name)
		default:
			m := pick(r, keyMutations...)
			m.do(r, key, t.pair)
			if m.name == "key: text around" {
				keyStyle = oddStyle(r)
			}
			t.applied = append(t.applied, m.name)
		}
	}
	t.text = strings.TrimSuffix(p.write(), "~")
	t.jwk = string(p.json(key, keyStyle, ""))
	return t
}

// jwsOurs is what did/pubkey and credential make of it: "" or the reason.
func jwsOurs(t jwsTrial) string {
	k, err := pubkey.ParseJWK([]byte(t.jwk))
	if err != nil {
		var e *pubkey.Error
		errors.As(err, &e)
		return string(e.Reason)
	}
	p, err := credential.Parse([]byte(t.text+"~"), credential.SDJWT, disclosure.Limits{})
	if err != nil {
		return string(reasonOf(err))
	}
	if _, err := p.Verify(k, credential.Binding{InsecureUnbound: true}, time.Unix(now, 0)); err != nil {
		return string(reasonOf(err))
	}
	return ""
}

// library is somebody who reads a whole JWS.
type library struct {
	name   string
	verify func(t jwsTrial) error
	of     func(c *jwsClass) verdict
}

var libraries = []library{
	{"go-jose", func(t jwsTrial) error { return jose.VerifyCompact(t.text, []byte(t.jwk)) }, func(c *jwsClass) verdict { return c.goJose }},
	{"jwx", func(t jwsTrial) error { return jwks.VerifyCompact(t.text, t.pair.alg, []byte(t.jwk)) }, func(c *jwsClass) verdict { return c.jwx }},
}

// ask keeps a library's panic from ending the test: it counts as a refusal.
func (l library) ask(t jwsTrial) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return l.verify(t)
}

// jwsVerdict compares ours with the third reader, and each library with both.
func jwsVerdict(t jwsTrial, score map[string]int) (unexplained string) {
	reason, facts := jwsOurs(t), readJWS(t)
	var faults, all []*jwsClass
	for name := range facts {
		c := jwsClassByName(name)
		if c == nil {
			return "the reader has a fact that is no class: " + name
		}
		all = append(all, c)
		if len(c.ours) > 0 {
			faults = append(faults, c)
		}
	}
	switch {
	case reason == "" && len(faults) > 0:
		return "ours accepts in spite of a fault"
	case reason != "" && !slices.ContainsFunc(faults, func(c *jwsClass) bool { return slices.Contains(c.ours, reason) }):
		return "ours refuses (" + reason + "), and the reader finds no such fault"
	}
	for _, l := range libraries {
		if t.pair.alg == pubkey.ES256K {
			continue // neither has it
		}
		err := l.ask(t)
		if err != nil && strings.HasPrefix(err.Error(), "panic: ") {
			score[l.name+" panics"]++
		}
		if (err == nil) == (reason == "") {
			continue
		}
		explained := false
		for _, c := range all {
			switch v := l.of(c); {
			case err == nil && len(c.ours) > 0 && v != accepts:
				return l.name + " accepts in spite of " + c.name + ", ours refuses (" + reason + ")"
			case err == nil && v == accepts, err != nil && v == differs:
				explained = true
				score[l.name+": "+c.name]++
			}
		}
		if !explained {
			return fmt.Sprintf("%s refuses (%v), ours accepts", l.name, err)
		}
		score[l.name+" parts from ours"]++
	}
	return ""
}

// TestVerdictsOfJWS gives mutated JWS and keys to go-jose, jwx and ours.
func TestVerdictsOfJWS(t *testing.T) {
	const each = 20000
	seed, count := number(t, seedVar, 1), min(number(t, countVar, each), each)
	t.Logf("seed %d", seed)
	end := deadline(t, &count)
	score, made, bad := map[string]int{}, uint64(0), 0
	for i := range count {
		if i%64 == 63 && !end.IsZero() && time.Now().After(end) {
			break
		}
		made++
		tr := newJWSTrial(seed, i)
		if unexplained := jwsVerdict(tr, score); unexplained != "" {
			if bad++; bad <= 5 {
				t.Errorf("unexplained: %s\nseed %d, signature %d, mutations %q\nfacts %q\nkey %q\nheader %q\n%q", unexplained, seed, tr.index, tr.applied,
					slices.Sorted(maps.Keys(readJWS(tr))), tr.jwk, decode(strings.Split(tr.text, ".")[0]), tr.text)
			}
		}
		if jwsOurs(tr) == "" {
			score["ours accepts"]++
		}
	}
	t.Logf("%d signatures", made)
	for _, name := range slices.Sorted(maps.Keys(score)) {
		t.Logf("%7d %s", score[name], name)
	}
	for _, c := range jwsClasses {
		for _, l := range libraries {
			if made >= each && l.of(&c) != refuses && score[l.name+": "+c.name] == 0 {
				t.Errorf("nothing shows %q with %s any more: does it do as ours now?", c.name, l.name)
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d are unexplained", bad, made)
	}
	if score["ours accepts"] < int(made)/10 {
		t.Error("hardly anything is valid: the comparison says little")
	}
}
