package differential

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
)

// How much is compared: KHYER_DIFFERENTIAL_COUNT mutated presentations, or as many as fit into KHYER_DIFFERENTIAL_SECONDS, from the seed
// KHYER_DIFFERENTIAL_SEED. The seed is fixed by default, so that a change is judged by the same presentations as the one before.
const (
	defaultCount = 30000
	countVar     = "KHYER_DIFFERENTIAL_COUNT"
	secondsVar   = "KHYER_DIFFERENTIAL_SECONDS"
	seedVar      = "KHYER_DIFFERENTIAL_SEED"
)

func number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is no number", name)
	}
	return n
}

// deadline is when to end, and lifts the bound of count, if seconds are given.
func deadline(t testing.TB, count *uint64) (end time.Time) {
	t.Helper()
	if s := number(t, secondsVar, 0); s > 0 {
		end, *count = time.Now().Add(time.Duration(s)*time.Second), math.MaxUint64
	}
	return end
}

// peer is the process of a judge: judge.mjs, or dcql.mjs.
type peer struct {
	cmd *exec.Cmd
	in  *bufio.Writer
	out *bufio.Reader
}

// answer is what the peer makes of a presentation.
type answer struct {
	OK    json.RawMessage `json:"ok"`
	Error *string         `json:"error"`
}

func startPeer(t testing.TB) *peer {
	t.Helper()
	return start(t, "judge.mjs")
}

func start(t testing.TB, script string) *peer {
	t.Helper()
	if os.Getenv("KHYER_NODE") != "1" {
		const why = "skipped: needs KHYER_NODE=1 and `npm ci` in testvectors/differential"
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	cmd := exec.Command("node", script)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("node does not start: %v", err)
	}
	p := &peer{cmd, bufio.NewWriter(in), bufio.NewReaderSize(out, 1<<20)}
	t.Cleanup(func() {
		in.Close()
		slow := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer slow.Stop()
		cmd.Wait()
	})
	var hello struct{ Versions map[string]string }
	line, err := p.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &hello)
	}
	if err != nil {
		t.Fatalf("%s does not say hello (was `npm ci` run?): %v", script, err)
	}
	t.Log(hello.Versions)
	return p
}

var issuerJWK = func() json.RawMessage {
	k, err := pubkey.New(&issuerKey.PublicKey)
	if err != nil {
		panic(err)
	}
	return k.JWK()
}()

func (p *peer) send(text string, bound bool) error {
	question := map[string]any{"sdjwt": text, "issuer": issuerJWK, "now": now, "skew": skew}
	if bound {
		question["nonce"] = nonce
	}
	line, err := json.Marshal(question)
	if err != nil {
		return err
	}
	_, err = p.in.Write(append(line, '\n'))
	return err
}

func (p *peer) receive() (a answer, err error) {
	line, err := p.out.ReadBytes('\n')
	if err == io.EOF {
		err = errors.New("the peer is gone")
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, err
	}
	if a.OK == nil && a.Error == nil {
		return a, errors.New("neither ok nor error")
	}
	return a, nil
}

// judgeOurs returns the processed claims, or the reason.
func judgeOurs(text string, vc, bound bool) (json.RawMessage, disclosure.Reason) {
	profile := credential.SDJWT
	if vc {
		profile = credential.SDJWTVC
	}
	p, err := credential.Parse([]byte(text), profile, disclosure.Limits{})
	if err != nil {
		return nil, reasonOf(err)
	}
	key, err := pubkey.New(&issuerKey.PublicKey)
	if err != nil {
		panic(err)
	}
	b := credential.Binding{Audience: audience, Nonce: nonce, MaxAge: maxAge * time.Second, Skew: skew * time.Second}
	if !bound {
		b = credential.Binding{InsecureUnbound: true}
	}
	v, err := p.Verify(key, b, time.Unix(now, 0))
	if err != nil {
		return nil, reasonOf(err)
	}
	return v.Body.Claims(), ""
}

