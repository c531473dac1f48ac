// Issue-batch signs a nation's cards: one for each row of a CSV or JSON Lines file, with several workers, in constant memory.
//
//	go run ./examples/issue-batch generate -n 10000 -out people.csv
//	go run ./examples/issue-batch sign -in people.csv -out cards
//	go run ./examples/issue-batch check -in people.csv -out cards
//
// It may be killed at any moment and started again with the same command: no card is lost and none is made twice. A row that cannot
// become a card stops nothing; it stands in errors.jsonl with its number and field, never with its value. Everybody that it generates
// is invented.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

const usage = `issue-batch signs a card for each row of a CSV or JSON Lines file.

  issue-batch generate -n 800000 -out people.csv    invents citizens, the same ones for the same -seed
  issue-batch sign -in people.csv -out cards        signs; the same command again continues where a kill left it
  issue-batch check -in people.csv -out cards       verifies every card, and that each row is one card or one error

Each takes -h. What a row has (the columns of a CSV file, the members of a JSON line):

  reference     the registry's number of the record. The manifest has its HMAC under a key that stays with the issuer
  holder        the citizen's public key, as did:key or JWK
  unbound       true for a card that needs no key, which whoever copies it can show; instead of holder
  status_index  the card's place in the status list, with -status alone
  claims        in a CSV file a column for each claim of the type, named exactly as in the catalogue; in JSON Lines one object

A CSV file is UTF-8 with commas and a header; a record is one line, so that a fault in one row cannot swallow the next.

In the -out folder: cards-0001.sdjwt and so on, a card a line, in the order of the rows; manifest.jsonl, which says whose card (by
reference) stands where; errors.jsonl, the rows that are no cards; checkpoint.json. What lies behind the checkpoint is not delivered:
wait for the end. Exit code: 0 all signed, 1 failed or stopped, 2 wrong usage, 3 finished with rows in errors.jsonl.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command runs one of the three and returns the exit code.
func command(ctx context.Context, args []string, out, errs io.Writer) int {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	var err error
	switch name {
	case "generate":
		err = generateCommand(ctx, args, out, errs)
	case "sign":
		err = signCommand(ctx, args, out, errs)
	case "check":
		err = checkCommand(ctx, args, out, errs)
	case "", "-h", "-help", "--help", "help":
		fmt.Fprint(out, usage)
		return 0
	default:
		fmt.Fprint(errs, usage)
		return 2
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(errs, "issue-batch %s: %v; see -h\n", name, err)
		return 2
	case errors.Is(err, errRefused):
		return 3
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(errs, "issue-batch %s: stopped; the same command again continues\n", name)
		return 1
	}
	fmt.Fprintf(errs, "issue-batch %s: %v\n", name, err)
	return 1
}

var (
	errUsage   = errors.New("usage")
	errRefused = errors.New("rows were refused")
)

// options are sign's.
type options struct {
	in, out, format     string
	catalogue, cardType string
	key, referenceKey   string
	issuer, kid         string
	keyFrom             string
	expires, status     string
	workers, segment    int
	checkpoint          time.Duration
	bench               bool
}

func signFlags(o *options, errs io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("sign", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.in, "in", "", "the rows, a CSV or JSON Lines `file`")
	f.StringVar(&o.out, "out", "", "the `folder` for cards, manifest and errors; it holds personal data")
	f.StringVar(&o.format, "format", "", "csv or jsonl; by the file's name if empty")
	f.StringVar(&o.catalogue, "catalogue", "", "a catalogue `file` of another country; empty means NDI's types")
	f.StringVar(&o.cardType, "type", "Foundational ID", "the card's type in the catalogue: its name or its vct")
	f.StringVar(&o.key, "key", "issuer-key.pem", "the issuer's private key, a PEM or JWK `file`; made on first use")
	f.StringVar(&o.referenceKey, "reference-key", "reference-key", "the key `file` under which references are hashed; made on first use")
	f.StringVar(&o.issuer, "issuer", "", "the issuer's `DID`; empty means the did:jwk of its key")
	f.StringVar(&o.kid, "kid", "#0", "which key of the DID signs, #fragment")
	f.StringVar(&o.keyFrom, "key-from", "", "`time` (RFC 3339) from which the DID document knows the key; no card says that it is older")
	f.StringVar(&o.expires, "expires", "", "`date` (2031-12-31) from which cards are over; empty means in five years")
	f.StringVar(&o.status, "status", "", "`URI` of the status list that the rows' status_index is of")
	f.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "how many sign at once")
	f.IntVar(&o.segment, "segment", 100_000, "how many cards a file holds")
	f.DurationVar(&o.checkpoint, "checkpoint", time.Second, "how often what is done is made safe on disk")
	f.BoolVar(&o.bench, "bench", false, "measure bare signatures beside, half before and half after, and print the ratio")
	return f
}

// signCommand is the program: a key, a type, rows on one side, cards on the other.
func signCommand(ctx context.Context, args []string, out, errs io.Writer) error {
	var o options
	if err := parse(signFlags(&o, errs), args); err != nil {
		return err
	}
	if o.in == "" || o.out == "" || o.workers < 1 || o.segment < 1 || o.checkpoint <= 0 {
		return fmt.Errorf("%w: -in and -out are needed, -workers, -segment and -checkpoint are more than zero", errUsage)
	}
	unlock, err := lock(o.out)
	if err != nil {
		return err
	}
	defer unlock()

	// What every card has in common. A run that was killed goes on with the dates that it began with.
	plan, err := newPlan(o)
	if err != nil {
		return err
	}
	d, err := openDelivery(o.out, plan.terms, o.segment)
	if err != nil {
		return err
	}
	press, err := newPress(plan, d.state.Terms)
	if err != nil {
		return err
	}

	// What each card has for itself.
	in, err := openRows(o.in, plan.terms.Format, d.state.Input)
	if err != nil {
		return err
	}
	defer in.close()
	rows, err := in.parser(plan.kind, o.status != "")
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.begin(); err != nil {
		return err
	}

	if os.Getenv("GOGC") == "" { // little is live at any time, so memory is what garbage may take up before it is collected
		debug.SetGCPercent(-1)
		debug.SetMemoryLimit(int64(32+16*o.workers) << 20)
	}
	bare, err := newFloor(o.bench, o.workers, in)
	if err != nil {
		return err
	}
	bare.run(bare.most / 2)
	show := newProgress(errs, in, d)
	start := stopwatch()
	err = run(ctx, in, rows, press, d, o.workers, o.checkpoint)
	took := start()
	show.stop()
	if err == nil {
		bare.run(bare.most - bare.n)
	}
	fmt.Fprint(out, report(d, took, bare))
	switch {
	case err != nil:
		return err
	case d.state.Refused > 0:
		return errRefused
	}
	return nil
}

// parse reads flags and refuses what is no flag.
func parse(f *flag.FlagSet, args []string) error {
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil:
		return fmt.Errorf("%w: %v", errUsage, err)
	case f.NArg() > 0:
		return fmt.Errorf("%w: it takes flags alone", errUsage)
	}
	return nil
}
