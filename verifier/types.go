package verifier

import (
	"errors"
	"time"

	"github.com/khyer/khyer/credential"
)

// checkType holds a verified card against its Type Metadata, if the deployment asks for that (SD-JWT VC section 5.7). The type is the
// card's own, which was expected and for which its issuer is accredited: what it extends confers nothing (section 7.7). Metadata that
// cannot be had say nothing about the card; metadata that are wrong, or that the card does not keep, do.
func (a *attempt) checkType(v *credential.Verified, presentation []byte) error {
	if a.c.Types == nil {
		return nil
	}
	t, err := v.ResolveType(a.ctx, a.c.Types)
	if err == nil {
		err = t.CheckPresentation(v, presentation)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, credential.TypeUnavailable):
		return &Inconclusive{Reason: credential.TypeUnavailable, RetryAfter: 10 * time.Second, Err: err}
	}
	return a.reject(err)
}
