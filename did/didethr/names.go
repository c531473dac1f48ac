package didethr

import (
	"strings"

	"github.com/khyer/khyer/did"
)

// The classes of keys (did.Key.Class); see the package comment.
const (
	classController    = "controller"
	classControllerKey = "controllerKey"
	classDelegate      = "delegate"
	classSigAuth       = "sigAuth"
	classAttribute     = "attribute"
)

// attributeName is the name of an attribute taken apart: did/pub/<algorithm>/<purpose>/<hint> or did/svc/<type>.
type attributeName struct{ section, algorithm, purpose, hint string }

// parseAttributeName follows what stock resolvers accept: one to three words of letters, digits and underscore after the section.
func parseAttributeName(s string) (n attributeName, ok bool) {
	rest, ok := strings.CutPrefix(s, "did/pub/")
	n.section = "pub"
	if !ok {
		if rest, ok = strings.CutPrefix(s, "did/svc/"); !ok {
			return n, false
		}
		n.section = "svc"
	}
	var more bool
	for _, part := range [...]*string{&n.algorithm, &n.purpose, &n.hint} {
		if *part, rest, more = strings.Cut(rest, "/"); !isWord(*part) {
			return n, false
		}
		if !more {
			return n, true
		}
	}
	return n, false
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// role says for what a method counts.
type role uint8

const (
	signing role = iota
	authenticating
	agreeing
)

// purposesOf gives the relationships of each role. An authentication key may also make assertions (so the stock resolver; the method
// specification's text says authentication only).
func purposesOf() (p [3][]did.Purpose) {
	p[signing] = []did.Purpose{did.AssertionMethod}
	p[authenticating] = []did.Purpose{did.Authentication, did.AssertionMethod}
	p[agreeing] = []did.Purpose{did.KeyAgreement}
	return p
}

// keyRole gives a key attribute's role and class. Any purpose but sigAuth and enc is taken for veriKey.
func keyRole(n attributeName) (r role, class string) {
	switch {
	case n.purpose == "sigAuth":
		return authenticating, classSigAuth
	case n.purpose == "enc":
		return agreeing, classAttribute
	case n.algorithm == "Multikey" && n.purpose == "veriKey":
		return signing, ""
	}
	return signing, classAttribute
}

// delegateRole gives a delegate's role and class; ok is false for types that are not listed.
func delegateRole(kind string) (r role, class string, ok bool) {
	switch kind {
	case "sigAuth":
		return authenticating, classSigAuth, true
	case "veriKey":
		return signing, classDelegate, true
	}
	return 0, "", false
}
