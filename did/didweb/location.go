package didweb

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

var (
	errHost = errors.New("the host is no fully qualified domain name")
	errPort = errors.New("the port is no number from 1 to 65535")
	errPath = errors.New("a segment of the path is empty, a dot segment or more than one segment")
)

// location gives the URL of the document (method specification, section "Read (Resolve)"): colons separate the host and the segments of
// the path, and the only thing that is decoded is the colon before the port. named are the hosts that the operator sends elsewhere: they
// need be no domain names.
func location(id string, named map[string]string) (string, error) {
	segments := strings.Split(id, ":")
	host, port, found := cutPort(segments[0])
	authority := host
	if found {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] < '1' {
			return "", errPort
		}
		authority += ":" + port
	}
	if _, known := named[authority]; !known && !domain(host) {
		return "", errHost
	}
	if len(segments) == 1 {
		return "https://" + authority + "/.well-known/did.json", nil
	}
	for _, s := range segments[1:] {
		if !segment(s) {
			return "", errPath
		}
	}
	return "https://" + authority + "/" + strings.Join(segments[1:], "/") + "/did.json", nil
}

func cutPort(s string) (host, port string, found bool) {
	if i := strings.Index(s, "%3"); i >= 0 && len(s) > i+2 && (s[i+2] == 'A' || s[i+2] == 'a') {
		return s[:i], s[i+3:], true
	}
	return s, "", false
}

// domain reports whether s is a name of at least two labels of letters, digits and hyphens (RFC 1123 section 2.1). Names in other scripts
// have their A-label (xn--). A last label that begins with a digit is no top-level domain but the end of an IPv4 address in one of its
// notations (10.0.0.1, 127.1, 0x7f.0x1): the method allows none.
func domain(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, c := range []byte(l) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	c := labels[len(labels)-1][0]
	return c < '0' || c > '9'
}

// segment reports whether s is one segment of a path and stays one: servers decode before they walk.
func segment(s string) bool {
	plain, err := url.PathUnescape(s)
	if err != nil || strings.Trim(plain, ".") == "" {
		return false
	}
	for _, c := range []byte(plain) {
		if c < ' ' || c == 0x7f || c == '/' || c == '\\' || c == '%' {
			return false
		}
	}
	return true
}
