package main

import (
	"encoding/binary"
	"errors"
	"os"
)

// seen is a set of tags in a file, so that a nation's references take no memory: an open hash table whose slots are tags, zero for
// none. It is rebuilt from the manifest by each run, so nothing in it must survive.
type seen struct {
	f           *os.File
	path        string
	slots, used uint64
}

const (
	tagSize   = len(tag{})
	window    = 8 // slots that are read at once; the table is never more than half full, so one window nearly always does
	leastSize = 1 << 12
)

func newSeen(path string) (*seen, error) {
	s := &seen{path: path}
	var err error
	s.f, s.slots, err = s.table(path, leastSize)
	return s, err
}

func (s *seen) table(path string, slots uint64) (*os.File, uint64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, 0, err
	}
	// A window may begin at the last slot.
	if err := f.Truncate(int64(slots+window) * int64(tagSize)); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, slots, nil
}

// add puts a tag into the set and tells whether it was new.
func (s *seen) add(t tag) (fresh bool, err error) {
	if 2*(s.used+1) > s.slots {
		if err := s.grow(); err != nil {
			return false, err
		}
	}
	have, at, err := s.find(t)
	if have || err != nil {
		return false, err
	}
	s.used++
	_, err = s.f.WriteAt(t[:], at)
	return true, err
}

func (s *seen) has(t tag) (bool, error) {
	have, _, err := s.find(t)
	return have, err
}

// find returns where a tag is, or the free slot where it belongs. Tags go into the slot that their last bytes name, or the next free
// one; the slots behind the end continue at the beginning.
func (s *seen) find(t tag) (have bool, at int64, err error) {
	var some [window * tagSize]byte
	for slot := binary.BigEndian.Uint64(t[8:]) % s.slots; ; {
		if _, err := s.f.ReadAt(some[:], int64(slot)*int64(tagSize)); err != nil {
			return false, 0, err
		}
		for i := range window {
			if slot == s.slots {
				slot = 0
				break // what was read behind the end is no slot
			}
			at = int64(slot) * int64(tagSize)
			switch tag(some[i*tagSize:]) {
			case t:
				return true, at, nil
			case tag{}:
				return false, at, nil
			}
			slot++
		}
	}
}

// grow doubles the table. It reads the old one in order, so that memory stays small.
func (s *seen) grow() error {
	old, n := s.f, s.slots
	bigger := &seen{path: s.path}
	var err error
	if bigger.f, bigger.slots, err = bigger.table(s.path+".new", 2*n); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for at := int64(0); at < int64(n)*int64(tagSize); at += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), int64(n)*int64(tagSize)-at)]
		if _, err := old.ReadAt(part, at); err != nil {
			return errors.Join(err, bigger.f.Close())
		}
		for ; len(part) > 0; part = part[tagSize:] {
			if t := tag(part); t != (tag{}) {
				if _, err := bigger.add(t); err != nil {
					return errors.Join(err, bigger.f.Close())
				}
			}
		}
	}
	if err := os.Rename(s.path+".new", s.path); err != nil {
		return errors.Join(err, bigger.f.Close())
	}
	*s = *bigger
	return old.Close()
}

func (s *seen) close() {
	s.f.Close()
	os.Remove(s.path)
}
