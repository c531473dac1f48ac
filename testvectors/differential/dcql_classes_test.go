package differential

// queryClass is a habit of npm's dcql that the text of OpenID4VP 1.0 does not have.
type queryClass struct{ name, section, right string }

var queryClasses = []queryClass{
	// The peer accepts queries that are none.
	{"meta missing", "OpenID4VP 6.1", ours},
	{"meta an array", "OpenID4VP 6.1", ours},
	{"meta without vct_values", "OpenID4VP B.3.5", either},
	{"vct_values empty", "OpenID4VP B.3.5", ours},
	{"values empty", "OpenID4VP 6.3", ours},
	{"empty option", "OpenID4VP 6.2", ours},
	{"claim without an id", "OpenID4VP 6.3", ours},
	{"claims of one id", "OpenID4VP 6.3", ours},
	{"integer with a fraction or an exponent", "OpenID4VP 6.3", either},
	{"bounds", "RFC 8259 9", either},
	{"duplicate member", "RFC 8259 4", either},
	// It refuses queries that are some.
	{"format of nobody", "OpenID4VP 6.1", either},
	{"type of authority", "OpenID4VP 6.1.1", ours},
	{"form of authorities", "OpenID4VP 6.1.1", either},
	{"purpose", "OpenID4VP 6", ours},
	// It finds other cards.
	{"a claim that is null", "OpenID4VP 7.1.1", ours},
	{"one path twice", "OpenID4VP 6.1", ours},
	{"name of an ancestor", "OpenID4VP 7.1.1", ours},
	{"array read as an object", "OpenID4VP 7.1.1", ours},
	{"all elements of none", "OpenID4VP 7.1.1", ours},
	{"null forgives", "OpenID4VP 7.1.1", ours},
	{"number spelled otherwise", "OpenID4VP 6.3", either},
	{"large integer", "OpenID4VP 6.3", ours},
}
