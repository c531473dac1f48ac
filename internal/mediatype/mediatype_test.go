package mediatype

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	offers := []string{"application/did+ld+json", "application/did", "text/uri-list"}
	for accept, want := range map[string]string{
		"": offers[0], "  ": offers[0], "*/*": offers[0], "application/*": offers[0], "text/*": offers[2], "Application/DID": offers[1],
		"application/did": offers[1], "application/did;q=0.5, text/uri-list": offers[2], "text/html, */*;q=0.1": offers[0],
		"application/did+ld+json;q=0, */*": offers[1], "application/did;q=1.0,application/did+ld+json;q=0.999": offers[1],
		" application/did ,": offers[1], "application/did, nonsense/": offers[1], "text/html;a=\"b,c\", application/did": offers[1],
		"text/uri-list;q=0.2,application/did;q=0.3": offers[1],

		"application/did;q=0": "", "application/json": "", "application/did;profile=x": "", "did": "", "application/did;q=2": "", "application/did;q=NaN": "",
		"application/did;q=-1": "", "application/did;q=x": "", ",": "", strings.Repeat(" ", maxHeader) + "application/did": "",
		strings.Repeat("text/html,", maxRanges) + "application/did": "",
	} {
		if got := Choose(accept, offers...); got != want {
			t.Errorf("%.60q: %q, want %q", accept, got, want)
		}
	}
}
