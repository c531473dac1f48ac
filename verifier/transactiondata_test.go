package verifier_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
)

// transaction is what an agency sends.
func transaction(more string, ids ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"type":"https://revenue.example/transactions/payment","credential_ids":["` + strings.Join(ids, `","`) + `"],"ngultrum":500` + more + `}`))
}

func sha256Of(sent string) string {
	h := sha256.Sum256([]byte(sent))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func sha512Of(sent string) string {
	h := sha512.Sum512([]byte(sent))
	return base64.RawURLEncoding.EncodeToString(h[:])
}

func TestTransactionData(t *testing.T) {
	const alg512 = `,"transaction_data_hashes_alg":["sha3-512","sha-512"]`
	pay, second, strong := transaction("", "id"), transaction(`,"to":"school"`, "id"), transaction(alg512, "id")
	decoded, _ := base64.RawURLEncoding.DecodeString(pay)
	for name, c := range map[string]struct {
		sent   []string
		hashes any
		alg    any
		want   verifier.Reason
		signed []int
	}{
		"signed":                          {[]string{pay}, []string{sha256Of(pay)}, nil, "", []int{0}},
		"signed, and the algorithm said":  {[]string{pay}, []string{sha256Of(pay)}, "sha-256", "", []int{0}},
		"two, in another order":           {[]string{pay, second}, []string{sha256Of(second), sha256Of(pay)}, nil, "", []int{0, 1}},
		"by another algorithm":            {[]string{strong}, []string{sha512Of(strong)}, "sha-512", "", []int{0}},
		"none asked for, none signed":     {nil, nil, nil, "", nil},
		"not signed":                      {[]string{pay}, nil, nil, verifier.TransactionDataMissing, nil},
		"one of two signed":               {[]string{pay, second}, []string{sha256Of(pay)}, nil, verifier.TransactionDataMissing, nil},
		"another amount":                  {[]string{pay}, []string{sha256Of(transaction(`,"to":"thief"`, "id"))}, nil, verifier.TransactionDataMismatch, nil},
		"and another one":                 {[]string{pay}, []string{sha256Of(pay), sha256Of(second)}, nil, verifier.TransactionDataMismatch, nil},
		"one twice":                       {[]string{pay}, []string{sha256Of(pay), sha256Of(pay)}, nil, verifier.TransactionDataMismatch, nil},
		"none asked for, one signed":      {nil, []string{sha256Of(pay)}, nil, verifier.TransactionDataMismatch, nil},
		"of the decoded text":             {[]string{pay}, []string{sha256Of(string(decoded))}, nil, verifier.TransactionDataMismatch, nil},
		"by an algorithm nobody asked":    {[]string{pay}, []string{sha512Of(pay)}, "sha-512", verifier.TransactionDataMismatch, nil},
		"without saying the algorithm":    {[]string{strong}, []string{sha512Of(strong)}, nil, verifier.TransactionDataMismatch, nil},
		"the default, which is not asked": {[]string{strong}, []string{sha256Of(strong)}, "sha-256", verifier.TransactionDataMismatch, nil},
		"by what we do not have":          {[]string{strong}, []string{sha512Of(strong)}, "sha3-512", verifier.TransactionDataMismatch, nil},
		"with padding":                    {[]string{pay}, []string{sha256Of(pay) + "="}, nil, verifier.TransactionDataMismatch, nil},
	} {
		w := newWorld(t)
		w.expect.TransactionData = c.sent
		w.kb = map[string]any{"transaction_data_hashes": c.hashes, "transaction_data_hashes_alg": c.alg}
		res, err := w.verify()
		var rej *verifier.Rejection
		switch {
		case c.want == "" && (err != nil || !slices.Equal(res.Cards[0].Transactions, c.signed)):
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &rej) || rej.Reason != c.want || rej.Unauthenticated):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestTransactionsOfAStranger: a key binding that was not signed by the holder authorizes nothing.
func TestTransactionsOfAStranger(t *testing.T) {
	w := newWorld(t)
	pay := transaction("", "id")
	w.expect.TransactionData, w.kb, w.holder = []string{pay}, map[string]any{"transaction_data_hashes": []string{sha256Of(pay)}}, w.other
	w.rejected(credential.BindingSignature, true)
}

func TestTransactionHashesOfAnotherForm(t *testing.T) {
	for name, kb := range map[string]map[string]any{
		"no array":               {"transaction_data_hashes": "x"},
		"an empty array":         {"transaction_data_hashes": []string{}},
		"a number in it":         {"transaction_data_hashes": []any{"x", 1}},
		"an empty hash":          {"transaction_data_hashes": []string{""}},
		"too many":               {"transaction_data_hashes": slices.Repeat([]string{"x"}, 65)},
		"an algorithm of none":   {"transaction_data_hashes_alg": "sha-256"},
		"a list of algorithms":   {"transaction_data_hashes": []string{"x"}, "transaction_data_hashes_alg": []string{"sha-256"}},
		"an algorithm of a kind": {"transaction_data_hashes": []string{"x"}, "transaction_data_hashes_alg": 256},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.kb = kb
			w.rejected(credential.BindingMalformed, true)
		})
	}
}

// TestTransactionsOfAnAnswer: each is authorized with one card of those that it names.
func TestTransactionsOfAnAnswer(t *testing.T) {
	either, mothers := transaction("", "mother", "father"), transaction(`,"to":"school"`, "mother")
	for name, c := range map[string]struct {
		sent   []string
		signed map[string][]string // by credential query
		want   verifier.Reason
		query  string
	}{
		"each by one":           {[]string{either, mothers}, map[string][]string{"father": {either}, "mother": {mothers}}, "", ""},
		"both by one":           {[]string{either, mothers}, map[string][]string{"mother": {mothers, either}}, "", ""},
		"one by nobody":         {[]string{either, mothers}, map[string][]string{"father": {either}}, verifier.TransactionDataMissing, ""},
		"one by both":           {[]string{either}, map[string][]string{"father": {either}, "mother": {either}}, verifier.TransactionDataMismatch, ""},
		"with a card it is not": {[]string{mothers}, map[string][]string{"mother": {mothers}, "father": {mothers}}, verifier.TransactionDataMismatch, "father"},
		"and one nobody asked":  {[]string{mothers}, map[string][]string{"mother": {mothers}, "marriage": {transaction("", "marriage")}}, verifier.TransactionDataMismatch, "marriage"},
	} {
		c1, a := newCouple(t), verifier.Answer{}
		c1.expect.TransactionData = c.sent
		for _, id := range []string{"mother", "father", "marriage"} {
			var hashes []string
			for _, sent := range c.signed[id] {
				hashes = append(hashes, sha256Of(sent))
			}
			a[id] = [][]byte{c1.present(id, hashes)}
		}
		res, err := c1.verifier().VerifyAnswer(t.Context(), a, c1.expect)
		var rej *verifier.Rejection
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.As(err, &rej) || rej.Reason != c.want || rej.Query != c.query || rej.Unauthenticated):
			t.Errorf("%s: %v, want %s", name, err, c.want)
		case c.want == "":
			for _, card := range res.Cards {
				if len(card.Transactions) != len(c.signed[card.Query]) {
					t.Errorf("%s: with the card of %s %v", name, card.Query, card.Transactions)
				}
			}
		}
	}
}

// couple is a world whose cards answer three credential queries, all of one holder.
type couple struct{ *world }

func newCouple(t *testing.T) couple {
	c := couple{newWorld(t)}
	var queries []string
	for _, id := range []string{"mother", "father", "marriage"} {
		queries = append(queries, fmt.Sprintf(`{"id":%q,"format":"dc+sd-jwt","meta":{"vct_values":[%q]},"claims":[{"path":["Full Name"]}]}`, id, idCard))
	}
	q, err := dcql.Parse([]byte(`{"credentials":[` + strings.Join(queries, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	c.expect = verifier.Expect{Audience: civil, Nonce: "nonce", Query: q}
	return c
}

func (c couple) present(_ string, hashes []string) []byte {
	c.kb = map[string]any{"transaction_data_hashes": nil}
	if len(hashes) > 0 {
		c.kb["transaction_data_hashes"] = hashes
	}
	return c.world.present()
}

func TestTransactionsOfAMistakenCaller(t *testing.T) {
	pay := transaction("", "mother")
	for name, change := range map[string]func(*verifier.Expect){
		"no base64url":      func(e *verifier.Expect) { e.TransactionData = []string{"{}"} },
		"padding":           func(e *verifier.Expect) { e.TransactionData = []string{pay + "="} },
		"no JSON":           func(e *verifier.Expect) { e.TransactionData = []string{"eHg"} },
		"no type":           func(e *verifier.Expect) { e.TransactionData = []string{b64(`{"credential_ids":["mother"]}`)} },
		"no credential_ids": func(e *verifier.Expect) { e.TransactionData = []string{b64(`{"type":"x"}`)} },
		"empty":             func(e *verifier.Expect) { e.TransactionData = []string{b64(`{"type":"x","credential_ids":[]}`)} },
		"unknown hash": func(e *verifier.Expect) {
			e.TransactionData = []string{transaction(`,"transaction_data_hashes_alg":["md5"]`, "mother")}
		},
		"the same twice":      func(e *verifier.Expect) { e.TransactionData = []string{pay, pay} },
		"too many":            func(e *verifier.Expect) { e.TransactionData = slices.Repeat([]string{pay}, 65) },
		"of no query":         func(e *verifier.Expect) { e.TransactionData = []string{transaction("", "uncle")} },
		"of an unbound query": func(e *verifier.Expect) { e.Query.Credentials[0].Unbound = true },
	} {
		c := newCouple(t)
		c.expect.TransactionData = []string{pay}
		change(&c.expect)
		var misuse *verifier.Misuse
		if _, err := c.verifier().VerifyAnswer(t.Context(), verifier.Answer{"mother": {c.present("", nil)}}, c.expect); !errors.As(err, &misuse) || !strings.Contains(err.Error(), "TransactionData") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := newWorld(t)
	w.expect.TransactionData, w.expect.InsecureUnbound = []string{pay}, true
	var misuse *verifier.Misuse
	if _, err := w.verify(); !errors.As(err, &misuse) {
		t.Errorf("unbound: %v", err)
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
