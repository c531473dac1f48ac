package trust

import (
	"fmt"
	"slices"
	"time"
)

// Window bounds when one of an issuer's names counts: issuers move, from one ledger to another, and their old cards stay in wallets for a while.
// A card under a name outside its window is refused with TypeNotAccredited.
type Window struct {
	// Of is the name: one of DIDs or URLs, or the Issuer of a Certified, or its Name if it has no Issuer.
	Of string
	// From and Until bound when cards under this name are accepted, within the bounds of the entry; zero means those alone.
	From, Until time.Time
	// SignedUntil refuses cards under this name that say that they were signed then or later, or do not say when; zero refuses none. It keeps an honest
	// issuer to its move. Who has stolen the old key writes an earlier date: Until and Compromised are against him.
	SignedUntil time.Time
}

func (i Issuer) checkWindows() error {
	for n, w := range i.Windows {
		known := slices.Contains(i.DIDs, w.Of) || slices.Contains(i.URLs, w.Of) ||
			slices.ContainsFunc(i.Certified, func(c Certified) bool { return c.Issuer == w.Of || c.Issuer == "" && c.Name == w.Of })
		switch {
		case !known || w.Of == "":
			return fmt.Errorf("%q in Windows is no name of this issuer", w.Of)
		case slices.ContainsFunc(i.Windows[:n], func(other Window) bool { return other.Of == w.Of }):
			return fmt.Errorf("%q in Windows is there twice", w.Of)
		case w.From.IsZero() && w.Until.IsZero() && w.SignedUntil.IsZero():
			return fmt.Errorf("%q in Windows has no bound", w.Of)
		case !w.From.IsZero() && !w.Until.IsZero() && !w.From.Before(w.Until):
			return fmt.Errorf("%q in Windows ends before it begins", w.Of)
		}
	}
	return nil
}

// bounded narrows an entry to the window of a name.
func (e *entry) bounded(windows []Window, name string) {
	n := slices.IndexFunc(windows, func(w Window) bool { return w.Of == name })
	if n < 0 {
		return
	}
	w, acc := windows[n], &e.answer
	if e.signedUntil = w.SignedUntil; acc.From.Before(w.From) {
		acc.From = w.From
	}
	if !w.Until.IsZero() && (acc.Until.IsZero() || w.Until.Before(acc.Until)) {
		acc.Until = w.Until
	}
}
