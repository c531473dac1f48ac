//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package anchor

import (
	"os"
	"syscall"
)

const locksFiles = true

// lockFile locks until the file is closed or the process ends, whatever ends it.
func lockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
