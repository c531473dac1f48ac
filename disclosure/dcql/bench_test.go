package dcql_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure/dcql"
)

const benchQuery = `{"credentials":[
	{"id":"id","format":"dc+sd-jwt","meta":{"vct_values":["id"]},"claims":[{"id":"n","path":["number"],"values":["none"]},{"id":"a","path":["address","village"]},{"id":"g","path":["age_over_18"],"values":[true]}],"claim_sets":[["n"],["a","g"]]},
	{"id":"health","format":"dc+sd-jwt","meta":{"vct_values":["health"]},"claims":[{"path":["visits",null,"place"]}]}],
	"credential_sets":[{"options":[["id","health"],["health"]]},{"options":[["id"]]}]}`

// thickWallet has n cards, half of which answer one of the two queries.
func thickWallet(n int) (out []dcql.Candidate) {
	for i := range n {
		vct := []string{"id", "health", "licence", "union"}[i%4]
		out = append(out, card(fmt.Sprint(i), vct, fmt.Sprintf(`{"iss":"did:web:registry.example","vct":%q,"number":"%d","name":"Pema Example","address":{"village":"Wolakha","gewog":"Kabisa"},`+
			`"age_over_18":true,"visits":[{"place":"x"},{"place":"y"},{"on":"2026-01-01"}]}`, vct, i)))
	}
	return out
}

// BenchmarkMatch: ns/card must be the same for all sizes.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			q, wallet := parse(b, benchQuery), thickWallet(n)
			b.ReportAllocs()
			for b.Loop() {
				if choices, err := q.Match(wallet); err != nil || len(choices) != 2 {
					b.Fatal(choices, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/card")
		})
	}
}

// TestMatchIsLinear: ten times the cards take about ten times as long, and not a hundred times.
func TestMatchIsLinear(t *testing.T) {
	q := parse(t, benchQuery)
	took := func(n int) time.Duration {
		wallet, best := thickWallet(n), time.Hour
		for range 5 {
			begin := time.Now()
			if choices, err := q.Match(wallet); err != nil || len(choices) != 2 {
				t.Fatal(choices, err)
			}
			best = min(best, time.Since(begin))
		}
		return best
	}
	few, many := took(1000), took(10000)
	if many > 40*few {
		t.Errorf("1,000 cards take %v, 10,000 take %v", few, many)
	}
	t.Logf("1,000 cards take %v, 10,000 take %v", few, many)
}
