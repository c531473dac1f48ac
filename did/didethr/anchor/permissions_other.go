//go:build !unix

package anchor

// Elsewhere the mode bits of a file say little about who can read it.
const permissionsCount = false
