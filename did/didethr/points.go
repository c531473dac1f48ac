package didethr

import (
	"sync"

	"github.com/khyer/khyer/did/pubkey"
)

// public is the key of an entry, with what is asked of it in every fold.
type public struct {
	key        pubkey.Key
	thumbprint string // RFC 7638; empty for an address
	// same is equal for the keys that pubkey.Key.Equal takes for one: the address of a secp256k1 key, or else the thumbprint.
	same      string
	multibase string // as a document has it; empty for Secp256k1 attributes and addresses
	usable    bool
}

func publicOf(k pubkey.Key) public {
	p := public{key: k, thumbprint: k.Thumbprint(), usable: true}
	if p.same = p.thumbprint; p.same == "" || k.Curve() == "secp256k1" {
		a, _ := k.Address()
		p.same = string(a[:])
	}
	return p
}

// points remembers the keys that attributes gave, of all folds in the process: reading a point costs more than all the rest of an
// event, and what bytes mean never changes.
var points pointCache

// Bounds of what is remembered: some 4 MB.
const (
	maxPoints     = 4096 // in each of two generations
	maxPointBytes = 128  // longer values are no keys that package pubkey can use
)

// pointCache keeps what was asked for lately. It is safe for concurrent use.
type pointCache struct {
	mu            sync.Mutex
	recent, older map[pointName]public
}

// pointName is what decides which key an attribute gives.
type pointName struct{ algorithm, value string }

func (c *pointCache) get(algorithm string, value []byte) public {
	switch algorithm {
	case "Secp256k1", "Ed25519", "X25519", "Multikey":
	default:
		return public{}
	}
	if len(value) > maxPointBytes {
		return public{}
	}
	c.mu.Lock()
	p, ok := c.recent[pointName{algorithm, string(value)}]
	c.mu.Unlock()
	if ok {
		return p
	}
	return c.read(pointName{algorithm, string(value)})
}

func (c *pointCache) read(n pointName) public {
	c.mu.Lock()
	p, ok := c.older[n]
	c.mu.Unlock()
	if !ok {
		p = readPoint(n.algorithm, []byte(n.value))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) >= maxPoints {
		c.older, c.recent = c.recent, nil
	}
	if c.recent == nil {
		c.recent = map[pointName]public{}
	}
	c.recent[n] = p
	return p
}

func readPoint(algorithm string, value []byte) public {
	var k pubkey.Key
	var err error
	text := ""
	switch algorithm {
	case "Secp256k1":
		k, err = pubkey.New(parseSecp256k1(value))
	case "Ed25519", "X25519", "Multikey":
		text = base58(codecs[algorithm], value)
		k, err = pubkey.ParseMultikey(text)
	}
	if err != nil {
		return public{}
	}
	p := publicOf(k)
	p.multibase = text
	return p
}
