package verifiertest_test

import (
	"testing"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/verifier/verifiertest"
)

func TestMemoryStatusStore(t *testing.T) {
	store := status.NewMemory()
	verifiertest.StatusStore(t, func(*testing.T) status.Store { return store })
}
