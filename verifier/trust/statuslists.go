package trust

import (
	"fmt"
	"net/url"
	"strings"
)

// StatusLists are status lists under one prefix.
type StatusLists struct {
	// Prefix is how their URIs begin: an https URL that ends in "/". It stands in the entry once; one may begin with another.
	Prefix string
	// Signer is the DID or https issuer that signs them; empty means whoever issued the card.
	Signer string
	// Aggregation is where the lists are listed (draft-ietf-oauth-status-list section 9), so that they can be fetched before a citizen arrives; may
	// be empty. It begins with Prefix, or is Prefix without the slash.
	Aggregation string
}

// StatusSigner says who must have signed the status list at uri, for a card of issuer. Of several prefixes the longest decides. ok is false if
// the issuer has no lists there.
func (a *Accreditation) StatusSigner(uri, issuer string) (signer string, ok bool) {
	nearest, rest := -1, ""
	for n := range a.StatusLists {
		prefix := a.StatusLists[n].Prefix
		behind, under := strings.CutPrefix(uri, prefix)
		if under && prefix != "" && (nearest < 0 || len(behind) < len(rest)) {
			nearest, rest = n, behind
		}
	}
	if nearest < 0 || !plainPath(rest) {
		return "", false
	}
	if signer = a.StatusLists[nearest].Signer; signer == "" {
		signer = issuer
	}
	return signer, true
}

// plainPath tells whether the rest of a URI stays below its prefix for every reader: letters, digits and a few signs, no dot segments, no
// fragment.
func plainPath(rest string) bool {
	const signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/?=&"
	if rest == "" || strings.Trim(rest, signs) != "" {
		return false
	}
	path, _, _ := strings.Cut(rest, "?")
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func (s StatusLists) check() error {
	u, err := url.Parse(s.Prefix)
	rest, ok := strings.CutPrefix(s.Prefix, "https://"+hostOf(u))
	switch {
	case err != nil || !ok || u.Hostname() == "" || u.Host != strings.ToLower(u.Host) || u.Port() == "443" || !strings.HasPrefix(rest, "/") || !strings.HasSuffix(rest, "/") || strings.Contains(rest, "?") || rest != "/" && !plainPath(rest):
		return fmt.Errorf("%q is no https URL that ends in a slash, with a host in lower case", s.Prefix)
	case s.Signer != "" && !strings.HasPrefix(s.Signer, "did:") && !strings.HasPrefix(s.Signer, "https://"):
		return fmt.Errorf("%q in StatusLists is no DID and no https issuer", s.Signer)
	case s.Aggregation != "" && s.Aggregation != strings.TrimSuffix(s.Prefix, "/"):
		if rest, under := strings.CutPrefix(s.Aggregation, s.Prefix); !under || !plainPath(rest) {
			return fmt.Errorf("%q in StatusLists does not begin with the prefix", s.Aggregation)
		}
	}
	return nil
}

func hostOf(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Host
}
