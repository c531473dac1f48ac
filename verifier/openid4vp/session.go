package openid4vp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
)

// What a Session answers beside the errors of Door.Wait; compare with errors.Is.
var (
	ErrSignedOut = errors.New("openid4vp: nobody is signed in with this browser")
	ErrNoSubject = errors.New("openid4vp: the answer does not say who signs in")
)

// SessionConfig says how citizens sign in to a service with their cards.
type SessionConfig struct {
	Door     *Door  // required
	Template string // what is asked for at sign-in; required

	// Subject is the claim that says who the citizen is, one that never changes and that only one person has: a text or a whole number. The template asks for it.
	// Query is the credential query that does; it may be empty if there is only one.
	Subject disclosure.Path
	Query   string
	// Key makes subjects that only this service knows its citizens by (pairwise): HMAC-SHA-256 of the claim under at least 32 random bytes, in base64url. Two
	// services with keys of their own cannot tell that two accounts are one person's. Keep it as long as the accounts: with another key everybody is a stranger.
	// The issuer is not part of it: all that the verifier trusts for the types asked for must give one value to one person.
	Key []byte
	// Named says that the claim's value itself is the subject, for a service whose accounts are keyed by it; then there is no Key. As a claim it is kept for the
	// template's retention at most, and so is the session.
	Named bool

	// Lifetime is how long a session lasts, at most a day. Zero means an hour, or with Named the template's retention if that is shorter.
	Lifetime time.Duration

	// InsecureCrossDeviceLogin lets a template be CrossDevice. Whoever relays the QR code of his own sign-in to somebody else, on a poster or a page that looks
	// like the service's, is then signed in as him (OpenID4VP 1.0 section 14.2): no signature can show it.
	InsecureCrossDeviceLogin bool
}

// Session signs citizens in with their cards: they authenticate once, and their browser is known by a cookie until the session ends. Begin the transaction with
// Door.Begin; SignIn takes the place of Door.Wait. A page of the service that changes something is guarded against requests from other sites by http.CrossOriginProtection.
// A Session is safe for concurrent use, and any number of processes that share a Store share their sessions.
type Session struct {
	c      SessionConfig
	d      *Door
	life   time.Duration
	scope  string // of sessions: another Session's are not this one's
	cookie string
}

// NewSession returns a Session. The error is a *verifier.Misuse: the template does not ask for the subject in every answer, takes a card that anybody could show,
// or is CrossDevice.
func NewSession(c SessionConfig) (*Session, error) {
	bad := func(format string, args ...any) (*Session, error) {
		return nil, &verifier.Misuse{Detail: "openid4vp.SessionConfig: " + fmt.Sprintf(format, args...)}
	}
	if c.Door == nil || c.Door.templates[c.Template] == nil {
		return bad("Door is missing, or has no template of this name")
	}
	f := c.Door.templates[c.Template]
	if f.CrossDevice && !c.InsecureCrossDeviceLogin {
		return bad("template %q is CrossDevice: who relays its QR code to somebody else would be signed in as him (OpenID4VP 1.0 section 14.2)", f.Name)
	}
	if err := c.readSubject(f); err != nil {
		return bad("template %q: %v", f.Name, err)
	}
	if c.Named == (c.Key != nil) {
		return bad("either Key or Named")
	}
	if c.Key != nil && !goodKey(c.Key) {
		return bad("Key is not 32 random bytes or more")
	}
	s := &Session{c: c, d: c.Door, life: c.Lifetime}
	if s.life == 0 {
		s.life = time.Hour
		if c.Named {
			s.life = min(s.life, f.Retention)
		}
	}
	switch {
	case s.life < 0 || s.life > longestRetention:
		return bad("Lifetime is negative or longer than a day")
	case c.Named && (s.life == 0 || s.life > f.Retention):
		return bad("Named keeps a claim for Lifetime: template %q has a shorter Retention, which is what the citizen was told", f.Name)
	}
	s.scope = fmt.Sprintf("%q %q %q %v", c.Template, c.Query, c.Subject.String(), c.Named)
	s.cookie = "__Host-session-" + encode(hashOf(s.scope)[:6])
	return s, nil
}

