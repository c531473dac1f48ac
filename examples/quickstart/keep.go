package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// keep leaves the chain running, with the citizen's phone beside it, so that the reader can verify with a program of his own. It ends
// with ctx.
func keep(ctx context.Context, w io.Writer, l *ledger, pema *citizen, i *issuer) error {
	if l.embedded != nil {
		// The chain began twenty minutes ago. Its finalized block must not be old, or verifiers call it stale, nor may any block lie in
		// the future: finality takes at most 63 blocks, a second each.
		l.embedded.SetTime(time.Now().Add(-66 * time.Second))
		if err := errors.Join(l.embedded.Mine(1), l.embedded.Finalize()); err != nil {
			return err
		}
		if err := l.lookAtHead(ctx); err != nil {
			return err
		}
	}
	phone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: pema.answer(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	go func() { _ = srv.Serve(phone) }()
	defer srv.Close()

	n := l.registry.Network()
	fmt.Fprintf(w, `
The chain and the citizen's phone keep running until you press Ctrl-C (process %d). Verify with a program of your own:

  RPC        %s
  chain id   %d
  registry   %s
  issuer     %s
  type       %s
  phone      curl -s 'http://%s/show?audience=https://licensing.example&nonce=fresh-for-each-request'
             answers with a presentation of %s, for the audience and the nonce that it is asked with

`, os.Getpid(), l.rpc, n.ChainID, n.Registry, i.DID, identityCard, phone.Addr(), names(licensing.Claims))
	tick := time.NewTicker(12 * time.Second) // a block as often as on mainnet
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := l.catchUp(); err != nil {
				return err
			}
		}
	}
}

// catchUp brings the embedded chain's clock to the world's.
func (l *ledger) catchUp() error {
	if l.embedded == nil {
		return nil
	}
	l.embedded.SetTime(time.Now())
	return l.embedded.Mine(1)
}

// answer is the phone: it shows what the licensing office asks for to whoever asks. A real one would ask its owner first.
func (c *citizen) answer() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		e := verifier.Expect{Audience: q.Get("audience"), Nonce: q.Get("nonce"), Type: identityCard, Claims: licensing.Claims}
		if e.Audience == "" || e.Nonce == "" {
			http.Error(w, "audience or nonce is missing", http.StatusBadRequest)
			return
		}
		p, err := c.show(r.Context(), e)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(p)
	})
}

func names(paths []disclosure.Path) string {
	var out []string
	for _, p := range paths {
		out = append(out, p.String())
	}
	return strings.Join(out, " and ")
}
