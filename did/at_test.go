package did

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAt(t *testing.T) {
	seconds := time.Unix(1700000022, 0).UTC()
	for query, want := range map[string]At{
		"":                                        {},
		"service=files":                           {},
		"versionid=12":                            {}, // names are compared with case (DID Resolution section 3.2.3)
		"versionId=12":                            {Block: 12},
		"version%49d=12":                          {Block: 12},
		"versionId=%31%32":                        {Block: 12},
		"versionId=9223372036854775807":           {Block: 1<<63 - 1},
		"hl=x&versionTime=1700000022":             {Time: seconds},
		"versionTime=2023-11-14T22:13:42Z":        {Time: seconds},
		"versionTime=2023-11-14T22:13:42.9Z":      {Time: seconds},
		"versionTime=2023-11-14T22%3A13:42Z":      {Time: seconds},
		"versionTime=2023-11-15T04:13:42%2B06:00": {Time: seconds},
		"versionTime=2023-11-15T04:13:42+06:00":   {Time: seconds},
	} {
		if got, err := (URL{Query: query}).At(); err != nil || got.Block != want.Block || !got.Time.Equal(want.Time) {
			t.Errorf("%s: %+v, %v", query, got, err)
		}
	}
	for code, queries := range map[Code]string{
		NotFound: "versionId versionId= versionId=0 versionId=007 versionId=-5 versionId=+5 versionId=0x5 versionId=5abc versionId=1e3 versionId=18446744073709551616 " +
			"versionId=%0012 versionId=12%20",
		InvalidOptions: "versionTime versionTime= versionTime=soon versionTime=-1 versionTime=253402300800 versionTime=2023-11-14 versionTime=2023-11-14T22:13:42 " +
			"versionTime=1969-12-31T23:59:59Z versionTime=2023-11-14T22:13:42%20Z " +
			"versionId=1&versionId=1 versionId=1&version%49d=2 versionTime=1&versionTime=1 versionId=1&versionTime=1 versionId=%zz versionId%zz=1",
	} {
		for query := range strings.FieldsSeq(queries) {
			if got, err := (URL{Query: query}).At(); !errors.Is(err, code) || got != (At{}) {
				t.Errorf("%s: %+v, %v, want %s", query, got, err, code)
			}
		}
	}
}
