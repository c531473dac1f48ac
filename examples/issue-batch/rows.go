package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync/atomic"

	"github.com/khyer/khyer/credential/catalogue"
)

// Bounds of a row. A row that is larger is refused, whatever is in it.
const (
	maxLine      = 64 << 10
	maxReference = 256
)

// place is how far a file of rows has been read.
type place struct {
	Row    int64  `json:"row"`    // rows up to here, the header not among them
	Offset int64  `json:"offset"` // bytes
	Hash   string `json:"hash"`   // SHA-256 of these bytes: a run continues with the file that it began with
}

// rows reads lines. One line is one row: a quoted line break would make what a row is depend on every quote before it.
type rows struct {
	f      *os.File
	r      *bufio.Reader
	hash   hash.Hash
	size   int64
	format string
	header []byte // of a CSV file
	at     place
	read   atomic.Int64 // at.Offset for others
}

// openRows opens a file and reads up to a place in it, which must be the end of a row of the same file.
func openRows(path, format string, from place) (*rows, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := &rows{f: f, r: bufio.NewReaderSize(f, maxLine+2), hash: sha256.New(), format: format}
	if err := in.skip(from); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return in, nil
}

func (in *rows) close() { in.f.Close() }

func (in *rows) left() int64 { return in.size - in.at.Offset }

func (in *rows) skip(from place) error {
	info, err := in.f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: -in must be a file, since a run that continues reads it again", errUsage)
	}
	in.size = info.Size()
	if mark, err := in.r.Peek(3); err == nil && string(mark) == "\xef\xbb\xbf" {
		in.take(mark) // a byte order mark, as some spreadsheets write
		in.r.Discard(3)
	}
	if in.format == "csv" {
		header, _, err := in.line()
		if err == io.EOF {
			return errors.New("the CSV file is empty: not even a header")
		} else if err != nil {
			return err
		}
		in.header = bytes.Clone(header)
	}
	if from.Row == 0 {
		return nil // nothing was read before
	}
	last := []byte{'\n'}
	buf := make([]byte, 256<<10)
	for in.at.Offset < from.Offset {
		n, err := io.ReadFull(in.r, buf[:min(int64(len(buf)), from.Offset-in.at.Offset)])
		if n > 0 {
			last[0] = buf[n-1]
		}
		in.take(buf[:n])
		if err != nil {
			break
		}
	}
	if in.at.Offset != from.Offset || hex.EncodeToString(in.hash.Sum(nil)) != from.Hash || last[0] != '\n' && in.left() > 0 {
		return errors.New("the folder's cards were begun with another -in, or it has changed in the part that was read")
	}
	in.at.Row = from.Row
	return nil
}

func (in *rows) take(b []byte) {
	in.hash.Write(b)
	in.at.Offset += int64(len(b))
	in.read.Store(in.at.Offset)
}

// line returns the next line without its end, valid until the next call. What is too long is read over and not returned.
func (in *rows) line() (line []byte, long bool, err error) {
	for {
		line, err = in.r.ReadSlice('\n')
		in.take(line)
		if err == bufio.ErrBufferFull {
			long = true
			continue
		}
		if err == io.EOF && (len(line) > 0 || long) {
			err = nil // the last line may lack its end
		}
		if err != nil {
			return nil, false, err
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if long || len(line) > maxLine {
			return nil, true, nil
		}
		return line, false, nil
	}
}

// batch is a run of rows on their way through a worker. Batches are used again and again: there are never more than a few.
type batch struct {
	first int64 // number of the first row
	text  []byte
	lines []span
	after place // behind the last row

	cards  []byte // one a line
	slips  []slip // one for each row
	broken error  // not a row's fault
	done   chan struct{}
}

type span struct {
	end  int // in text
	long bool
}

// count returns how many rows are left.
func (in *rows) count() (n int64, err error) {
	from := io.NewSectionReader(in.f, in.at.Offset, in.left())
	buf, last := make([]byte, 256<<10), byte('\n')
	for {
		k, err := from.Read(buf)
		if k > 0 {
			n += int64(bytes.Count(buf[:k], []byte("\n")))
			last = buf[k-1]
		}
		switch {
		case err == io.EOF && last != '\n':
			return n + 1, nil
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// fill reads the next rows. The error is io.EOF when there are none.
func (in *rows) fill(b *batch) error {
	const most, bytesMost = 128, 256 << 10
	b.first, b.text, b.lines = in.at.Row+1, b.text[:0], b.lines[:0]
	for len(b.lines) < most && len(b.text) < bytesMost {
		line, long, err := in.line()
		if err == io.EOF && len(b.lines) > 0 {
			break
		}
		if err != nil {
			return err
		}
		in.at.Row++
		b.text = append(b.text, line...)
		b.lines = append(b.lines, span{len(b.text), long})
	}
	var sum [sha256.Size]byte
	b.after = in.at
	b.after.Hash = hex.EncodeToString(in.hash.Sum(sum[:0]))
	return nil
}

// parser returns a function that makes parsers, one for each worker, after checking a CSV file's header.
func (in *rows) parser(kind *catalogue.Type, status bool) (func() parser, error) {
	if in.format == "jsonl" {
		return func() parser { return jsonParser{status} }, nil
	}
	c, err := readHeader(in.header, kind, status)
	if err != nil {
		return nil, err
	}
	return c.parser, nil
}
