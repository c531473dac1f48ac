package verifier

// NewMemoryGuard is the guard of a Verifier that is given none.
var NewMemoryGuard = newMemoryGuard
