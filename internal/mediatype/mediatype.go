// Package mediatype chooses among media types as an Accept header asks (RFC 9110 section 12.5.1).
package mediatype

import (
	"mime"
	"strconv"
	"strings"
)

const (
	maxHeader = 2 << 10 // of an Accept header, in bytes; browsers send about 200
	maxRanges = 64
)

// Choose returns the offer that accept likes best, and of several the first; "" if it likes none. An empty accept likes all. Offers are
// lower-case media types without parameters. A range with parameters other than q matches nothing, elements that cannot be read are
// passed over, and a header longer than 2 KiB likes nothing.
func Choose(accept string, offers ...string) string {
	if strings.TrimSpace(accept) == "" {
		accept = "*/*"
	}
	if len(accept) > maxHeader {
		return ""
	}
	ranges := parse(accept)
	best, bestQuality := "", 0.0
	for _, offer := range offers {
		if q := quality(ranges, offer); q > bestQuality {
			best, bestQuality = offer, q
		}
	}
	return best
}

type mediaRange struct {
	name    string
	quality float64
}

func parse(accept string) (ranges []mediaRange) {
	for element := range strings.SplitSeq(accept, ",") { // a comma in quotes breaks an element that has parameters, which none of ours has
		name, parameters, err := mime.ParseMediaType(element)
		if err != nil || len(ranges) == maxRanges {
			continue
		}
		r := mediaRange{name, 1}
		if q, ok := parameters["q"]; ok {
			if r.quality, err = strconv.ParseFloat(q, 64); err != nil || !(r.quality >= 0 && r.quality <= 1) {
				continue
			}
			delete(parameters, "q")
		}
		if len(parameters) == 0 {
			ranges = append(ranges, r)
		}
	}
	return ranges
}

// quality is that of the most specific range that an offer falls into.
func quality(ranges []mediaRange, offer string) float64 {
	kind, _, _ := strings.Cut(offer, "/")
	for _, pattern := range []string{offer, kind + "/*", "*/*"} {
		for _, r := range ranges {
			if r.name == pattern {
				return r.quality
			}
		}
	}
	return 0
}
