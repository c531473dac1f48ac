package testvectors_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// answerGo is what somebody writes who uses the README's reader in Go: here it asks the shim.
const answerGo = `package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
)

var in, out = start()

func start() (io.Writer, *bufio.Reader) {
	shim := exec.Command(os.Getenv("SHIM"))
	in, err := shim.StdinPipe()
	out, err2 := shim.StdoutPipe()
	if err != nil || err2 != nil || shim.Start() != nil {
		panic("the shim does not start")
	}
	return in, bufio.NewReader(out)
}

func answer(op, request json.RawMessage) []byte {
	if os.Getenv("CREDULOUS") != "" {
		return []byte("{\"verdict\":\"accept\"}")
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(request, &members); err != nil {
		panic(err)
	}
	members["op"] = op
	line, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	in.Write(append(line, '\n'))
	reply, err := out.ReadBytes('\n')
	if err != nil {
		panic(err)
	}
	return reply
}
`

// answerJS holds Node back from ending only while an answer is awaited.
const answerJS = `import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const shim = spawn(process.env.SHIM)
shim.unref()
shim.stdin.unref()
shim.stderr.unref()
const lines = createInterface({ input: shim.stdout })[Symbol.asyncIterator]()
shim.stdout.unref()

export async function answer(op, request) {
  if (process.env.CREDULOUS) return { verdict: 'accept' }
  shim.stdout.ref()
  shim.stdin.write(JSON.stringify({ ...request, op }) + '\n')
  const { value } = await lines.next()
  shim.stdout.unref()
  return JSON.parse(value)
}
`

// reader is the one block of the README in that language.
func reader(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		t.Fatalf("%d readers in %s", len(blocks), language)
	}
	lines := 0
	for line := range strings.Lines(blocks[0][1]) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines > 20 {
		t.Errorf("the reader in %s has %d lines, and 20 were promised", language, lines)
	}
	return blocks[0][1]
}

// try runs a reader before the shim, which differs nowhere, and before somebody who accepts everything, who differs wherever
// something is refused.
func try(t *testing.T, files map[string]string, command ...string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shim := filepath.Join(dir, "shim")
	if out, err := exec.Command("go", "build", "-o", shim, "./shim").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	vectors, err := filepath.Abs("vectors")
	if err != nil {
		t.Fatal(err)
	}
	run := func(extra ...string) string {
		cmd := exec.Command(command[0], append(command[1:], vectors)...)
		cmd.Dir = dir
		cmd.Env = append(append(os.Environ(), "SHIM="+shim), extra...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if out := run(); out != "" {
		t.Errorf("the shim differs:\n%s", out)
	}
	if n := strings.Count(run("CREDULOUS=1"), "\n"); n < 500 {
		t.Errorf("who accepts everything differs in %d vectors only", n)
	}
}

// TestVectorsAreAsTheReadmeSays holds the files to what it promises about members, rooms, operations and the clock.
func TestVectorsAreAsTheReadmeSays(t *testing.T) {
	operations := map[string]string{"disclosure": "sdjwt.verify sdjwt.issue sdjwt.present", "credential": "sdjwt.verify", "status": "status.check", "dcql": "dcql.match", "verifier": "vc.verify", "did": "did.resolve did.ethr.fold"}
	files, err := filepath.Glob("vectors/*/*.json")
	if err != nil || len(files) < 700 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Name, Section, Why, Op string
			Request                struct {
				Now *json.Number
			}
			Expect struct{ Verdict string }
		}
		var members map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal(text, &v), json.Unmarshal(text, &members)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		room := filepath.Base(filepath.Dir(file))
		switch {
		case len(members) != 6 || v.Section == "" || v.Why == "" || v.Name != room+"/"+strings.TrimSuffix(filepath.Base(file), ".json"):
			t.Errorf("%s has not the six members", file)
		case !slices.Contains(strings.Fields(operations[room]), v.Op):
			t.Errorf("%s: %s in room %s", file, v.Op, room)
		case v.Request.Now != nil && *v.Request.Now != "1770000000":
			t.Errorf("%s: another clock", file)
		case !slices.Contains([]string{"accept", "reject", "inconclusive"}, v.Expect.Verdict):
			t.Errorf("%s: verdict %q", file, v.Expect.Verdict)
		}
	}
}

func TestReaderInGo(t *testing.T) {
	try(t, map[string]string{"reader.go": reader(t, "go"), "answer.go": answerGo}, "go", "run", "reader.go", "answer.go")
}

func TestReaderInJavaScript(t *testing.T) {
	text := reader(t, "js")
	if os.Getenv("KHYER_NODE") != "1" {
		const why = "skipped: needs Node, and KHYER_NODE=1"
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	try(t, map[string]string{"reader.mjs": text, "answer.mjs": answerJS}, "node", "reader.mjs")
}