// readSubject finds the query that asks for the subject, and fills in its name.
func (c *SessionConfig) readSubject(f *form) error {
	if c.Query == "" && len(f.query.Credentials) == 1 {
		c.Query = f.query.Credentials[0].ID
	}
	i := slices.IndexFunc(f.query.Credentials, func(q dcql.Credential) bool { return q.ID == c.Query })
	if i < 0 {
		return errors.New("none of its credential queries is named by Query")
	}
	q := f.query.Credentials[i]
	switch {
	case q.Unbound:
		return errors.New("its query takes a card that is bound to no holder, which anybody can show who has a copy")
	case q.Multiple:
		return errors.New("its query takes several cards: whose would be the session?")
	case len(c.Subject) == 0 || slices.Contains(c.Subject, nil) || c.Subject.Check() != nil:
		return errors.New("Subject is no path to one claim")
	case c.Subject[0] == "cnf":
		return errors.New("Subject is a key of the wallet, which changes with the wallet and is seen by every service")
	}
	claim := slices.IndexFunc(q.Claims, func(a dcql.Claim) bool { return slices.Equal(a.Path, c.Subject) })
	if claim < 0 {
		return errors.New("its query does not ask for Subject")
	}
	for _, set := range q.ClaimSets {
		if !slices.Contains(set, claim) {
			return errors.New("one of its claim sets leaves Subject out")
		}
	}
	if len(f.query.Sets) == 0 {
		return nil
	}
	for _, set := range f.query.Sets { // one that is required and has the query in each of its options
		if !set.Optional && !slices.ContainsFunc(set.Options, func(ids []string) bool { return !slices.Contains(ids, c.Query) }) {
			return nil
		}
	}
	return errors.New("its credential sets can be answered without the card that has Subject")
}

// session is what the store keeps of one, sealed.
type session struct {
	Subject string    `json:"s"`
	Until   time.Time `json:"u"`
}

// SignIn waits for the answer to a transaction, as Door.Wait does and only for the browser that began it, and signs that browser in: it sets a cookie with a new
// random value, never one that the browser had before. A transaction signs in once. The result is there for the claims that the service needs now.
//
// The errors are those of Door.Wait, to be treated as there; ErrNotYours also for a transaction of another template; and ErrNoSubject: the claim is not a text or a
// whole number.
func (s *Session) SignIn(w http.ResponseWriter, r *http.Request, handle string) (subject string, res *verifier.Result, err error) {
	ctx := r.Context()
	t, err := s.d.load(ctx, handle)
	if err != nil {
		return "", nil, lapsed(err)
	}
	if t.Template != s.c.Template || !t.begun(r) { // an answer to a lesser question is no sign-in
		return "", nil, ErrNotYours
	}
	if res, err = s.d.Wait(r, handle); err != nil {
		return "", nil, err
	}
	if subject, err = s.subject(res); err != nil {
		return "", nil, err
	}
	// Where the template lets the result be read again, whoever sits down at this browser next could go back to this page.
	if s.d.templates[t.Template].Retention > 0 {
		used := s.d.keys.place("signed in by " + handle)
		err := s.d.store.Create(ctx, used, nil, s.d.now().Add(requestLife+longestRetention+logLife))
		if errors.Is(err, ErrExists) {
			return "", nil, ErrExpired
		}
		if err != nil {
			return "", nil, lapsed(err)
		}
	}
	if err := s.open(ctx, w, subject); err != nil {
		return "", nil, lapsed(err)
	}
	if old := s.value(r); old != "" {
		_ = s.d.store.Delete(ctx, s.place(old)) // nobody has its cookie any more, and it lapses
	}
	return subject, res, nil
}

