package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestResolveWeb(t *testing.T) {
	const id = "did:web:registry.example%3A3000:issuer"
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/issuer/did.json" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/did")
		w.Write([]byte(`{"id":"` + id + `","service":[]}`))
	}))
	defer site.Close()
	hosts := map[string]any{"registry.example:3000": site.URL}
	for name, c := range map[string]struct {
		did             string
		hosts           any
		options         map[string]any
		verdict, reason string
	}{
		"found":              {did: id, hosts: hosts, verdict: "accept"},
		"named as in a DID":  {did: id, hosts: map[string]any{"registry.example%3A3000": site.URL}, verdict: "accept"},
		"not found":          {did: id + "s", hosts: hosts, verdict: "reject", reason: "notFound"},
		"a version":          {did: id, hosts: hosts, options: map[string]any{"versionId": 1}, verdict: "reject", reason: "featureNotSupported"},
		"the own network":    {did: "did:web:127.0.0.1", hosts: hosts, verdict: "reject", reason: "invalidDid"},
		"nobody there":       {did: id, hosts: map[string]any{"registry.example:3000": "http://127.0.0.1:1"}, verdict: "inconclusive", reason: "unavailable"},
		"hosts that are not": {did: id, hosts: map[string]any{"registry.example:3000": 1}, verdict: "error"},
	} {
		got := ask(t, "did.resolve", map[string]any{"did": c.did, "did_web_hosts": c.hosts, "options": c.options})
		if got["verdict"] != c.verdict || text(got["reason"]) != c.reason {
			t.Errorf("%s: %s", name, show(got))
		}
		if c.verdict == "accept" && got["didDocument"].(map[string]any)["id"] != id {
			t.Errorf("%s: %s", name, show(got))
		}
	}
}
