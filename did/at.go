package did

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxTime is the last second of the year 9999, the last that RFC 3339 can write.
const maxTime = 253402300799

// At reads the parameters versionId and versionTime of the query (DID Resolution section 3). versionId is a block number in decimal,
// at least 1, as did:ethr has it: anything else names no version and is NotFound. versionTime is a time as in RFC 3339 or in seconds
// since 1970: anything else is InvalidOptions, and so are a bad percent-encoding, a parameter given twice, and the two given together.
// What is malformed never means the newest version. Parameters of other names are left alone. The error is *Error.
func (u URL) At() (At, error) {
	var at At
	id, hasID, err := u.parameter("versionId")
	if err != nil {
		return At{}, err
	}
	moment, hasTime, err := u.parameter("versionTime")
	if err != nil {
		return At{}, err
	}
	switch {
	case hasID && hasTime:
		return At{}, &Error{InvalidOptions, errors.New("versionId and versionTime exclude each other")}
	case hasID:
		at.Block, err = blockNumber(id)
	case hasTime:
		at.Time, err = versionTime(moment)
	}
	if err != nil {
		return At{}, err
	}
	return at, nil
}

// parameter returns a parameter of the query, decoded. The query is one of RFC 3986, where a plus sign stands for itself. All parameters
// of DID Resolution section 3 have one value, so that one that occurs twice has none (section 3.2.2).
func (u URL) parameter(name string) (value string, found bool, err error) {
	for part := range strings.SplitSeq(u.Query, "&") {
		n, v, _ := strings.Cut(part, "=")
		n, err := url.PathUnescape(n)
		if err != nil {
			return "", false, &Error{InvalidOptions, errEncoding}
		}
		if n != name {
			continue
		}
		if found {
			return "", false, &Error{InvalidOptions, errors.New("a parameter of the query occurs twice")}
		}
		found = true
		if value, err = url.PathUnescape(v); err != nil {
			return "", false, &Error{InvalidOptions, errEncoding}
		}
	}
	return value, found, nil
}

var errEncoding = errors.New("a bad percent-encoding")

func blockNumber(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n == 0 || s[0] < '1' {
		return 0, &Error{NotFound, errors.New("versionId is no block number")}
	}
	return n, nil
}

func versionTime(s string) (time.Time, error) {
	if n, err := strconv.ParseUint(s, 10, 63); err == nil && n <= maxTime {
		return time.Unix(int64(n), 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Unix() < 0 || t.Unix() > maxTime {
		return time.Time{}, &Error{InvalidOptions, errors.New("versionTime is neither seconds nor an RFC 3339 time")}
	}
	return t.Truncate(time.Second).UTC(), nil
}
