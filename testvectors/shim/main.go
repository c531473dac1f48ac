// Shim lets a test suite in any language drive the library: one JSON object a line on standard input, one answer a line, in order, on
// standard output.
//
//	go run ./testvectors/shim
//
// Every request has "op" and may have "id", which is echoed. An answer has "verdict": accept, reject (with "reason", the library's
// stable word), inconclusive (with "reason"), error (the request cannot be used; "message" says why) or unsupported (the library does
// not do that). The README of package testvectors describes the operations.
//
// It holds no rules of its own: each operation reads its arguments and calls the library's exported functions, so what it answers is
// what a user of the library gets. It never ends on a bad line.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/khyer/khyer/internal/strictjson"
)

const (
	maxLine = 8 << 20          // of a request, in bytes
	maxTime = 60 * time.Second // for one request; only did.resolve waits for anything
)

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// operations, by name. Names that the agreement about shims has and that are not here are unsupported.
var operations = map[string]func(context.Context, *request) (answer, error){
	"sdjwt.verify":  verifySDJWT,
	"sdjwt.issue":   issueSDJWT,
	"sdjwt.present": presentSDJWT,
	"did.resolve":   resolveDID,
	"did.ethr.fold": foldHistory,
	"dcql.match":    matchDCQL,
	"status.check":  checkStatus,
	"vc.verify":     verifyVC,
	"vp.request":    checkRequest,
	"vp.response":   checkResponse,
}

// serve answers each line of in. The error is one of in or out.
func serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tooLong, err := readLine(lines)
		if len(line) > 0 || tooLong {
			reply := answer{"verdict": "error", "message": "the line is longer than 8 MiB"}
			if !tooLong {
				reply = handle(line)
			}
			text, encodeErr := reply.line()
			if encodeErr != nil {
				return encodeErr
			}
			if _, writeErr := out.Write(text); writeErr != nil {
				return writeErr
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
}

// readLine reads up to the next line break, which stays in the line. Of a line that is too long nothing is kept.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		if err != bufio.ErrBufferFull {
			return line, tooLong, err
		}
	}
}

// answer is what a line is answered with.
type answer map[string]any

func (a answer) line() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // claims come back as they were written
	err := enc.Encode(a)
	return buf.Bytes(), err
}

// handle answers one line.
func handle(line []byte) (reply answer) {
	r := &request{}
	defer func() {
		if recover() != nil {
			// Never what was panicked about: it may hold a claim.
			fmt.Fprintf(os.Stderr, "the library panicked\n%s", debug.Stack())
			reply = answer{"verdict": "error", "message": "the library panicked: this is a bug"}
		}
		if id := r.v.Get("id"); id.Exists() {
			reply["id"] = json.RawMessage(id.Raw())
		}
	}()
	var err error
	if r.v, err = strictjson.Parse(line, strictjson.Limits{Bytes: maxLine, Depth: 256}); err != nil {
		return verdict(unusable("the line is not acceptable JSON: " + err.Error()))
	}
	if r.v.Kind() != strictjson.Object {
		return verdict(unusable("the line is no JSON object"))
	}
	op := r.text("op")
	if r.err != nil || op == "" {
		return verdict(unusable("op is missing or no string"))
	}
	do := operations[op]
	if do == nil {
		return verdict(errUnsupported)
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxTime)
	defer cancel()
	reply, err = do(ctx, r)
	if err = errors.Join(r.err, err); err != nil {
		return verdict(err)
	}
	reply["verdict"] = "accept"
	return reply
}
