package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"time"

	"github.com/khyer/khyer/verifier/trust"
)

// readTrust reads the trust file, and says by its hash which one it was.
func (s *service) readTrust() (*trust.Document, [32]byte, error) {
	data, err := os.ReadFile(s.config.path(s.config.Trust))
	if err != nil {
		return nil, [32]byte{}, err
	}
	d, err := trust.ParseDocument(data)
	return d, sha256.Sum256(data), err
}

// follow puts the issuers of a document in force and returns its policy.
func (s *service) follow(d *trust.Document) (*trust.Policy, error) {
	list, err := d.List()
	if err != nil {
		return nil, err
	}
	policy, err := d.Policy()
	if err != nil {
		return nil, err
	}
	s.issuers.Store(list)
	s.expires.Store(0)
	if !d.Expires.IsZero() {
		s.expires.Store(d.Expires.Unix())
	}
	return policy, nil
}

// followTrust looks at the file from time to time: a key that was declared compromised is to be refused without a restart. A file that
// is wrong changes nothing, and is logged each time.
func (s *service) followTrust(ctx context.Context) {
	_, last, _ := s.readTrust()
	tick := time.NewTicker(trustEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d, sum, err := s.readTrust()
		if err == nil && bytes.Equal(sum[:], last[:]) {
			continue
		}
		var policy *trust.Policy
		if err == nil {
			policy, err = s.follow(d)
		}
		if err == nil {
			last = sum
			err = s.door.SetPolicy(policy)
		}
		if err != nil {
			s.log.Error("the trust file", "error", err)
			continue
		}
		s.log.Info("a new trust file is in force", "sequence", d.Sequence)
	}
}

var trustEvery = 10 * time.Second