func reasonOf(err error) disclosure.Reason {
	var e *disclosure.Error
	if !errors.As(err, &e) {
		return "no reason at all: " + disclosure.Reason(err.Error())
	}
	return e.Reason
}

// trial is one presentation before the judges.
type trial struct {
	index     uint64
	made      *presentation
	text      string
	vc, bound bool
}

// generate makes the presentation of a seed and an index: valid, then changed up to three times.
func generate(seed, index uint64) *presentation {
	r := rand.New(rand.NewPCG(seed, index))
	p := base(r)
	for range pick(r, 0, 1, 1, 1, 1, 1, 1, 2, 2, 3) {
		m := pick(r, mutations...)
		if p.card.payload.kind != 'o' || p.card.header.kind != 'o' || p.kb.payload.kind != 'o' || p.kb.header.kind != 'o' {
			break // nothing is left to change
		}
		m.do(r, p)
		p.applied = append(p.applied, m.name)
	}
	return p
}

func newTrial(index uint64, p *presentation) trial {
	return trial{index: index, made: p, text: strings.ToValidUTF8(p.write(), "?"), vc: p.vc, bound: p.bound}
}

// verdictOf says in which class the two sides part, or that they do not (""), or in a message why that is unexplained.
func verdictOf(t trial, theirs answer) (parts []string, unexplained string) {
	claims, reason := judgeOurs(t.text, t.vc, t.bound)
	r := read(t.text, t.vc, t.bound)
	var faults, divergences []*class
	for name := range r.facts {
		c := classByName(name)
		switch {
		case c == nil:
			return nil, "the reader has a fact that is no class: " + name
		case c.ours != nil:
			faults = append(faults, c)
		default:
			divergences = append(divergences, c)
		}
	}
	if reason == "" {
		return accepted(claims, r, faults, divergences, theirs)
	}
	if len(faults) == 0 {
		return nil, fmt.Sprintf("ours refuses (%s), and the reader finds no fault", reason)
	}
	if !slices.ContainsFunc(faults, func(c *class) bool { return slices.Contains(c.ours, reason) }) {
		return nil, fmt.Sprintf("ours refuses (%s), and the reader finds only %v", reason, names(faults))
	}
	if theirs.Error != nil {
		return nil, ""
	}
	for _, c := range faults {
		if c.peer != accepts {
			return nil, fmt.Sprintf("the peer accepts in spite of %v, ours refuses (%s)", names(faults), reason)
		}
	}
	return names(faults), ""
}

func accepted(claims json.RawMessage, r *reading, faults, divergences []*class, theirs answer) ([]string, string) {
	if len(faults) > 0 {
		return nil, fmt.Sprintf("ours accepts in spite of %v", names(faults))
	}
	own, _, ok := parseJSON(claims)
	if !ok || r.processed == nil || !sameJSON(own, r.processed, asWritten) {
		return nil, "ours reads other claims than the reader"
	}
	if theirs.Error != nil {
		for _, c := range divergences {
			if c.says != "" && regexp.MustCompile(c.says).MatchString(*theirs.Error) {
				return []string{c.name}, ""
			}
		}
		return nil, fmt.Sprintf("the peer refuses (%s) where ours and the reader find no fault", *theirs.Error)
	}
	peers, _, ok := parseJSON(theirs.OK)
	switch {
	case ok && sameJSON(peers, r.processed, asWritten):
		return nil, ""
	case ok && sameJSON(peers, r.peersView, asDouble):
		if len(divergences) == 0 {
			if sameJSON(peers, r.processed, asDouble) {
				return nil, "" // only another spelling of the same numbers
			}
			return nil, "the peer reads other claims without a known cause"
		}
		return names(divergences), ""
	}
	return nil, "the peer reads other claims"
}

func names(classes []*class) (out []string) {
	for _, c := range classes {
		out = append(out, c.name)
	}
	slices.Sort(out)
	return out
}

