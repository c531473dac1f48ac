package differential

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDivergencesAreExplained holds the tables of classes and DIVERGENCES.md to each other.
func TestDivergencesAreExplained(t *testing.T) {
	page, err := os.ReadFile("DIVERGENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	chapters := map[string]string{}
	for _, c := range strings.Split(string(page), "\n### ")[1:] {
		name, text, _ := strings.Cut(c, "\n")
		if chapters[name] != "" {
			t.Errorf("%q is explained twice", name)
		}
		chapters[name], _, _ = strings.Cut(text, "\n## ")
	}
	ruled := regexp.MustCompile(`(?m)^Section: (.+)\. Right: (ours|the peer|either)\. `)
	explain := func(name, section, right string) {
		text, ok := chapters[name]
		if !ok {
			t.Errorf("%q has no heading", name)
			return
		}
		delete(chapters, name)
		m := ruled.FindStringSubmatch(text)
		if m == nil || m[1] != section || m[2] != right {
			t.Errorf("%q: the page says %q, the table section %q and right %q", name, m, section, right)
		}
		if len(strings.Split(strings.TrimSpace(text), "\n\n")) < 2 {
			t.Errorf("%q is not explained", name)
		}
	}
	for _, c := range classes {
		if c.peer == refuses {
			if c.right != "" || len(c.ours) == 0 {
				t.Errorf("%q: both refuse, so that nobody is right, and ours for a reason", c.name)
			}
			continue
		}
		section := c.section
		if c := section[0]; '0' <= c && c <= '9' {
			section = "RFC 9901 " + section
		}
		explain(c.name, section, c.right)
	}
	for _, c := range jwsClasses {
		if c.goJose == refuses && c.jwx == refuses {
			if c.right != "" || len(c.ours) == 0 {
				t.Errorf("%q: all refuse, so that nobody is right, and ours for a reason", c.name)
			}
			continue
		}
		explain("JWS: "+c.name, c.section, c.right)
	}
	for _, c := range queryClasses {
		explain("DCQL: "+c.name, c.section, c.right)
	}
	for name := range chapters {
		t.Errorf("%q is explained and is no class", name)
	}
}
