// Requirements writes REQUIREMENTS.md, the table of everything that RFC 9901 and SD-JWT VC demand, with the vectors and tests that hold
// it, from requirements.json.
//
//	go run ./testvectors/requirements
//	go run ./testvectors/requirements -specs <folder with the texts>
//
// With -specs it first reads the standards: lines, keywords and hashes in requirements.json are brought up to date, demands that are
// new get an empty entry, and those that have gone are dropped. Who is addressed, what is demanded, and what holds it, is written by
// hand. The tests fail while a demand of the texts has no entry, or an entry has neither vectors nor tests nor the reason why it is not
// ours.
//
// The sentences of the standards are not copied: the table has section, line and a hash of each, and our own words.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("o", "testvectors/requirements", "the folder of requirements.json")
	specs := flag.String("specs", "", "the folder of the standards' texts; empty leaves requirements.json as it is")
	words := flag.Bool("words", false, "print the demands of the texts and write nothing; needs -specs")
	flag.Parse()
	if err := run(*dir, *specs, *words); err != nil {
		fmt.Fprintln(os.Stderr, "requirements:", err)
		os.Exit(1)
	}
}

func run(dir, specs string, words bool) error {
	path := filepath.Join(dir, "requirements.json")
	entries, err := load(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if specs != "" {
		all, err := read(specs)
		if err != nil {
			return err
		}
		if words {
			for _, f := range all {
				fmt.Printf("%s %s\n\tline %d, %s: %s\n", f.ID, f.Step, f.Line, f.Keyword, f.words)
			}
			return nil
		}
		entries = merge(entries, all)
		if err := save(path, entries); err != nil {
			return err
		}
	}
	all, err := vectors()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "REQUIREMENTS.md"), table(entries, all), 0o644)
}

// read extracts the demands of all documents.
func read(specs string) (out []found, err error) {
	for _, d := range documents {
		text, err := os.ReadFile(filepath.Join(specs, d.file))
		if err != nil {
			return nil, err
		}
		out = append(out, extract(d, string(text))...)
	}
	return out, nil
}