// open keeps a new session and gives its cookie to the browser.
func (s *Session) open(ctx context.Context, w http.ResponseWriter, subject string) error {
	value, until := encode(random(secretBytes)), s.d.now().Add(s.life)
	text, err := json.Marshal(session{subject, until})
	if err != nil {
		return err
	}
	place := s.place(value)
	sealed := s.d.keys.cipher(place).Seal(nil, nil, text, []byte(place))
	if err := s.d.store.Create(ctx, place, sealed, until); err != nil {
		return err
	}
	s.setCookie(w, s.cookie, value, int(s.life/time.Second))
	return nil
}

// Subject returns who is signed in with the browser behind r. The error is ErrSignedOut, also when the session has lapsed or the store may have forgotten that it
// was ended, or a *verifier.Inconclusive if the store does not answer.
func (s *Session) Subject(r *http.Request) (string, error) {
	value := s.value(r)
	if value == "" {
		return "", ErrSignedOut
	}
	place := s.place(value)
	sealed, _, err := s.d.store.Load(r.Context(), place)
	switch {
	case errors.Is(err, ErrNotFound) || errors.Is(err, ErrUncertain):
		return "", ErrSignedOut
	case err != nil:
		return "", &verifier.Inconclusive{Reason: StoreFailed, RetryAfter: time.Second, Err: err}
	}
	text, err := s.d.keys.cipher(place).Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return "", ErrSignedOut
	}
	var is session
	if err := json.Unmarshal(text, &is); err != nil || is.Subject == "" || !s.d.now().Before(is.Until) {
		return "", ErrSignedOut
	}
	return is.Subject, nil
}

// SignOut ends the session of the browser behind r, here and in the browser, and with it the browser's hold on results that could still be read: the next person at
// this computer sees nothing of them. If the error is not nil, the store did not answer; the browser is signed out, but a copy of its cookie is not.
func (s *Session) SignOut(w http.ResponseWriter, r *http.Request) error {
	s.setCookie(w, s.cookie, "", -1)
	s.setCookie(w, cookieName, "", -1)
	value := s.value(r)
	if value == "" {
		return nil
	}
	if err := s.d.store.Delete(r.Context(), s.place(value)); err != nil {
		return &verifier.Inconclusive{Reason: StoreFailed, RetryAfter: time.Second, Err: err}
	}
	return nil
}

func (s *Session) setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// value is that of the cookie: empty if there is none that can be ours, or several.
func (s *Session) value(r *http.Request) string {
	all := r.CookiesNamed(s.cookie)
	if len(all) != 1 || len(all[0].Value) != len(encode(make([]byte, secretBytes))) {
		return ""
	}
	return all[0].Value
}

// place is where the store keeps a session. It does not tell the cookie.
func (s *Session) place(value string) string {
	return s.d.keys.place("session of " + s.scope + " " + value)
}

// subject is the name of whom the result is about.
func (s *Session) subject(res *verifier.Result) (string, error) {
	for _, card := range res.Cards {
		if card.Query != s.c.Query {
			continue
		}
		raw, ok := card.Claim(s.c.Subject)
		if !ok {
			return "", ErrNoSubject
		}
		kind, text, err := subjectText(raw)
		if err != nil || s.c.Named {
			return text, err
		}
		h := hmac.New(sha256.New, s.c.Key)
		fmt.Fprintf(h, "openid4vp subject 1\n%s\n%s\n%s", s.c.Subject.String(), kind, text)
		return encode(h.Sum(nil)), nil
	}
	return "", ErrNoSubject
}

// maxSubject bounds what names a person, in bytes.
const maxSubject = 256

func subjectText(raw json.RawMessage) (kind, text string, err error) {
	v, err := strictjson.Parse(raw, strictjson.Limits{})
	if err != nil {
		return "", "", ErrNoSubject
	}
	if n, ok := v.Int64(); ok {
		return "number", strconv.FormatInt(n, 10), nil
	}
	if text, ok := v.Text(); ok && text != "" && len(text) <= maxSubject {
		return "text", text, nil
	}
	return "", "", ErrNoSubject
}
