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
	words := strings.Split(rest, "/")
	if len(words) > 3 {
		return n, false
	}
	for i, w := range words {
		if !isWord(w) {
			return n, false
		}
		*[]*string{&n.algorithm, &n.purpose, &n.hint}[i] = w
	}
	return n, true
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

// keyPurposes gives a key's relationships. An authentication key may also make assertions (so the stock resolver; the method
// specification's text says authentication only); any purpose but sigAuth and enc is taken for veriKey.
func keyPurposes(n attributeName) (p []did.Purpose, class string) {
	switch n.purpose {
	case "sigAuth":
		return []did.Purpose{did.Authentication, did.AssertionMethod}, classSigAuth
	case "enc":
		return []did.Purpose{did.KeyAgreement}, classAttribute
	}
	if n.algorithm == "Multikey" && n.purpose == "veriKey" {
		return []did.Purpose{did.AssertionMethod}, ""
	}
	return []did.Purpose{did.AssertionMethod}, classAttribute
}

func delegateType(name string) (p []did.Purpose, class string, ok bool) {
	switch name {
	case "sigAuth":
		return []did.Purpose{did.Authentication, did.AssertionMethod}, classSigAuth, true
	case "veriKey":
		return []did.Purpose{did.AssertionMethod}, classDelegate, true
	}
	return nil, "", false
}
