package anchor

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// maxJournal bounds the file that is read at the start: a few hundred thousand transactions.
const maxJournal = 1 << 28

// OpenJournal opens a journal in a file, and makes the file if there is none. Each record is a line and on the disk (fsync) before what it
// says is done. The file is locked where the system can do that: a second process that opens it gets JournalFailed.
func OpenJournal(path string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, fail(JournalFailed, "the file cannot be opened: %w", err)
	}
	s := &fileStore{f: f}
	j, err := s.open(path)
	if err != nil {
		f.Close()
		return nil, err
	}
	return j, nil
}

func (s *fileStore) open(path string) (*Journal, error) {
	if err := lockFile(s.f); err != nil {
		return nil, fail(JournalFailed, "another process has the file: %w", err)
	}
	// A new file is safe once its folder is.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync() // not every system can
		dir.Close()
	}
	j, err := NewJournal(s)
	if err != nil {
		return nil, err
	}
	j.close = s.f.Close
	return j, nil
}

type fileStore struct {
	mu     sync.Mutex
	f      *os.File
	broken error // after a fault nothing is appended: half a line may stand there
}

// Records cuts off a last line that has no end: the crash that left it came before anything was sent.
func (s *fileStore) Records() ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(s.f, maxJournal+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxJournal {
		return nil, errors.New("the file is too large")
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	if end < len(text) {
		if err := s.f.Truncate(int64(end)); err != nil {
			return nil, err
		}
	}
	if end == 0 {
		return nil, nil
	}
	return bytes.Split(text[:end-1], []byte{'\n'}), nil
}

func (s *fileStore) Append(record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	_, err := s.f.Write(append(bytes.Clone(record), '\n'))
	if err == nil {
		err = s.f.Sync()
	}
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		s.broken = err
	}
	return err
}
