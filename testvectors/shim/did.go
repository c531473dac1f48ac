package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/didweb"
	"github.com/khyer/khyer/internal/strictjson"
)

// resolveDID is did.resolve.
func resolveDID(ctx context.Context, r *request) (answer, error) {
	hosts := map[string]string{}
	r.members("did_web_hosts", func(host string, base strictjson.Value) { hosts[strings.ReplaceAll(host, "%3A", ":")], _ = base.Text() })
	web, err := didweb.New(didweb.Config{InsecureHosts: hosts})
	if err != nil {
		r.fail("did_web_hosts", "cannot be used: "+err.Error())
	}
	methods := did.Mux{"key": didkey.Resolver{}, "jwk": didjwk.Resolver{}, "web": web}
	options := request{v: r.v.Get("options")}
	if networks := r.networks(); len(networks) > 0 {
		ethr, err := didethr.New(didethr.Config{Networks: networks, Finality: options.text("finality")})
		if err != nil {
			r.fail("networks", "cannot be used: "+err.Error())
		}
		methods["ethr"] = ethr
	}
	name, accept := r.text("did"), r.text("accept")
	query := options.version("versionId") + options.version("versionTime")
	if r.err != nil || options.err != nil {
		return nil, options.err
	}
	u, at, err := parseDID(name, query)
	if err != nil {
		return nil, err
	}
	res, err := methods.Resolve(ctx, u.DID, at)
	return represent(res, err, accept)
}

// networks reads the networks of did:ethr.
func (r *request) networks() (out []didethr.Network) {
	r.each("networks", func(v strictjson.Value) {
		n := request{v: v}
		registry, err := didethr.ParseAddress(n.text("registry"))
		if err != nil {
			n.fail("networks: registry", "is no address")
		}
		id := n.v.Get("chain_id")
		chain, err := strconv.ParseUint(string(id.Raw()), 10, 64)
		if text, ok := id.Text(); ok { // 0x539, as in DIDs and wallets
			chain, err = strconv.ParseUint(text, 0, 64)
		}
		if err != nil {
			n.fail("networks: chain_id", "is no chain id")
		}
		profile := n.profile("networks: profile")
		out = append(out, didethr.Network{
			Name: n.text("name"), ChainID: chain, Registry: registry, RPC: []string{n.text("rpc_url")},
			FromBlock: uint64(n.integer("from_block", 1<<62)), Profile: profile,
		})
		if r.err == nil {
			r.err = n.err
		}
	})
	return out
}

// version writes an option as a query parameter of a DID URL, the form that the library reads versions in.
func (r *request) version(name string) string {
	v := r.v.Get(name)
	if !v.Exists() {
		return ""
	}
	value, ok := v.Text()
	if !ok {
		value = string(v.Raw())
	}
	return "&" + name + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// parseDID reads a DID, or a DID URL whose query chooses a version; more is a further part of that query. Path and fragment say
// nothing about which document is meant.
func parseDID(name, more string) (u did.URL, at did.At, err error) {
	if !strings.ContainsAny(name, "/?#") {
		if u.DID, err = did.Parse(name); err != nil {
			return u, at, err
		}
	} else if u, err = did.ParseURL(name); err != nil {
		return u, at, err
	}
	u.Query += more
	at, err = u.At()
	return u, at, err
}

// represent writes the outcome of a resolve as the library does. An error stays one: the answers of the shim have a form of their own for it.
func represent(res *did.Resolution, err error, accept string) (answer, error) {
	if err != nil {
		return nil, err
	}
	r := did.Represent(res, nil, accept)
	if r.Code != "" {
		return nil, &did.Error{Code: r.Code}
	}
	return answer{
		"didDocument":           r.Document,
		"didDocumentMetadata":   r.Metadata,
		"didResolutionMetadata": answer{"contentType": r.ContentType},
	}, nil
}
