// Anchor tells the life of an issuer's DID on an Ethereum chain: created, its key rotated, a key stolen and revoked, handed over, ended;
// and after each step what a verifier says about the cards that were signed until then. At the end it reads the history back from
// the chain and draws it as a timeline.
//
//	go run ./examples/anchor
//	go run ./examples/anchor -rpc http://127.0.0.1:8545 -key funded.key -finality latest
//
// It is a tool as well: history reads any did:ethr DID, on registries of others too, and the other commands write one.
//
//	go run ./examples/anchor history -rpc URL [-registry ADDRESS] DID
//	go run ./examples/anchor help
//
// Without -rpc the chain is embedded: a real EVM behind real JSON-RPC on the loopback interface, where years pass in a second.
//
// Exit codes: 0 done; 1 refused; 2 the command line is wrong; 3 not known, such as when a node does not answer: look before doing the
// same again. README.md has the runbook for a stolen key.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr/anchor"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], newPage(os.Stdout, os.Stderr)))
}

// Exit codes.
const (
	done       = 0
	refused    = 1
	wrongUsage = 2
	notKnown   = 3
)

// run runs one command and returns the exit code.
func run(ctx context.Context, args []string, p *page) int {
	name := "story"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	} else if len(args) == 1 && strings.TrimLeft(args[0], "-") == "help" {
		name = "help"
	}
	if name == "help" {
		usage(p.out)
		return done
	}
	c, ok := commands[name]
	if !ok {
		usage(p.err)
		return wrongUsage
	}
	flags := flag.NewFlagSet("anchor "+name, flag.ContinueOnError)
	flags.SetOutput(p.err)
	flags.Usage = func() {
		fmt.Fprintf(p.err, "usage: anchor %s %s\n%s\n", name, c.args, c.does)
		flags.PrintDefaults()
		if strings.Contains(c.args, "KEY") || strings.Contains(c.args, "OLD") {
			fmt.Fprintln(p.err, howKeysAreNamed)
		}
	}
	do := c.prepare(flags)
	if err := flags.Parse(withoutDashes(args)); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return done
		}
		return wrongUsage
	}
	err := do(ctx, flags.Args(), p)
	p.settled()
	if err == nil {
		return done
	}
	fmt.Fprintf(p.err, "anchor: %s\n", safe(err.Error(), longestError))
	return exitCode(err)
}

// command is one thing that the program does.
type command struct {
	args, does string
	prepare    prepare
}

// prepare declares a command's flags and returns what does it, once they have been parsed.
type (
	prepare func(*flag.FlagSet) action
	action  func(ctx context.Context, args []string, p *page) error
)

var commands map[string]command

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: anchor [command] [flags] [arguments]; -help after a command explains its flags")
	for _, name := range order {
		fmt.Fprintf(w, "  %-11s %s\n", name, commands[name].does)
	}
}

// usageError is a mistake on the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// unknown is a failure after which nobody knows how things stand.
type unknown struct{ error }

func (u unknown) Unwrap() error { return u.error }

func exitCode(err error) int {
	var wrong usageError
	var lost unknown
	var read *did.Error
	var write *anchor.Error
	switch {
	case errors.As(err, &wrong):
		return wrongUsage
	case errors.As(err, &lost), errors.Is(err, context.Canceled),
		errors.As(err, &read) && read.Code.Inconclusive(),
		errors.As(err, &write) && write.Reason == anchor.NoAnswer:
		return notKnown
	}
	return refused
}
