package openid4vp

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/khyer/khyer/disclosure"
)

// A record is read and written for each answer, so it has a form of its own, which costs less than JSON: each field in order, texts behind their lengths. The first byte is the form's version: a process that does not know it treats the transaction as inconclusive.
const recordVersion = 1

var errRecord = errors.New("openid4vp: the store returned a record of another version")

type recordWriter []byte

func (w *recordWriter) bytes(b []byte) {
	*w = append(binary.AppendUvarint(*w, uint64(len(b))), b...)
}

func (w *recordWriter) text(s string) {
	*w = append(binary.AppendUvarint(*w, uint64(len(s))), s...)
}
func (w *recordWriter) count(n int) { *w = binary.AppendUvarint(*w, uint64(n)) }

// time has nanoseconds, and 0 for no time.
func (w *recordWriter) time(t time.Time) {
	var n int64
	if !t.IsZero() {
		n = t.UnixNano()
	}
	*w = binary.AppendVarint(*w, n)
}

func (w *recordWriter) flag(b bool) {
	if b {
		w.count(1)
	} else {
		w.count(0)
	}
}

// rare is what is seldom there: in JSON, and empty if it is not.
func (w *recordWriter) rare(there bool, v any) error {
	if !there {
		w.count(0)
		return nil
	}
	text, err := json.Marshal(v)
	w.bytes(text)
	return err
}

func (r *record) encode() ([]byte, error) {
	w := make(recordWriter, 0, 512+len(r.Result))
	w = append(w, recordVersion)
	w.bytes(r.Secret)
	w.bytes(r.Browser)
	w.text(r.Template)
	w.text(r.Nonce)
	w.bytes(r.Key)
	w.count(len(r.TransactionData))
	for _, s := range r.TransactionData {
		w.text(s)
	}
	w.time(r.Until)
	w.count(r.Failed)
	if err := w.rare(r.Failure != nil, r.Failure); err != nil {
		return nil, err
	}
	w.flag(r.Accepted)
	w.bytes(r.Result)
	w.time(r.Keep)
	w.bytes(r.Code)
	w.count(r.Guessed)
	w.flag(r.Returned)
	w.count(len(r.Log))
	for _, e := range r.Log {
		w.time(e.At)
		w.text(string(e.Step))
		w.text(string(e.Reason))
		w.text(e.Query)
		if err := w.rare(len(e.Path) > 0, e.Path); err != nil {
			return nil, err
		}
		w.text(e.Detail)
	}
	w.time(r.LogEnds)
	return w, nil
}

// recordReader reads what recordWriter wrote. What is too short is found at the end.
type recordReader struct {
	left []byte
	bad  bool
}

func (r *recordReader) count() int {
	n, size := binary.Uvarint(r.left)
	if size <= 0 || n > MaxStoreRecord {
		r.left, r.bad = nil, true
		return 0
	}
	r.left = r.left[size:]
	return int(n)
}

func (r *recordReader) bytes() []byte {
	n := r.count()
	if n > len(r.left) {
		r.left, r.bad = nil, true
		return nil
	}
	if n == 0 {
		return nil
	}
	out := r.left[:n:n]
	r.left = r.left[n:]
	return out
}

func (r *recordReader) text() string { return string(r.bytes()) }

func (r *recordReader) time() time.Time {
	n, size := binary.Varint(r.left)
	if size <= 0 {
		r.left, r.bad = nil, true
		return time.Time{}
	}
	r.left = r.left[size:]
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func (r *recordReader) rare(into any) (there bool) {
	text := r.bytes()
	if len(text) > 0 && json.Unmarshal(text, into) != nil {
		r.bad = true
	}
	return len(text) > 0
}

func decodeRecord(text []byte) (*record, error) {
	if len(text) == 0 || text[0] != recordVersion {
		return nil, errRecord
	}
	in, r := &recordReader{left: text[1:]}, &record{}
	r.Secret, r.Browser, r.Template, r.Nonce, r.Key = in.bytes(), in.bytes(), in.text(), in.text(), in.bytes()
	for range in.count() {
		if in.bad {
			return nil, errRecord
		}
		r.TransactionData = append(r.TransactionData, in.text())
	}
	r.Until, r.Failed = in.time(), in.count()
	if f := (&failure{}); in.rare(f) {
		r.Failure = f
	}
	r.Accepted, r.Result, r.Keep, r.Code = in.count() == 1, in.bytes(), in.time(), in.bytes()
	r.Guessed, r.Returned = in.count(), in.count() == 1
	for range in.count() {
		if in.bad {
			return nil, errRecord
		}
		e := Event{At: in.time(), Step: Step(in.text()), Reason: disclosure.Reason(in.text()), Query: in.text()}
		in.rare(&e.Path)
		e.Detail = in.text()
		r.Log = append(r.Log, e)
	}
	r.LogEnds = in.time()
	if in.bad || len(in.left) > 0 {
		return nil, errRecord
	}
	return r, nil
}
