// Wallet is the citizen of examples/agency: it opens the link of a request, says who asks for what, shows the least that will do, and
// sends it when the citizen says yes.
//
//	go run ./examples/agency/wallet -folder FOLDER 'openid4vp://…'
//
// FOLDER is that of "agency -demo": wallet.json has the citizen's key and cards, trust.json is the list that the governing body publishes.
package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier/openid4vp/wallet"
	"github.com/khyer/khyer/verifier/trust"
)

func main() {
	folder := flag.String("folder", "", "`folder` with wallet.json and trust.json; required")
	yes := flag.Bool("yes", false, "show the cards without asking")
	no := flag.Bool("no", false, "decline without asking")
	flag.Parse()
	if flag.NArg() != 1 || *folder == "" || *yes && *no {
		fmt.Fprintln(os.Stderr, "wallet: give -folder FOLDER and one link; see -help")
		os.Exit(2)
	}
	ask := func() bool {
		fmt.Print("\nShow this? (y/n) ")
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		return strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y")
	}
	if *yes || *no {
		ask = func() bool { return *yes }
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := answer(ctx, *folder, flag.Arg(0), ask, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "wallet:", err)
		os.Exit(1)
	}
}

// answer is the whole of it.
func answer(ctx context.Context, folder, link string, ask func() bool, out io.Writer) error {
	policy, err := readPolicy(filepath.Join(folder, "trust.json"))
	if err != nil {
		return err
	}
	resolver := did.Mux{"jwk": didjwk.Resolver{}, "key": didkey.Resolver{}}
	cards, err := readCards(ctx, filepath.Join(folder, "wallet.json"), resolver)
	if err != nil {
		return err
	}
	w, err := wallet.New(wallet.Config{Policy: policy, Resolver: resolver, InsecureHTTP: true}) // http: the demo's agency is on this machine
	if err != nil {
		return err
	}
	// Nothing is answered to a stranger, nor to an agency that asks for more than its purpose allows.
	r, err := w.Open(ctx, link)
	var refusal *wallet.Refusal
	if errors.As(err, &refusal) {
		for _, a := range refusal.TooMuch {
			fmt.Fprintln(out, "asks too much:", a)
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s asks, for the purpose %s (%s).\n%s\n", r.Agency["en"], r.Purpose.Name, r.Purpose.Basis, r.Why["en"])
	if r.SaysKept {
		fmt.Fprintln(out, "It keeps the claims for:", r.Kept)
	}
	choice, err := r.Choose(cards...)
	if errors.Is(err, dcql.NotSatisfied) {
		fmt.Fprintln(out, "No card here answers that. Without the wallet:", r.Paper["en"])
	}
	if err != nil {
		return err
	}
	for _, s := range choice.Shown {
		fmt.Fprintln(out, "\nIt would read of", s.Type)
		for _, c := range s.Claims {
			always := ""
			if !c.Asked {
				always = "   (not asked for; this card always shows it)"
			}
			fmt.Fprintf(out, "  %s: %s%s\n", c.Label(), c.Value, always)
		}
	}
	if !ask() {
		_, err := r.Decline(ctx)
		fmt.Fprintln(out, "Nothing was shown. Without the wallet:", r.Paper["en"])
		return err
	}
	outcome, err := r.Answer(ctx, choice)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Shown.")
	if outcome.Follow != "" {
		fmt.Fprintln(out, "Go on in the browser:", outcome.Follow)
	}
	return nil
}

func readPolicy(file string) (*trust.Policy, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d, err := trust.ParseDocument(data)
	if err != nil {
		return nil, err
	}
	return d.Policy()
}

// readCards receives each card as a wallet does when it is issued: under its issuer's key, and for the holder's own.
func readCards(ctx context.Context, file string, resolver did.Resolver) (out []wallet.Card, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var kept struct {
		Key   string   `json:"key"`
		Cards []string `json:"cards"`
	}
	if err := json.Unmarshal(data, &kept); err != nil {
		return nil, fmt.Errorf("%s is no wallet", file)
	}
	signer, err := readKey(kept.Key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	holder := credential.NewHolder(signer)
	for i, sdjwt := range kept.Cards {
		key, err := issuerKey(ctx, []byte(sdjwt), resolver)
		if err != nil {
			return nil, err
		}
		held, err := holder.Receive([]byte(sdjwt), key, time.Now())
		if err != nil {
			return nil, err
		}
		out = append(out, wallet.Card{ID: fmt.Sprint("card ", i+1), Held: held, Holder: holder})
	}
	return out, nil
}

func readKey(text string) (pubkey.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("key is no PKCS #8 key")
	}
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("key cannot sign")
	}
	return pubkey.FromCrypto(s)
}

func issuerKey(ctx context.Context, sdjwt []byte, resolver did.Resolver) (pubkey.Key, error) {
	p, err := credential.Parse(sdjwt, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		return pubkey.Key{}, err
	}
	hint := p.Hint()
	id, err := did.Parse(hint.Issuer)
	if err != nil {
		return pubkey.Key{}, err
	}
	res, err := resolver.Resolve(ctx, id, did.At{})
	if err != nil {
		return pubkey.Key{}, err
	}
	method, err := hint.VerificationMethod()
	if err != nil {
		return pubkey.Key{}, err
	}
	key, err := res.Key(method, did.AssertionMethod, hint.IssuedAt)
	return key.Public, err
}
