// Package testvectors holds the test vectors of this module: SD-JWTs, key bindings, DIDs and whole presentations, each with one fault or
// none, a fixed clock, fixed keys and the answer that is right. They are data for any implementation; the README beside this file
// describes them. Beside them stand the program shim, which drives the library from outside, and generate, which wrote the vectors
// and imports nothing of the module.
package testvectors

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

//go:generate go run ./generate -o vectors

//go:embed vectors/*/*.json
var files embed.FS

// Vector is one scenario.
type Vector struct {
	Name    string          `json:"name"`    // <room>/<fault>, and the path of its file without .json
	Section string          `json:"section"` // of the standard that decides
	Why     string          `json:"why"`     // for people
	Op      string          `json:"op"`      // an operation of the shim
	Request json.RawMessage `json:"request"` // its members, without op
	Expect  json.RawMessage `json:"expect"`  // the members that an answer must have; it may have more
}

// Vectors returns all vectors, by name. The slice and what it holds are the caller's own.
func Vectors() ([]Vector, error) {
	var out []Vector
	err := fs.WalkDir(files, "vectors", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		var v Vector
		if err := json.Unmarshal(text, &v); err != nil {
			return fmt.Errorf("testvectors: %s: %w", path, err)
		}
		if path != "vectors/"+v.Name+".json" || strings.Count(v.Name, "/") != 1 {
			return fmt.Errorf("testvectors: %s is called %q", path, v.Name)
		}
		out = append(out, v)
		return nil
	})
	return out, err
}
