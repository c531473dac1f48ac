package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/khyer/khyer/did/pubkey"
)

// citizens invents people: the same ones for the same seed. Each has a key whose private part is thrown away.
type citizens struct {
	seed         string
	format       string
	holder       string // did:key or jwk
	unbound, bad int64  // every so many-th row; 0 for none
}

func generateCommand(ctx context.Context, args []string, out, errs io.Writer) error {
	var c citizens
	f := flag.NewFlagSet("generate", flag.ContinueOnError)
	f.SetOutput(errs)
	n := f.Int64("n", 10_000, "how many citizens")
	path := f.String("out", "people.csv", "the `file` to write")
	f.StringVar(&c.format, "format", "", "csv or jsonl; by the file's name if empty")
	f.StringVar(&c.seed, "seed", "khyer", "another seed invents other people")
	f.StringVar(&c.holder, "holder", "did:key", "how keys are written: did:key or jwk")
	f.Int64Var(&c.unbound, "unbound", 0, "every so many-th citizen has no key and wants none; 0 for nobody")
	f.Int64Var(&c.bad, "bad", 0, "every so many-th row has a fault; 0 for none")
	if err := parse(f, args); err != nil {
		return err
	}
	var err error
	if c.format, err = formatOf(c.format, *path); err != nil {
		return err
	}
	if *n < 0 || *n > 89_999_999_999 || c.holder != "did:key" && c.holder != "jwk" || c.unbound < 0 || c.bad < 0 {
		return fmt.Errorf("%w: -holder is did:key or jwk, and no number is less than zero", errUsage)
	}
	file, err := os.OpenFile(*path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 256<<10)
	err = c.write(ctx, w, *n)
	if err := errors.Join(err, w.Flush(), file.Close()); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s invented citizens in %s\n", thousands(*n), *path)
	return nil
}

var (
	columnNames = []string{"reference", "holder", "unbound", "ID Type", "ID Number", "Full Name", "Gender", "Date of Birth", "Citizenship"}
	firstNames  = []string{"Pema", "Karma", "Dorji", "Sonam", "Tashi", "Dechen", "Choden", "Namgay", "Yangchen", "Kinley", "Jigme", "Deki"}
	lastNames   = []string{"Example", "Sample", "Specimen", "Instance", "Model", "Pattern"}
)

func (c *citizens) write(ctx context.Context, w io.Writer, n int64) error {
	table := csv.NewWriter(w)
	if c.format == "csv" {
		if err := table.Write(columnNames); err != nil {
			return err
		}
	}
	for i := int64(1); i <= n; i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		cells, err := c.citizen(i)
		if err != nil {
			return err
		}
		if c.format == "csv" {
			if c.bad > 0 && i%(5*c.bad) == 0 {
				cells = cells[:len(cells)-1]
			}
			err = table.Write(cells)
		} else {
			err = c.line(w, cells)
		}
		if err != nil {
			return err
		}
	}
	table.Flush()
	return table.Error()
}

// citizen invents one. Every bad-th has one fault, each in turn.
func (c *citizens) citizen(i int64) ([]string, error) {
	dice := c.draw("citizen", i)
	key, err := c.key(i)
	if err != nil {
		return nil, err
	}
	number := strconv.FormatInt(10_000_000_000+i, 10)
	name := firstNames[int(dice[0])%len(firstNames)] + " " + firstNames[int(dice[1])%len(firstNames)] + " " + lastNames[int(dice[2])%len(lastNames)]
	born := fmt.Sprintf("%02d/%02d/%d", 1+dice[3]%28, 1+dice[4]%12, 1930+int(dice[5])%78)
	cells := []string{"R-" + number[1:], key, "", "Citizenship", number, name, []string{"Female", "Male"}[dice[6]%2], born, "Bhutanese"}
	if c.unbound > 0 && i%c.unbound == 0 {
		cells[1], cells[2] = "", "true"
	}
	if c.bad > 0 && i%c.bad == 0 {
		switch i / c.bad % 5 {
		case 1:
			cells[1], cells[2] = "", "" // neither a key nor the word that there is none
		case 2:
			cells[7] = "31/02/1990"
		case 3:
			cells[4] = number[:10]
		case 4:
			cells[1], cells[2] = "did:key:z6Mk", ""
		case 0:
			cells[0] = "" // a CSV row lacks a cell instead
		}
	}
	return cells, nil
}

// line writes the cells as a JSON line.
func (c *citizens) line(w io.Writer, cells []string) error {
	var b strings.Builder
	member := func(open, name, value string) {
		text, _ := json.Marshal(value) // a string always has an encoding
		if strings.HasPrefix(value, "{") || name == fieldUnbound {
			text = []byte(value)
		}
		fmt.Fprintf(&b, "%s%q:%s", open, name, text)
	}
	member("{", columnNames[0], cells[0])
	for i := 1; i <= 2; i++ {
		if cells[i] != "" {
			member(",", columnNames[i], cells[i])
		}
	}
	for i := 3; i < len(cells); i++ {
		member(map[bool]string{true: `,"claims":{`, false: ","}[i == 3], columnNames[i], cells[i])
	}
	b.WriteString("}}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// key invents a P-256 key.
func (c *citizens) key(i int64) (string, error) {
	d := c.draw("key", i)
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		return "", err // one seed in 2^32: the number is no scalar of the curve
	}
	k, err := pubkey.New(&private.PublicKey)
	if err != nil {
		return "", err
	}
	if c.holder == "jwk" {
		return string(k.JWK()), nil
	}
	m, _ := k.Multikey() // P-256 has one
	return "did:key:" + m, nil
}

// draw throws dice that fall the same way for the same seed. They are for inventing people; a key that is used needs crypto/rand.
func (c *citizens) draw(what string, i int64) [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(c.seed+"\x00"+what+"\x00"), uint64(i)))
}
