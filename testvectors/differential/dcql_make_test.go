package differential

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// some writes a list of 1 to most elements, now and then an empty one.
func some(r *rand.Rand, most int, element func(i int) string) string {
	if awry(r) {
		return "[]"
	}
	var all []string
	for i := range 1 + r.IntN(most) {
		all = append(all, element(i))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// awry is true where something is to be wrong.
func awry(r *rand.Rand) bool { return r.IntN(250) == 0 }

// or writes text, now and then something of another type.
func or(r *rand.Rand, text string) string {
	if awry(r) {
		return pick(r, `null`, `1`, `1.5`, `true`, `"x"`, `""`, `[]`, `{}`, `["x"]`, `-1`)
	}
	return text
}

// with writes a member of an object, now and then not, or twice, or another.
func with(r *rand.Rand, name, value string) string {
	switch r.IntN(1000) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(`,%q:%s,%[1]q:%[2]s`, name, value)
	case 2:
		return fmt.Sprintf(`,%q:%s,"unknown":{"x":[null]}`, name, value)
	}
	return fmt.Sprintf(`,%q:%s`, name, value)
}

func object(members ...string) string {
	return "{" + strings.TrimPrefix(strings.Join(members, ""), ",") + "}"
}

var queryPaths = []string{`["a"]`, `["a"]`, `["b"]`, `["n"]`, `["o"]`, `["o","a"]`, `["o","l",null]`, `["l"]`, `["l",null]`, `["l",0]`, `["l",1]`, `["l",2]`, `["p",null,"a"]`, `["p",null]`, `["p",1,"a"]`,
	`["m",null,null]`, `["m",null,0]`, `["l","length"]`, `["p","0","a"]`, `["toString"]`, `["o","valueOf"]`, `["p",null,"toString"]`, `["l",1.0]`, `["l",1e0]`, `["l",-1]`, `["l",0.5]`, `["l",true]`, `["n",null]`}

var queryValues = []string{`0`, `1`, `2`, `"x"`, `"y"`, `"1"`, `true`, `false`, `-0`, `1.0`, `1e2`, `9007199254740993`, `9007199254740992`, `0.5`, `null`, `[]`}

func queryID(r *rand.Rand, i int) string {
	if awry(r) {
		return pick(r, `"q0"`, `"q 1"`, `"q_1-"`, `""`, `"é"`, `1`, `"toString"`)
	}
	return fmt.Sprintf(`"q%d"`, i)
}

// makeQuery writes a query, most of the time a valid one.
func makeQuery(r *rand.Rand) string {
	n := 0
	credentials := some(r, 3, func(i int) string {
		n++
		format, meta := `"dc+sd-jwt"`, pick(r, `{}`, `{"vct_values":["t"]}`, `{"vct_values":["t","u"]}`, `{"vct_values":["u"]}`)
		switch {
		case r.IntN(30) == 0:
			format, meta = `"mso_mdoc"`, `{"doctype_value":"d"}`
			return object(with(r, "id", queryID(r, i)), with(r, "format", format), with(r, "meta", meta))
		case awry(r):
			format = pick(r, `"jpt"`, `""`, `1`)
		case awry(r):
			meta = pick(r, `{"vct_values":[]}`, `{"x":1}`, `[]`, `{"vct_values":[1]}`, `{"vct_values":"t"}`)
		}
		members := []string{with(r, "id", queryID(r, i)), with(r, "format", format), with(r, "meta", or(r, meta))}
		if r.IntN(5) > 0 {
			members = append(members, makeClaims(r))
		}
		if r.IntN(8) == 0 {
			members = append(members, with(r, "trusted_authorities", or(r, some(r, 2, func(int) string {
				kind := pick(r, `"aki"`, `"aki"`, `"etsi_tl"`, `"openid_federation"`, `"https://x.example/authority"`)
				values := some(r, 2, func(int) string {
					if kind == `"aki"` {
						return or(r, pick(r, `"AAAA"`, `"BBBB"`, `"BBBB"`, `"no base64url"`))
					}
					return or(r, pick(r, `"https://a.example"`, `"https://b.example"`, `"c"`))
				})
				return object(with(r, "type", or(r, kind)), with(r, "values", values))
			}))))
		}
		if r.IntN(6) == 0 {
			members = append(members, with(r, "require_cryptographic_holder_binding", or(r, pick(r, `true`, `false`))), with(r, "multiple", or(r, pick(r, `true`, `false`))))
		}
		return object(members...)
	})
	members := []string{with(r, "credentials", or(r, credentials))}
	if r.IntN(3) == 0 {
		members = append(members, with(r, "credential_sets", or(r, some(r, 3, func(int) string {
			options := some(r, 3, func(int) string { return some(r, 3, func(int) string { return queryID(r, r.IntN(max(n, 1))) }) })
			set := []string{with(r, "options", or(r, options))}
			if r.IntN(3) == 0 {
				set = append(set, with(r, "required", or(r, pick(r, `true`, `false`, `false`))))
			}
			if r.IntN(20) == 0 {
				set = append(set, with(r, "purpose", pick(r, `"why"`, `1`, `{"en":"why"}`, `["why"]`, `true`, `null`)))
			}
			return object(set...)
		}))))
	}
	text := object(members...)
	if r.IntN(400) == 0 { // what is past a bound
		text = strings.Replace(text, `"credentials":`, `"x":`+pick(r, strings.Repeat("[", 12)+strings.Repeat("]", 12), `"`+strings.Repeat("x", 64<<10)+`"`)+`,"credentials":`, 1)
	}
	return text
}

func makeClaims(r *rand.Rand) string {
	m, named := 0, r.IntN(2) == 0
	claims := some(r, 4, func(i int) string {
		m++
		var members []string
		if named && r.IntN(100) > 0 || r.IntN(4) == 0 {
			members = append(members, with(r, "id", or(r, fmt.Sprintf(`"%d"`, pick(r, slices.Concat(slices.Repeat([]int{i}, 60), []int{0})...)))))
		}
		path := pick(r, queryPaths[:17]...)
		if r.IntN(20) == 0 {
			path = pick(r, queryPaths...)
		}
		if r.IntN(300) == 0 {
			path = `["a"` + strings.Repeat(`,null`, 16) + `]`
		}
		members = append(members, with(r, "path", or(r, path)))
		if r.IntN(5) == 0 {
			members = append(members, with(r, "values", or(r, some(r, 3, func(int) string {
				if r.IntN(40) == 0 {
					return pick(r, queryValues...)
				}
				if r.IntN(40) == 0 {
					return `9007199254740993`
				}
				return pick(r, queryValues[:8]...)
			}))))
		}
		return object(members...)
	})
	out := with(r, "claims", or(r, claims))
	if named && r.IntN(2) == 0 {
		out += with(r, "claim_sets", or(r, some(r, 3, func(int) string {
			return some(r, 3, func(int) string { return or(r, fmt.Sprintf(`"%d"`, r.IntN(max(m, 1)))) })
		})))
	}
	return out
}

// makeWallet makes up to five cards.
func makeWallet(r *rand.Rand) (out []dcqlCard) {
	out = []dcqlCard{}
	scalar := func() string {
		return pick(r, `0`, `1`, `2`, `"x"`, `"y"`, `"1"`, `true`, `null`, `-0`, `1.0`, `100`, `9007199254740993`, `9007199254740992`, `"x"`, `"y"`, `1`)
	}
	elements := func() string {
		var all []string
		for range r.IntN(4) {
			all = append(all, scalar())
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	each := func(of func() string) string {
		var all []string
		for range 1 + r.IntN(3) {
			all = append(all, of())
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	for range r.IntN(6) {
		var members []string
		add := func(name string, value func() string) {
			if r.IntN(4) > 0 {
				members = append(members, fmt.Sprintf(",%q:%s", name, value()))
			}
		}
		add("a", scalar)
		add("b", scalar)
		add("n", scalar)
		add("o", func() string {
			return pick(r, `{}`, `{"a":`+scalar()+`}`, `{"a":`+scalar()+`,"l":`+elements()+`}`, scalar())
		})
		add("l", elements)
		add("p", func() string {
			return each(func() string {
				return pick(r, `{"a":`+scalar()+`}`, `{"a":`+scalar()+`,"b":1}`, `{"b":`+scalar()+`}`, `{}`, scalar())
			})
		})
		add("m", func() string {
			return each(func() string { return pick(r, elements(), elements(), elements(), scalar()) })
		})
		c := dcqlCard{Type: pick(r, "t", "t", "u"), Claims: json.RawMessage(object(members...)), Unbound: r.IntN(8) == 0}
		if r.IntN(2) == 0 {
			c.Authority = &dcqlAuthority{pick(r, "aki", "aki", "etsi_tl"), []string{pick(r, "AAAA", "BBBB", "https://a.example")}}
		}
		var ok bool
		if c.claims, _, ok = parseJSON(c.Claims); !ok {
			panic(string(c.Claims))
		}
		out = append(out, c)
	}
	return out
}
