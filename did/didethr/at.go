package didethr

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/khyer/khyer/did"
)

// ParseAt reads versionId and versionTime from the query of a DID URL (method specification, section "Resolving DID URLs with query
// parameters"; DID Resolution section 3). versionId is a block number in decimal, at least 1: anything else names no version and is
// NotFound. versionTime is a time in seconds since 1970 or as in RFC 3339: anything else is InvalidOptions, and so are a parameter
// given twice and the two given together. Nothing malformed means the newest version (fault F9). Parameters of other names are
// left alone.
func ParseAt(query string) (did.At, error) {
	var at did.At
	var seenBlock, seenTime bool
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			return did.At{}, fault(did.InvalidOptions, "a bad percent-encoding")
		}
		var err error
		switch name {
		case "versionId":
			if seenBlock {
				return did.At{}, fault(did.InvalidOptions, "versionId twice")
			}
			seenBlock = true
			at.Block, err = decimal(value)
		case "versionTime":
			if seenTime {
				return did.At{}, fault(did.InvalidOptions, "versionTime twice")
			}
			seenTime = true
			at.Time, err = versionTime(value)
		}
		if err != nil {
			return did.At{}, err
		}
	}
	if seenBlock && seenTime {
		return did.At{}, fault(did.InvalidOptions, "versionId and versionTime exclude each other")
	}
	return at, nil
}

func decimal(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 || s[0] < '1' {
		return 0, fault(did.NotFound, "versionId is no block number")
	}
	return n, nil
}

func versionTime(s string) (time.Time, error) {
	if n, err := strconv.ParseUint(s, 10, 63); err == nil && n <= maxTime {
		return unix(n), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Unix() < 0 || t.Unix() > maxTime {
		return time.Time{}, fault(did.InvalidOptions, "versionTime is neither seconds nor an RFC 3339 time")
	}
	return t.Truncate(time.Second).UTC(), nil
}
