// Generate writes the test vectors of this module: one JSON file for each scenario, with one fault each.
//
//	go run ./testvectors/generate -o testvectors/vectors
//
// It imports nothing of the module, so that a vector never shows only that the library agrees with itself: SD-JWTs, key bindings and
// DID documents are put together here by hand. Keys come from fixed seeds and signatures are deterministic (RFC 6979, RFC 8032), so
// that each run writes the same bytes. The README of package testvectors describes the files.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("o", "vectors", "the folder to write to")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// write replaces the vectors in dir.
func write(dir string) error {
	files := generate()
	old, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name)+".json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("%d vectors in %s\n", len(files), dir)
	return nil
}

// vector is a file. Order and names of the members are the format.
type vector struct {
	Name    string          `json:"name"`    // <room>/<fault>, and the path of the file
	Section string          `json:"section"` // of the standard that decides
	Why     string          `json:"why"`
	Op      string          `json:"op"`
	Request json.RawMessage `json:"request"`
	Expect  json.RawMessage `json:"expect"`
}

// generate returns the text of each vector by its name.
func generate() map[string][]byte {
	g := &generator{files: map[string][]byte{}}
	g.revealed()
	g.digests()
	g.disclosures()
	g.encodings()
	g.sizes()
	g.issuing()
	g.presenting()
	g.serializations()
	g.headers()
	g.signatures()
	g.times()
	g.plainClaims()
	g.holderKeys()
	g.bindings()
	g.bindingForms()
	g.issuerKeys()
	g.keyHistories()
	g.agencies()
	g.typeMetadata()
	g.jsonPresented()
	g.issuerMetadata()
	g.certificates()
	g.statuses()
	g.queries()
	g.answers()
	g.verdicts()
	g.transactions()
	g.dids()
	g.ethrFaults()
	g.ethrDocuments()
	return g.files
}

type generator struct{ files map[string][]byte }

func (g *generator) put(v vector) {
	if _, twice := g.files[v.Name]; twice {
		panic("two vectors are called " + v.Name)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic(v.Name + ": " + err.Error())
	}
	g.files[v.Name] = buf.Bytes()
}

// members is a JSON object in the making: names are unique and keep their order, values are JSON text.
type members []member

type member struct{ name, value string }

func (m *members) set(name, value string) {
	for i := range *m {
		if (*m)[i].name == name {
			(*m)[i].value = value
			return
		}
	}
	*m = append(*m, member{name, value})
}

func (m *members) drop(name string) {
	for i := range *m {
		if (*m)[i].name == name {
			*m = append((*m)[:i:i], (*m)[i+1:]...)
			return
		}
	}
}

func (m members) has(name string) bool {
	for _, e := range m {
		if e.name == name {
			return true
		}
	}
	return false
}

func (m members) text() string {
	out := []byte{'{'}
	for i, e := range m {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(e.name)...), ':'), e.value...)
	}
	return string(append(out, '}'))
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// expect is what a vector expects.
func reject(reason string) members {
	return members{{"verdict", `"reject"`}, {"reason", quote(reason)}}
}

func accept() members { return members{{"verdict", `"accept"`}} }
