package trust_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/verifier/trust"
)

var _ trust.Directory = (*trust.Live)(nil)

func listOf(tb testing.TB, id, name string) *trust.List {
	tb.Helper()
	l, err := trust.NewList(trust.Issuer{DIDs: []string{id}, Types: []string{"t"}, Accreditation: trust.Accreditation{Name: name}})
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// TestLive: questions are answered by the newest list, and by none if there is none.
func TestLive(t *testing.T) {
	var live trust.Live
	ask := func(id string) (string, error) {
		a, err := live.Accreditation(context.Background(), trust.Query{Issuer: id, Type: "t", Now: time.Now()})
		if err != nil {
			return "", err
		}
		return a.Name, nil
	}
	nothing := func() {
		t.Helper()
		if _, err := ask("did:example:a"); !errors.Is(err, trust.ErrNoList) || errors.Is(err, trust.IssuerNotTrusted) {
			t.Errorf("without a list: %v", err)
		}
		if _, err := live.Certify(context.Background(), "x", []*x509.Certificate{{}}, time.Now()); !errors.Is(err, trust.ErrNoList) {
			t.Errorf("a certificate without a list: %v", err)
		}
		if n := len(live.Issuers()); n != 0 {
			t.Errorf("%d issuers without a list", n)
		}
	}
	nothing()
	live.Store(listOf(t, "did:example:a", "one"))
	if name, err := ask("did:example:a"); name != "one" || err != nil || len(live.Issuers()) != 1 {
		t.Errorf("%q, %v", name, err)
	}
	live.Store(listOf(t, "did:example:b", "two"))
	if _, err := ask("did:example:a"); !errors.Is(err, trust.IssuerNotTrusted) {
		t.Errorf("an issuer that the newer list does not have: %v", err)
	}
	if _, err := live.Certify(context.Background(), "x", nil, time.Now()); !errors.Is(err, trust.IssuerNotTrusted) {
		t.Errorf("a certificate of nobody: %v", err)
	}
	live.Store(nil)
	nothing()
}

// TestLiveWhileItRuns is for the race detector.
func TestLiveWhileItRuns(t *testing.T) {
	var live trust.Live
	lists := []*trust.List{listOf(t, "did:example:a", "one"), listOf(t, "did:example:a", "two")}
	live.Store(lists[0])
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				a, err := live.Accreditation(context.Background(), trust.Query{Issuer: "did:example:a", Type: "t", Now: time.Now()})
				if err != nil || a.Name != "one" && a.Name != "two" {
					t.Errorf("%v, %v", a, err)
					return
				}
			}
		})
	}
	for n := range 1000 {
		live.Store(lists[n%2])
	}
	group.Wait()
}

// A list that is exchanged while verifiers run. What would be read from the governing body's address is written here.
func ExampleLive() {
	var live trust.Live // given to verifier.Config.Issuers once
	published := func(name string) []byte {
		return []byte(`{"format": "khyer-trust/1", "issuers": [{"name": "` + name + `", "dids": ["did:example:registry"], "types": ["https://registry.example/types/id"]}]}`)
	}
	for _, file := range [][]byte{published("Civil Registry"), []byte("half a file"), published("Department of Civil Registry")} {
		d, err := trust.ParseDocument(file)
		if err != nil {
			continue // the list before stays, until it expires
		}
		list, err := d.List()
		if err != nil {
			continue
		}
		live.Store(list)
	}
	a, err := live.Accreditation(context.Background(), trust.Query{Issuer: "did:example:registry", Type: "https://registry.example/types/id", Now: time.Now()})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a.Name)
	// Output: Department of Civil Registry
}
