// Agency is the service that an agency deploys: a page with a QR code, a wallet that answers it, and the claims that were asked for.
//
//	go run ./examples/agency -demo               # an invented country on this machine; needs nothing but Go
//	go run ./examples/agency -config agency.json # in earnest: README.md beside this file has the members
//
// Everybody in the demo is invented.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	config := flag.String("config", "", "`file` that says what this agency is and trusts")
	demo := flag.Bool("demo", false, "make an invented country in a temporary folder and run the service for it")
	folder := flag.String("folder", "", "with -demo: an empty or missing `folder` for its files, which then stay")
	flag.Parse()
	if flag.NArg() > 0 || *demo == (*config != "") || *folder != "" && !*demo {
		fmt.Fprintln(os.Stderr, "agency: give -config FILE or -demo; see -help")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	run := func() error { return runConfig(ctx, *config, log) }
	if *demo {
		run = func() error { return runDemo(ctx, *folder, log) }
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "agency:", err)
		os.Exit(1)
	}
}

func runConfig(ctx context.Context, file string, log *slog.Logger) error {
	c, err := readConfig(file)
	if err != nil {
		return err
	}
	s, err := open(ctx, c, log)
	if err != nil {
		return err
	}
	return s.run(ctx)
}
