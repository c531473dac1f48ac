package pubkey

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vectors reads a file of the published vectors, from the folder that KHYER_VECTORS names.
func vectors(t *testing.T, name string, into any) {
	t.Helper()
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("KHYER_REQUIRE=1 and KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder of published test vectors")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
