package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
)

// Files of a delivery.
const (
	manifestFile   = "manifest.jsonl"
	errorsFile     = "errors.jsonl"
	checkpointFile = "checkpoint.json"
	seenFile       = "seen"
	lockFile       = "lock"
)

func segmentFile(n int) string { return fmt.Sprintf("cards-%04d.sdjwt", n) }

// state is what a checkpoint says: how much of each file is whole, and up to which row. It is written when all of that is on disk.
type state struct {
	Terms    terms `json:"terms"`
	Input    place `json:"input"`
	Segment  int   `json:"segment"`       // number of the last file of cards
	InIt     int   `json:"in_it"`         // cards in that file
	Cards    int64 `json:"cards_size"`    // bytes of that file
	Manifest int64 `json:"manifest_size"` // bytes
	Errors   int64 `json:"errors_size"`   // bytes
	Signed   int64 `json:"signed"`        // rows that are cards
	Refused  int64 `json:"refused"`       // rows that are not
	Bytes    int64 `json:"bytes"`         // of all cards
}

// delivery writes cards, manifest and errors, in the order of the rows. Files only grow; what lies behind a checkpoint when a run
// begins is what a kill has left, and is cut off.
type delivery struct {
	dir     string
	most    int // cards in a file
	state   state
	before  int64 // signed by earlier runs
	rows    atomic.Int64
	seen    *seen
	last    []byte // the reference of the last card, nil once they are out of order
	cards   *os.File
	full    []*os.File // of cards, not yet safe
	books   [2]*bufio.Writer
	files   [2]*os.File // manifest and errors
	scratch []byte
}

// openDelivery reads how far the delivery in a folder is, and changes nothing.
func openDelivery(dir string, t terms, most int) (*delivery, error) {
	d := &delivery{dir: dir, most: most, state: state{Terms: t, Segment: 1}}
	text, err := os.ReadFile(filepath.Join(dir, checkpointFile))
	if errors.Is(err, fs.ErrNotExist) {
		for _, name := range []string{segmentFile(1), manifestFile, errorsFile} {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				return nil, fmt.Errorf("%s has %s and no %s: take another folder", dir, name, checkpointFile)
			}
		}
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	d.state = state{}
	if err := json.Unmarshal(text, &d.state); err != nil {
		return nil, fmt.Errorf("%s: %w", checkpointFile, err)
	}
	d.before = d.state.Signed
	d.rows.Store(d.state.Input.Row)
	return d, d.state.Terms.continues(t)
}

// begin opens the files and cuts off what lies behind the checkpoint. The first checkpoint comes before the first file.
func (d *delivery) begin() (err error) {
	if err := d.state.mark(d.dir); err != nil {
		return err
	}
	if d.cards, err = d.open(segmentFile(d.state.Segment), d.state.Cards); err != nil {
		return err
	}
	for n := d.state.Segment + 1; ; n++ {
		if err := os.Remove(filepath.Join(d.dir, segmentFile(n))); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
	}
	for i, name := range []string{manifestFile, errorsFile} {
		if d.files[i], err = d.open(name, []int64{d.state.Manifest, d.state.Errors}[i]); err != nil {
			return err
		}
		d.books[i] = bufio.NewWriterSize(d.files[i], 64<<10)
	}
	if d.seen, err = newSeen(filepath.Join(d.dir, seenFile)); err != nil {
		return err
	}
	if d.state.Signed > 0 {
		return d.remember()
	}
	d.last = []byte{}
	return nil
}

// open opens a file for appending behind size bytes and cuts off the rest.
func (d *delivery) open(name string, size int64) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(d.dir, name), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	have, err := f.Seek(0, 2)
	if err == nil && have < size {
		err = fmt.Errorf("%s: shorter than the checkpoint says", name)
	}
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		_, err = f.Seek(size, 0)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// entry is a line of the manifest.
type entry struct {
	Row       int64  `json:"row"`
	Reference string `json:"reference"`
	Status    *int64 `json:"status_index"`
	File      string `json:"file"`
	Offset    int64  `json:"offset"`
	Length    int    `json:"length"`
	SHA256    string `json:"sha256"`
}

// remember puts the references of the manifest into the set.
func (d *delivery) remember() error {
	if d.state.Manifest == 0 {
		return nil
	}
	return eachLine(filepath.Join(d.dir, manifestFile), func(e *entry) error {
		raw, err := base64.RawURLEncoding.DecodeString(e.Reference)
		if err != nil || len(raw) != len(tag{}) {
			return errors.New("a reference is malformed")
		}
		if e.Status != nil {
			if _, err := d.seen.add(statusTag(*e.Status)); err != nil {
				return err
			}
		}
		_, err = d.seen.add(tag(raw))
		return err
	})
}

// statusTag puts status indexes into the same set. It hashes them because a set of neighbours makes an open hash table slow.
func statusTag(n int64) tag {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("status index"), uint64(n)))
	return tag(sum[:])
}

