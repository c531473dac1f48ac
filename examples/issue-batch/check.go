package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// checkCommand looks at a delivery with nothing but the issuer's public key: every row of the input is one card or one error, every
// byte of the card files belongs to one card, and every card is what the manifest says and verifies.
func checkCommand(ctx context.Context, args []string, out, errs io.Writer) error {
	f := flag.NewFlagSet("check", flag.ContinueOnError)
	f.SetOutput(errs)
	in := f.String("in", "", "the rows that the cards were made of, a `file`")
	dir := f.String("out", "", "the `folder` of the delivery")
	key := f.String("key", "issuer-key.pem", "the issuer's key `file`")
	workers := f.Int("workers", runtime.GOMAXPROCS(0), "how many verify at once")
	if err := parse(f, args); err != nil {
		return err
	}
	if *in == "" || *dir == "" || *workers < 1 {
		return fmt.Errorf("%w: -in and -out are needed, -workers is more than zero", errUsage)
	}
	if _, err := os.Stat(*key); err != nil {
		return err // and make no key
	}
	signer, err := issuerKey(*key)
	if err != nil {
		return err
	}
	var s state
	text, err := os.ReadFile(filepath.Join(*dir, checkpointFile))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("%s: %w", checkpointFile, err)
	}
	rows, err := openRows(*in, s.Terms.Format, s.Input)
	if err != nil {
		return err
	}
	defer rows.close()
	if rows.left() > 0 {
		return errors.New("the delivery is not finished: sign first")
	}
	cards, refused, err := check(ctx, *dir, &s, signer.Public(), *workers)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s rows: %s cards that verify, %s errors, nothing twice, nothing missing\n",
		thousands(s.Input.Row), thousands(cards), thousands(refused))
	return nil
}

// check walks through manifest and errors side by side: both are in the order of the rows.
func check(ctx context.Context, dir string, s *state, key pubkey.Key, workers int) (cards, refused int64, err error) {
	todo := make(chan delivered, 4*workers)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for d := range todo {
				if err := d.verify(s.Terms, key); err != nil {
					cancel(fmt.Errorf("row %d: %w", d.Row, err))
				}
			}
		})
	}
	var mistakes []int64
	err = eachLine(filepath.Join(dir, errorsFile), func(r *refusal) error {
		mistakes = append(mistakes, r.Row)
		return nil
	})
	w := walker{dir: dir, refused: mistakes}
	if err == nil {
		err = eachLine(filepath.Join(dir, manifestFile), func(e *entry) error {
			d, err := w.next(e)
			if err != nil {
				return err
			}
			select {
			case todo <- d:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			return nil
		})
	}
	close(todo)
	all.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = w.end(s)
	}
	return w.cards, int64(len(mistakes)), err
}

// delivered is a card with what the manifest says of it.
type delivered struct {
	entry
	card []byte
}

func (d delivered) verify(t terms, key pubkey.Key) error {
	if sum := sha256.Sum256(d.card); hex.EncodeToString(sum[:]) != d.SHA256 {
		return errors.New("the card is not the one of the manifest")
	}
	p, err := credential.Parse(d.card, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		return err
	}
	v, err := p.Verify(key, credential.Binding{InsecureUnbound: true}, time.Now())
	if err != nil {
		return err
	}
	if v.Issuer != t.Issuer || v.Type != t.Type || !v.Expires.Equal(t.Expires) || !v.IssuedAt.Equal(t.Issued) {
		return errors.New("the card's issuer, type or dates are not the delivery's")
	}
	if (v.Status != nil) != (d.Status != nil) || v.Status != nil && int64(v.Status.Index) != *d.Status {
		return errors.New("the card's status is not the manifest's")
	}
	return nil
}

// walker sees that rows follow one another without a gap, and cards too.
type walker struct {
	dir        string
	row, cards int64
	refused    []int64 // rows that are errors, in order
	file       *os.File
	name       string
	r          *bufio.Reader
	at         int64
	segments   int
}

func (w *walker) next(e *entry) (d delivered, err error) {
	if err := w.rowsBefore(e.Row); err != nil {
		return d, err
	}
	w.row, w.cards = e.Row, w.cards+1
	if e.File != w.name {
		if err := w.whole(); err != nil {
			return d, err
		}
		w.segments++
		if e.File != segmentFile(w.segments) {
			return d, fmt.Errorf("row %d: its card is in no file that comes next", e.Row)
		}
		if w.file, err = os.Open(filepath.Join(w.dir, e.File)); err != nil {
			return d, err
		}
		w.name, w.at, w.r = e.File, 0, bufio.NewReaderSize(w.file, 256<<10)
	}
	if e.Offset != w.at || e.Length < 0 || e.Length > 16<<20 {
		return d, fmt.Errorf("row %d: its card does not begin where the one before ends", e.Row)
	}
	card := make([]byte, e.Length+1)
	if _, err := io.ReadFull(w.r, card); err != nil || card[e.Length] != '\n' {
		return d, fmt.Errorf("row %d: its card is cut off", e.Row)
	}
	w.at += int64(len(card))
	return delivered{*e, card[:e.Length]}, nil
}

// rowsBefore sees that all rows between the last one and this are errors.
func (w *walker) rowsBefore(row int64) error {
	for w.row++; len(w.refused) > 0 && w.refused[0] == w.row; w.row++ {
		w.refused = w.refused[1:]
	}
	if w.row != row || len(w.refused) > 0 && w.refused[0] < row {
		return fmt.Errorf("row %d is missing, or there twice", w.row)
	}
	return nil
}

// whole sees that nothing stands behind the last card of a file.
func (w *walker) whole() error {
	if w.file == nil {
		return nil
	}
	defer w.file.Close()
	if _, err := w.r.ReadByte(); err != io.EOF {
		return fmt.Errorf("%s: something behind the last card", w.name)
	}
	return nil
}

func (w *walker) end(s *state) error {
	if err := w.rowsBefore(s.Input.Row + 1); err != nil {
		return err
	}
	if w.cards != s.Signed {
		return errors.New("the manifest has not as many cards as the checkpoint says")
	}
	return w.whole()
}

// eachLine reads a file of JSON lines that we wrote.
func eachLine[T any](path string, each func(*T) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		v := new(T)
		if err := json.Unmarshal(in.Bytes(), v); err != nil {
			return fmt.Errorf("%s line %d: %w", filepath.Base(path), n, err)
		}
		if err := each(v); err != nil {
			return err
		}
	}
	return in.Err()
}