// TestVerdictsOfSDJWT gives mutated presentations to npm's @sd-jwt and to ours. They may part only in the classes of DIVERGENCES.md,
// and what ours does must in each case be what a third reader makes of the text.
func TestVerdictsOfSDJWT(t *testing.T) {
	p := startPeer(t)
	seed, count := number(t, seedVar, 1), number(t, countVar, defaultCount)
	end := deadline(t, &count)
	t.Logf("seed %d", seed)
	trials, failed := make(chan trial, 64), make(chan error, 1)
	go func() { failed <- p.ask(trials, seed, count, end) }()
	score, made := map[string]int{}, 0
	var bad []trial
	for tr := range trials {
		theirs, err := p.receive()
		if err != nil {
			t.Fatal(err)
		}
		parts, unexplained := verdictOf(tr, theirs)
		made++
		switch {
		case unexplained != "":
			bad = append(bad, tr)
		case len(parts) > 0:
			score["  they part"]++
		case theirs.Error != nil:
			score["  both refuse"]++
		default:
			score["  both accept"]++
		}
		for _, name := range parts {
			score[name]++
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d presentations", made)
	for _, name := range slices.Sorted(maps.Keys(score)) {
		t.Logf("%7d %s", score[name], name)
	}
	for _, c := range classes {
		if made >= defaultCount && c.peer != refuses && score[c.name] == 0 {
			t.Errorf("nothing shows %q any more: does the peer do as ours now?", c.name)
		}
	}
	for _, tr := range bad[:min(len(bad), 5)] {
		p.report(t, seed, tr)
	}
	if len(bad) > 0 {
		t.Errorf("%d of %d are unexplained", len(bad), made)
	}
}

// ask sends presentations until there are enough, ahead of the answers.
func (p *peer) ask(trials chan<- trial, seed, count uint64, end time.Time) error {
	defer close(trials)
	for i := range count {
		last := i == count-1 || i%1024 == 0 && !end.IsZero() && time.Now().After(end)
		tr := newTrial(i, generate(seed, i))
		err := p.send(tr.text, tr.bound)
		if err == nil && (i%16 == 15 || last) {
			err = p.in.Flush()
		}
		if err != nil {
			return err
		}
		trials <- tr
		if last {
			break
		}
	}
	return nil
}

// report minimises what nobody can explain, and prints it.
func (p *peer) report(t *testing.T, seed uint64, tr trial) {
	t.Helper()
	if err := p.send(tr.text, tr.bound); err != nil {
		t.Fatal(err)
	}
	if err := p.in.Flush(); err != nil {
		t.Fatal(err)
	}
	theirs, err := p.receive()
	if err != nil {
		t.Fatal(err)
	}
	_, unexplained := verdictOf(tr, theirs)
	applied := tr.made.applied
	small, smallAnswer, err := p.minimise(tr, unexplained)
	if err != nil {
		t.Fatal(err)
	}
	if smallAnswer.OK != nil || smallAnswer.Error != nil {
		theirs = smallAnswer
	}
	t.Errorf("unexplained: %s\nseed %d, presentation %d, mutations %q\n%s", unexplained, seed, tr.index, applied, show(small, theirs))
}

// show prints a trial so that a person can see it.
func show(tr trial, theirs answer) string {
	_, reason := judgeOurs(tr.text, tr.vc, tr.bound)
	said := "accepts: " + string(theirs.OK)
	if theirs.Error != nil {
		said = "refuses: " + *theirs.Error
	}
	var b strings.Builder
	fmt.Fprintf(&b, "profile VC %v, key binding wanted %v\nours: %q, the peer %s\n", tr.vc, tr.bound, reason, said)
	fmt.Fprintf(&b, "facts %q\n", slices.Sorted(maps.Keys(read(tr.text, tr.vc, tr.bound).facts)))
	for part := range strings.SplitSeq(tr.text, "~") {
		for j, piece := range strings.Split(part, ".") {
			if j < 2 {
				fmt.Fprintf(&b, "  %q\n", decode(piece))
			}
		}
	}
	return b.String() + tr.text
}
