// Resolver serves DID Resolution over HTTP for every DID method of the library, so that a program in any language, or an outside test suite, can ask it:
//
//	go run ./examples/resolver
//	curl http://127.0.0.1:8080/1.0/identifiers/did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK
//
// did:key, did:jwk and did:web need nothing more. For did:ethr it is told of networks and nodes, of known networks by name:
//
//	go run ./examples/resolver -ethr sepolia=https://node.example
//	go run ./examples/resolver -ethr 0x539=http://127.0.0.1:8545,registry=0x1111111111111111111111111111111111111111 -finality latest
//
// Several nodes of different operators, of which two must agree: -ethr 'mainnet=https://a.example,https://b.example,https://c.example,agree=2'.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/didweb"
	"github.com/khyer/khyer/did/resolverhttp"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`address` to serve on; port 0 takes a free one")
	finality := flag.String("finality", "finalized", "the block to read did:ethr at: finalized, safe or latest")
	var networks []didethr.Network
	flag.Func("ethr", "a `network` of did:ethr: name or hex chain id, \"=\", then its nodes, registry= and agree=, separated by commas; may be repeated", func(s string) error {
		n, err := parseNetwork(s)
		networks = append(networks, n)
		return err
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *finality, networks, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "resolver:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, listen, finality string, networks []didethr.Network, out *os.File) error {
	methods, err := resolvers(finality, networks)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "http://%s%s\n", l.Addr(), resolverhttp.Prefix)
	server := &http.Server{Handler: resolverhttp.New(methods), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}

func resolvers(finality string, networks []didethr.Network) (did.Mux, error) {
	web, err := didweb.New(didweb.Config{})
	if err != nil {
		return nil, err
	}
	methods := did.Mux{"key": didkey.Resolver{}, "jwk": didjwk.Resolver{}, "web": web}
	if len(networks) > 0 {
		if methods["ethr"], err = didethr.New(didethr.Config{Networks: networks, Finality: finality}); err != nil {
			return nil, err
		}
	}
	return methods, nil
}

func parseNetwork(s string) (n didethr.Network, err error) {
	name, rest, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return n, errors.New("no \"=\"")
	}
	if id, err := strconv.ParseUint(strings.TrimPrefix(name, "0x"), 16, 64); strings.HasPrefix(name, "0x") && err == nil {
		n.ChainID = id
	} else if n, ok = didethr.Known(name); !ok {
		return n, fmt.Errorf("no network is known as %q: give its chain id in hexadecimal, and registry=", name)
	}
	for part := range strings.SplitSeq(rest, ",") {
		switch key, value, _ := strings.Cut(part, "="); {
		case key == "registry":
			n.CodeHash = [32]byte{} // another contract than the one that is known
			if n.Registry, err = didethr.ParseAddress(value); err != nil {
				return n, err
			}
		case key == "agree":
			if n.Agree, err = strconv.Atoi(value); err != nil {
				return n, errors.New("agree is no number")
			}
		default:
			n.RPC = append(n.RPC, part)
		}
	}
	return n, nil
}
