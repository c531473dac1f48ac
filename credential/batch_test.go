package credential_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// person is what all cards of one person have in common.
func person(name string) credential.Card {
	return credential.Card{
		Type: vct, Claims: json.RawMessage(`{"Full Name":"` + name + `","ID Number":"10000000001","Citizenship":"Bhutanese"}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"ID Number"}, {"Citizenship"}}, Decoys: 2},
		Expires: now.AddDate(0, 1, 0),
	}
}

func holders(t testing.TB, n int) (signers []pubkey.Signer, keys []pubkey.Key) {
	t.Helper()
	for range n {
		s := generate(t, pubkey.ES256)
		signers, keys = append(signers, s), append(keys, s.Public())
	}
	return signers, keys
}

func issuerAt(t testing.TB, s pubkey.Signer, at time.Time) *credential.Issuer {
	t.Helper()
	i, err := credential.NewIssuer(credential.IssuerConfig{ID: iss, KeyID: "#key-1", Signer: s, Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// payload decodes the signed claims of a card that is not to be verified.
func payload(t testing.TB, sdjwt []byte) (raw []byte, claims map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(string(sdjwt), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return raw, claims
}

// commonRuns returns the runs of at least 16 bytes of a that are in b too.
func commonRuns(a, b []byte) (runs []string) {
	const least = 16
	for i := 0; i+least <= len(a); {
		n := least
		if !bytes.Contains(b, a[i:i+n]) {
			i++
			continue
		}
		for i+n < len(a) && bytes.Contains(b, a[i:i+n+1]) {
			n++
		}
		runs = append(runs, string(a[i:i+n]))
		i += n
	}
	return runs
}

// TestTwoVerifiersCompareOneTimeCards is the attack that one-time cards are made against: two verifiers put side by side everything
// that they got. What two cards of one person share must be what the cards of any two people share, but for the claims themselves.
func TestTwoVerifiersCompareOneTimeCards(t *testing.T) {
	issuer := newIssuer(t, generate(t, pubkey.ES256))
	_, mine := holders(t, 3)
	_, hers := holders(t, 1)
	refs := func(idx ...uint64) (out []status.Reference) {
		for _, i := range idx {
			out = append(out, status.Reference{URI: "https://registry.example/lists/1", Index: i})
		}
		return out
	}
	cards, err := issuer.IssueBatch(ctx, person("Pema Example"), credential.Batch{Holders: mine, Status: refs(734512, 90, 500001)})
	if err != nil {
		t.Fatal(err)
	}
	others, err := issuer.IssueBatch(ctx, person("Karma Example"), credential.Batch{Holders: hers, Status: refs(17)})
	if err != nil {
		t.Fatal(err)
	}
	otherPayload, other := payload(t, others[0])
	for i, a := range cards {
		for _, b := range cards[i+1:] {
			rawA, one := payload(t, a)
			rawB, two := payload(t, b)
			for _, run := range commonRuns(rawA, rawB) {
				// At either end, a few characters more may be equal by chance.
				if !bytes.Contains(otherPayload, []byte(run[4:len(run)-4])) {
					t.Errorf("the payloads share %q, which another person's lacks", run)
				}
			}
			// As they travel: the header is everybody's; payload, signature and disclosures are compared encoded.
			partsA, partsB := strings.FieldsFunc(string(a), isSeparator), strings.FieldsFunc(string(b), isSeparator)
			for n, p := range partsA {
				if n != 0 && slices.Contains(partsB, p) {
					t.Errorf("part %d is on both cards", n)
				}
			}
			if d := commonRuns([]byte(partsA[2]), []byte(partsB[2])); len(d) > 0 {
				t.Errorf("the signatures share %q", d)
			}
			digests := map[any]bool{}
			for _, d := range append(one["_sd"].([]any), two["_sd"].([]any)...) {
				digests[d] = true
			}
			if len(digests) != 2*(3+2) {
				t.Errorf("%d different digests on two cards of three claims and two decoys", len(digests))
			}
			salts := map[any]bool{}
			for _, d := range append(partsA[3:], partsB[3:]...) {
				salts[parts(t, d)[0]] = true
			}
			if len(salts) != 6 {
				t.Errorf("%d different salts of 6 disclosures", len(salts))
			}
			if fmt.Sprint(one["cnf"]) == fmt.Sprint(two["cnf"]) || fmt.Sprint(one["status"]) == fmt.Sprint(two["status"]) {
				t.Error("the cards share a key or a status")
			}
		}
	}
	for _, a := range cards {
		_, one := payload(t, a)
		for _, name := range []string{"iat", "exp"} {
			if one[name] != other[name] || int64(one[name].(float64))%86400 != 0 {
				t.Errorf("%s: %v and, on another person's card, %v", name, one[name], other[name])
			}
		}
	}
}

func isSeparator(r rune) bool { return r == '.' || r == '~' }

func parts(t testing.TB, disclosure string) (out []any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(disclosure)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// The place of a digest says nothing of the place of its claim, and two cards have two orders. Chance keeps one of 20!.
func TestDigestsAreInNoOrderOfClaims(t *testing.T) {
	issuer := newIssuer(t, generate(t, pubkey.ES256))
	_, keys := holders(t, 2)
	c := credential.Card{Type: vct}
	var members []string
	for i := range 20 {
		name := fmt.Sprintf("claim %02d", i)
		members = append(members, fmt.Sprintf("%q:%d", name, i))
		c.Conceal.Paths = append(c.Conceal.Paths, disclosure.Path{name})
	}
	c.Claims = json.RawMessage("{" + strings.Join(members, ",") + "}")
	cards, err := issuer.IssueBatch(ctx, c, credential.Batch{Holders: keys})
	if err != nil {
		t.Fatal(err)
	}
	inOrder := make([]int, 20)
	for i := range inOrder {
		inOrder[i] = i
	}
	var orders [][]int
	for _, card := range cards {
		claim := map[any]int{}
		for _, d := range strings.FieldsFunc(string(card), isSeparator)[3:] {
			sum := sha256.Sum256([]byte(d))
			claim[base64.RawURLEncoding.EncodeToString(sum[:])] = int(parts(t, d)[2].(float64))
		}
		_, p := payload(t, card)
		var order []int
		for _, digest := range p["_sd"].([]any) {
			order = append(order, claim[digest])
		}
		if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, inOrder) || slices.Equal(order, inOrder) {
			t.Errorf("the claims stand in the order %v", order)
		}
		orders = append(orders, order)
	}
	if slices.Equal(orders[0], orders[1]) {
		t.Errorf("both cards have the order %v", orders[0])
	}
}

func TestBatchDates(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const noon = "2026-11-24T12:00:00Z"
	for name, c := range map[string]struct {
		now, from, begins, expires string
		iat, nbf, exp              string
		fault                      string
	}{
		"iat down":                           {now: "2026-11-24T23:59:59.9Z", iat: "2026-11-24T00:00:00Z"},
		"iat at the day's first moment":      {now: "2026-11-24T00:00:00Z", iat: "2026-11-24T00:00:00Z"},
		"the day is UTC's":                   {now: "2026-11-25T05:00:00+06:00", iat: "2026-11-24T00:00:00Z"},
		"the key is older":                   {now: noon, from: "2026-11-23T10:32:17Z", iat: "2026-11-24T00:00:00Z"},
		"the key's first day":                {now: noon, from: "2026-11-24T10:32:17Z", iat: "2026-11-24T10:32:17Z"},
		"the key's first day, no whole time": {now: noon, from: "2026-11-24T10:32:17.2Z", iat: "2026-11-24T10:32:18Z"},
		"the key is not valid yet":           {now: noon, from: "2026-11-24T12:00:01Z", fault: "iat"},
		"nbf up":                             {now: noon, begins: "2026-11-30T00:00:01Z", iat: "2026-11-24T00:00:00Z", nbf: "2026-12-01T00:00:00Z"},
		"nbf on a day":                       {now: noon, begins: "2026-11-30T00:00:00Z", iat: "2026-11-24T00:00:00Z", nbf: "2026-11-30T00:00:00Z"},
		"nbf that has passed, down":          {now: noon, begins: noon, iat: "2026-11-24T00:00:00Z", nbf: "2026-11-24T00:00:00Z"},
		"exp down":                           {now: noon, expires: "2026-12-01T23:59:59Z", iat: "2026-11-24T00:00:00Z", exp: "2026-12-01T00:00:00Z"},
		"over today":                         {now: noon, expires: "2026-11-24T23:59:59Z", fault: "exp"},
		"over before it begins":              {now: noon, begins: "2026-11-30T00:00:01Z", expires: "2026-12-01T20:00:00Z", fault: "exp"},
		"one day":                            {now: noon, begins: "2026-11-30T00:00:01Z", expires: "2026-12-02T20:00:00Z", iat: "2026-11-24T00:00:00Z", nbf: "2026-12-01T00:00:00Z", exp: "2026-12-02T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			in := person("Pema Example")
			in.Expires = time.Time{}
			var b credential.Batch
			_, b.Holders = holders(t, 1)
			for text, into := range map[string]*time.Time{c.from: &b.KeyFrom, c.begins: &in.NotBefore, c.expires: &in.Expires} {
				if text != "" {
					*into = at(text)
				}
			}
			cards, err := issuerAt(t, generate(t, pubkey.ES256), at(c.now)).IssueBatch(ctx, in, b)
			if c.fault != "" {
				var e *disclosure.Error
				if !errors.As(err, &e) || e.Reason != credential.CallerFault || len(e.Path) != 1 || e.Path[0] != c.fault {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, p := payload(t, cards[0])
			for name, want := range map[string]string{"iat": c.iat, "nbf": c.nbf, "exp": c.exp} {
				got, ok := p[name]
				if ok != (want != "") || ok && int64(got.(float64)) != at(want).Unix() {
					t.Errorf("%s is %v, not %s", name, got, want)
				}
			}
		})
	}
}

func TestIssueBatchRefuses(t *testing.T) {
	issuer := newIssuer(t, generate(t, pubkey.ES256))
	_, keys := holders(t, 2)
	encryption, err := pubkey.ParseJWK([]byte(strings.Replace(string(keys[1].JWK()), "{", `{"use":"enc",`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	ref := func(i uint64) status.Reference {
		return status.Reference{URI: "https://registry.example/lists/1", Index: i}
	}
	for name, c := range map[string]struct {
		change func(*credential.Card, *credential.Batch)
		reason disclosure.Reason
		at     string
	}{
		"one key for two cards":      {func(_ *credential.Card, b *credential.Batch) { b.Holders[1] = b.Holders[0] }, credential.CallerFault, "cnf"},
		"no key":                     {func(_ *credential.Card, b *credential.Batch) { b.Holders = nil; b.Status = nil }, credential.CallerFault, "cnf"},
		"a zero key":                 {func(_ *credential.Card, b *credential.Batch) { b.Holders[1] = pubkey.Key{} }, credential.CallerFault, "cnf"},
		"a key for encryption":       {func(_ *credential.Card, b *credential.Batch) { b.Holders[1] = encryption }, credential.CallerFault, "cnf"},
		"an address":                 {func(_ *credential.Card, b *credential.Batch) { b.Holders[1] = pubkey.FromAddress([20]byte{1}) }, credential.CallerFault, "cnf"},
		"a holder of the card's own": {func(c *credential.Card, b *credential.Batch) { c.Holder = b.Holders[0] }, credential.CallerFault, "cnf"},
		"unbound":                    {func(c *credential.Card, _ *credential.Batch) { c.InsecureUnbound = true }, credential.CallerFault, "cnf"},
		"one status for two cards":   {func(_ *credential.Card, b *credential.Batch) { b.Status[1] = b.Status[0] }, credential.CallerFault, "status"},
		"a status too few":           {func(_ *credential.Card, b *credential.Batch) { b.Status = b.Status[:1] }, credential.CallerFault, "status"},
		"none, but not nil":          {func(_ *credential.Card, b *credential.Batch) { b.Status = b.Status[:0] }, credential.CallerFault, "status"},
		"a status of no list":        {func(_ *credential.Card, b *credential.Batch) { b.Status[1].URI = "" }, credential.CallerFault, "status"},
		"a status of the card's own": {func(c *credential.Card, b *credential.Batch) { c.Status = &b.Status[0] }, credential.CallerFault, "status"},
		"salts that may repeat":      {func(c *credential.Card, _ *credential.Batch) { c.Conceal.Rand = rand.New(rand.NewSource(1)) }, credential.CallerFault, ""},
		"a claim that it lacks":      {func(c *credential.Card, _ *credential.Batch) { c.Conceal.Paths[0] = disclosure.Path{"Shoe Size"} }, disclosure.NoSuchClaim, "Shoe Size"},
	} {
		in := person("Pema Example")
		b := credential.Batch{Holders: slices.Clone(keys), Status: []status.Reference{ref(5), ref(9)}}
		c.change(&in, &b)
		cards, err := issuer.IssueBatch(ctx, in, b)
		var e *disclosure.Error
		if !errors.As(err, &e) || e.Reason != c.reason || cards != nil || (c.at == "") != (len(e.Path) == 0) || c.at != "" && e.Path[0] != c.at {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// stock issues and receives a batch.
func stock(t testing.TB, n int, spent func(context.Context, *credential.Held) error) (*credential.OneTime, []*credential.Held) {
	t.Helper()
	key := generate(t, pubkey.ES256)
	signers, keys := holders(t, n)
	cards, err := newIssuer(t, key).IssueBatch(ctx, person("Pema Example"), credential.Batch{Holders: keys})
	if err != nil {
		t.Fatal(err)
	}
	o := credential.NewOneTime(spent)
	var all []*credential.Held
	for i, s := range signers {
		h := credential.NewHolder(s)
		held, err := h.Receive(cards[i], key.Public(), now)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Add(h, held); err != nil {
			t.Fatal(err)
		}
		all = append(all, held)
	}
	return o, all
}

var toAnAgency = credential.Showing{Reveal: []disclosure.Path{{"ID Number"}}, Audience: "https://bank.example", Nonce: "n", At: now}

// Many requests at once: no card is shown twice, each is recorded, and the last ones are told that there is none.
func TestNoCardIsShownTwice(t *testing.T) {
	const n, asked = 12, 40
	var mu sync.Mutex
	recorded := map[*credential.Held]int{}
	o, _ := stock(t, n, func(_ context.Context, c *credential.Held) error {
		mu.Lock()
		defer mu.Unlock()
		recorded[c]++
		return nil
	})
	shown, none := map[string]int{}, 0
	var wg sync.WaitGroup
	for range asked {
		wg.Go(func() {
			p, err := o.Present(ctx, toAnAgency)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, credential.NoCardLeft):
				none++
			case err != nil:
				t.Error(err)
			default:
				_, claims := payload(t, p)
				shown[fmt.Sprint(claims["cnf"])]++
			}
		})
	}
	wg.Wait()
	if len(shown) != n || none != asked-n || len(recorded) != n || o.Left() != 0 {
		t.Errorf("%d keys shown, %d refused, %d recorded, %d left", len(shown), none, len(recorded), o.Left())
	}
	for key, times := range shown {
		if times != 1 {
			t.Errorf("%d presentations with one key %s", times, key)
		}
	}
}

func TestWhatSpendsACard(t *testing.T) {
	storage := errors.New("disk full")
	var fail error
	o, _ := stock(t, 3, func(context.Context, *credential.Held) error { return fail })

	lacking := toAnAgency
	lacking.Reveal = []disclosure.Path{{"Shoe Size"}}
	if _, err := o.Present(ctx, lacking); !errors.Is(err, disclosure.NoSuchClaim) || o.Left() != 3 {
		t.Errorf("a claim that the card lacks: %v, %d left", err, o.Left())
	}
	fail = storage
	if p, err := o.Present(ctx, toAnAgency); !errors.Is(err, storage) || p != nil || o.Left() != 2 {
		t.Errorf("a storage that fails: %v, %d left", err, o.Left())
	}
	fail = nil
	if _, err := o.Present(ctx, toAnAgency); err != nil || o.Left() != 1 {
		t.Errorf("%v, %d left", err, o.Left())
	}
	late := toAnAgency
	late.At = now.AddDate(0, 1, 0)
	if _, err := o.Present(ctx, late); !errors.Is(err, credential.NoCardLeft) || o.Left() != 0 {
		t.Errorf("a card that has expired: %v, %d left", err, o.Left())
	}
}

func TestAddRefuses(t *testing.T) {
	o, cards := stock(t, 1, nil)
	stranger := credential.NewHolder(generate(t, pubkey.ES256))
	for name, err := range map[string]error{
		"no holder": o.Add(nil, cards[0]), "a holder without a key": o.Add(credential.NewHolder(nil), cards[0]),
		"no card": o.Add(stranger, nil), "an empty card": o.Add(stranger, &credential.Held{}), "another holder": o.Add(stranger, cards[0]),
	} {
		if !errors.Is(err, credential.CallerFault) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// The same key once more: another card, or the same one after a restart that forgot what is there.
	key, signer := generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	h := credential.NewHolder(signer)
	for n, want := range []error{nil, credential.CallerFault} {
		in := person("Pema Example")
		in.Holder = signer.Public()
		sdjwt, err := newIssuer(t, key).Issue(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		held, err := h.Receive(sdjwt, key.Public(), now)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Add(h, held); !errors.Is(err, want) {
			t.Errorf("card %d: got %v", n, err)
		}
	}
}

// A card that is being shown, was shown or could not be recorded does not come back.
func TestSpentCardIsNotAddedAgain(t *testing.T) {
	key, signer := generate(t, pubkey.ES256), generate(t, pubkey.ES256)
	in := person("Pema Example")
	in.Holder = signer.Public()
	sdjwt, err := newIssuer(t, key).Issue(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	h := credential.NewHolder(signer)
	receive := func() *credential.Held {
		held, err := h.Receive(sdjwt, key.Public(), now)
		if err != nil {
			t.Fatal(err)
		}
		return held
	}
	for name, recorded := range map[string]error{"recorded": nil, "not recorded": errors.New("disk full")} {
		var o *credential.OneTime
		var during error
		o = credential.NewOneTime(func(context.Context, *credential.Held) error {
			during = o.Add(h, receive())
			return recorded
		})
		if err := o.Add(h, receive()); err != nil {
			t.Fatal(err)
		}
		lacking := toAnAgency
		lacking.Reveal = []disclosure.Path{{"Shoe Size"}}
		if _, err := o.Present(ctx, lacking); !errors.Is(err, disclosure.NoSuchClaim) || o.Left() != 1 {
			t.Fatal(err) // nothing was shown, and the card is still there
		}
		if _, err := o.Present(ctx, toAnAgency); !errors.Is(err, recorded) {
			t.Fatal(err)
		}
		if after := o.Add(h, receive()); !errors.Is(during, credential.CallerFault) || !errors.Is(after, credential.CallerFault) || o.Left() != 0 {
			t.Errorf("%s: %v while it was shown, %v afterwards, %d left", name, during, after, o.Left())
		}
		if p, err := o.Present(ctx, toAnAgency); !errors.Is(err, credential.NoCardLeft) || p != nil {
			t.Errorf("%s: shown again: %v", name, err)
		}
	}
	var zero credential.OneTime
	if err := zero.Add(h, receive()); err != nil {
		t.Errorf("a stock that was not made: %v", err)
	}
}

func ExampleIssuer_IssueBatch() {
	ctx, now := context.Background(), time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	issuerKey, _ := pubkey.Generate(pubkey.ES256)
	issuer, err := credential.NewIssuer(credential.IssuerConfig{
		ID: "did:web:registry.example", KeyID: "#key-1", Signer: issuerKey, Now: func() time.Time { return now },
	})
	if err != nil {
		panic(err)
	}

	// The citizen's phone makes as many keys as it wants cards, and keeps what it receives until it has been shown.
	var phone []*credential.Holder
	var batch credential.Batch
	for range 2 {
		key, _ := pubkey.Generate(pubkey.ES256)
		phone, batch.Holders = append(phone, credential.NewHolder(key)), append(batch.Holders, key.Public())
	}
	cards, err := issuer.IssueBatch(ctx, credential.Card{
		Type:    "https://registry.example/types/foundational-id",
		Claims:  json.RawMessage(`{"Full Name":"Pema Example","ID Number":"10000000001"}`),
		Conceal: disclosure.ConcealOptions{Paths: []disclosure.Path{{"Full Name"}, {"ID Number"}}},
		Expires: now.AddDate(0, 3, 0),
	}, batch)
	if err != nil {
		panic(err)
	}
	stock := credential.NewOneTime(nil) // a phone passes a function that deletes the card from its storage
	for n, card := range cards {
		held, err := phone[n].Receive(card, issuerKey.Public(), now)
		if err != nil {
			panic(err)
		}
		if err := stock.Add(phone[n], held); err != nil {
			panic(err)
		}
	}

	for _, agency := range []string{"https://bank.example", "https://clinic.example", "https://hotel.example"} {
		_, err := stock.Present(ctx, credential.Showing{Reveal: []disclosure.Path{{"ID Number"}}, Audience: agency, Nonce: "n-0S6_WzA2Mj", At: now})
		fmt.Println(agency, err, stock.Left(), "left")
	}
	// Output:
	// https://bank.example <nil> 1 left
	// https://clinic.example <nil> 0 left
	// https://hotel.example disclosure: no_card_left 0 left
}