// write appends a batch. Cards of faultless rows whose reference and status index are new go out as they stand, in one piece.
func (d *delivery) write(b *batch) error {
	from, cut := 0, 0
	for i := range b.slips {
		s := &b.slips[i]
		if s.fault == nil {
			if err := d.taken(s); err != nil {
				return err
			}
		}
		if s.fault != nil {
			if _, err := d.cards.Write(b.cards[cut:from]); err != nil {
				return err
			}
			cut = s.end
			d.refuse(b.first+int64(i), s)
		} else {
			if d.state.InIt == d.most {
				if _, err := d.cards.Write(b.cards[cut:from]); err != nil {
					return err
				}
				cut = from
				if err := d.roll(); err != nil {
					return err
				}
			}
			d.enter(b.first+int64(i), s, s.end-from)
		}
		from = s.end
	}
	if _, err := d.cards.Write(b.cards[cut:]); err != nil {
		return err
	}
	d.state.Input = b.after
	d.rows.Store(b.after.Row)
	return nil
}

// taken refuses a row whose reference or status index an earlier card has.
func (d *delivery) taken(s *slip) error {
	if s.status >= 0 {
		if have, err := d.seen.has(statusTag(s.status)); err != nil {
			return err
		} else if have {
			s.fault = &fault{fieldStatus, statusRepeated}
			return nil
		}
	}
	fresh, err := d.fresh(s)
	if err == nil && !fresh {
		s.fault = &fault{fieldReference, referenceRepeated}
	} else if err == nil && s.status >= 0 {
		_, err = d.seen.add(statusTag(s.status))
	}
	return err
}

// fresh tells whether no card has a row's reference, and takes it. A registry's export is mostly sorted: as long as each reference is
// greater than the one before, it is new, and no set is needed.
func (d *delivery) fresh(s *slip) (bool, error) {
	if d.last != nil {
		if bytes.Compare(s.reference, d.last) > 0 {
			d.last = s.reference
			return true, nil
		}
		d.last = nil
		if err := errors.Join(d.books[0].Flush(), d.remember()); err != nil {
			return false, err
		}
	}
	return d.seen.add(s.tag)
}

// enter writes a line of the manifest; length is the card's with its line end.
func (d *delivery) enter(row int64, s *slip, length int) {
	out := strconv.AppendInt(append(d.scratch[:0], `{"row":`...), row, 10)
	out = append(out, `,"reference":"`...)
	out = base64.RawURLEncoding.AppendEncode(out, s.tag[:])
	if s.status >= 0 {
		out = strconv.AppendInt(append(out, `","status_index":`...), s.status, 10)
		out = append(out, `,"file":"`...)
	} else {
		out = append(out, `","file":"`...)
	}
	out = append(append(out, segmentFile(d.state.Segment)...), `","offset":`...)
	out = append(strconv.AppendInt(out, d.state.Cards, 10), `,"length":`...)
	out = append(strconv.AppendInt(out, int64(length-1), 10), `,"sha256":"`...)
	out = append(hex.AppendEncode(out, s.hash[:]), "\"}\n"...)
	d.scratch = out
	d.books[0].Write(out) // an error stays and comes back from Flush
	d.state.Manifest += int64(len(out))
	d.state.Cards += int64(length)
	d.state.Bytes += int64(length)
	d.state.InIt++
	d.state.Signed++
}

// refusal is a line of the error file.
type refusal struct {
	Row       int64  `json:"row"`
	Reference string `json:"reference,omitempty"`
	Field     string `json:"field,omitempty"`
	Reason    string `json:"reason"`
}

func (d *delivery) refuse(row int64, s *slip) {
	r := refusal{Row: row, Field: s.fault.Field, Reason: s.fault.Reason}
	if s.reference != nil {
		r.Reference = base64.RawURLEncoding.EncodeToString(s.tag[:])
	}
	out, _ := json.Marshal(r) // strings and a number always have an encoding
	out = append(out, '\n')
	d.books[1].Write(out)
	d.state.Errors += int64(len(out))
	d.state.Refused++
}

// roll begins the next file of cards.
func (d *delivery) roll() error {
	f, err := d.open(segmentFile(d.state.Segment+1), 0)
	if err != nil {
		return err
	}
	d.full = append(d.full, d.cards)
	d.cards = f
	d.state.Segment++
	d.state.Cards, d.state.InIt = 0, 0
	return nil
}

// checkpoint returns a function that makes everything that is written by now safe, and then the checkpoint that says so. Writing may
// go on meanwhile: what comes later lies behind the lengths that the checkpoint has.
func (d *delivery) checkpoint() (sync func() error, err error) {
	for _, w := range d.books {
		if err := w.Flush(); err != nil {
			return nil, err
		}
	}
	full, now := d.full, []*os.File{d.cards, d.files[0], d.files[1]}
	d.full = nil
	state := d.state
	return func() error {
		var errs []error
		for _, f := range full {
			errs = append(errs, f.Sync(), f.Close())
		}
		for _, f := range now {
			errs = append(errs, f.Sync())
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		return state.mark(d.dir)
	}, nil
}

// mark replaces the checkpoint in one step.
func (s *state) mark(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, checkpointFile)
	if err := writeWhole(path+".new", append(text, '\n'), os.O_TRUNC); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(dir)
}

// close leaves the files as they are; it is not what makes them safe.
func (d *delivery) close() {
	for _, f := range append(d.full, d.cards, d.files[0], d.files[1]) {
		if f != nil {
			f.Close()
		}
	}
	if d.seen != nil {
		d.seen.close()
	}
}

func (d *delivery) signed() int64 { return d.state.Signed - d.before }
