package verifier_test

import (
	"testing"
	"time"

	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/verifiertest"
)

func TestMemoryGuard(t *testing.T) {
	one := verifier.NewMemoryGuard(time.Now)
	verifiertest.ReplayGuard(t, func() verifier.ReplayGuard { return one })
}
