package didethr

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did"
)

// recording is one file of the set ethr-did-histories: logs, and what ethr-did-resolver 11.1.3 and 14.1.2 answered about them.
type recording struct {
	Name    string
	Network struct {
		Name                           string
		ChainID                        uint64
		Registry                       string
		RegistryKind, RegistryCodeHash string
	}
	Identity          struct{ Address string }
	Blocks            []recordedBlock
	Logs, ForeignLogs []recordedLog
	End               struct {
		Head       uint64
		Identities map[string]struct{ Changed uint64 }
	}
	Queries []recordedQuery
	Results []recordedResult
}

type recordedBlock struct {
	Number    uint64
	Hash      string
	Timestamp uint64
}

type recordedLog struct {
	Address, Data, BlockHash string
	Topics                   []string
	BlockNumber, LogIndex    uint64
}

type recordedQuery struct {
	Kind, DID, Params string
	Accept            *string
	Clock             int64
	V11, V14          *int
	Faults            []struct {
		ID      string
		In, IDs []string
	}
}

type recordedResult struct {
	DIDDocument           map[string]any
	DIDDocumentMetadata   map[string]any
	DIDResolutionMetadata struct{ ContentType, Error string }
}

// generation is a column of the recordings, and the profile that copies it.
type generation struct {
	name    string
	profile Profile
}

var generations = []generation{{"v14", Current}, {"v11", V11}}

// result is what the stock resolver of that generation answered; nil where it was not asked.
func (q *recordedQuery) result(r *recording, g generation) *recordedResult {
	i := q.V14
	if g.profile == V11 {
		i = q.V11
	}
	if i == nil {
		return nil
	}
	return &r.Results[*i]
}

func (q *recordedQuery) fault(g generation, id string) (ids []string, has bool) {
	for _, f := range q.Faults {
		if f.ID == id && slices.Contains(f.In, g.name) {
			return f.IDs, true
		}
	}
	return nil, false
}

// recordings reads the published set, or skips.
func recordings(t testing.TB) []recording {
	dir := os.Getenv("KHYER_VECTORS")
	files, _ := filepath.Glob(filepath.Join(dir, "ethr-did-histories", "*.json"))
	if dir == "" || len(files) == 0 {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("needs KHYER_VECTORS, the folder that holds ethr-did-histories")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder that holds ethr-did-histories")
	}
	var out []recording
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(f, err)
		}
		out = append(out, r)
	}
	return out
}

func bytesOf(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *recording) history(t testing.TB) (Network, History) {
	t.Helper()
	registry, err := ParseAddress(r.Network.Registry)
	if err != nil {
		t.Fatal(err)
	}
	n := Network{Name: r.Network.Name, ChainID: r.Network.ChainID, Registry: registry}
	h := History{Blocks: map[uint64]Block{}}
	for _, b := range r.Blocks {
		h.Blocks[b.Number] = Block{b.Number, [32]byte(bytesOf(t, b.Hash)), b.Timestamp}
	}
	h.Head = h.Blocks[r.End.Head]
	for _, l := range slices.Concat(r.Logs, r.ForeignLogs) {
		out := Log{Address: Address(bytesOf(t, l.Address)), Data: bytesOf(t, l.Data), Block: l.BlockNumber,
			BlockHash: [32]byte(bytesOf(t, l.BlockHash)), Index: l.LogIndex}
		for _, topic := range l.Topics {
			out.Topics = append(out.Topics, [32]byte(bytesOf(t, topic)))
		}
		h.Logs = append(h.Logs, out)
	}
	return n, h
}

// answer is what a query gives here: parse, choose the version, fold.
func (r *recording) answer(n Network, h History, q *recordedQuery) (*did.Resolution, error) {
	text := q.DID
	if q.Params != "" {
		text += "?" + q.Params
	}
	u, err := did.ParseURL(text)
	if err != nil {
		return nil, err
	}
	at, err := u.At()
	if err != nil {
		return nil, err
	}
	return Fold(n, h, u.DID, at, time.Unix(q.Clock, 0))
}

// plain writes a document as the JSON values of the recordings.
func plain(t testing.TB, d *did.Document, ld bool) (out map[string]any) {
	t.Helper()
	b, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !ld {
		delete(out, "@context")
	}
	return out
}

func plainMetadata(r *did.Resolution) map[string]any {
	out := map[string]any{}
	put := func(name, value string, t time.Time, timeName string) {
		if value != "" {
			out[name], out[timeName] = value, t.Format(time.RFC3339)
		}
	}
	put("versionId", r.Metadata.VersionID, r.Metadata.Updated, "updated")
	put("nextVersionId", r.Metadata.NextVersionID, r.Metadata.NextUpdate, "nextUpdate")
	if r.Deactivated {
		out["deactivated"] = true
	}
	return out
}
