package openid4vp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
)

func sameDevice(t *openid4vp.Template) { t.CrossDevice = false }

func keptFor(d time.Duration) func(*openid4vp.Template) {
	return func(t *openid4vp.Template) { t.CrossDevice, t.Retention = false, d }
}

var sessionKey = []byte("the key of a test's pairwise subjects")

func (g *rig) session(change func(*openid4vp.SessionConfig)) *openid4vp.Session {
	g.t.Helper()
	c := openid4vp.SessionConfig{Door: g.door, Template: "admission", Subject: disclosure.Path{"Full Name"}, Key: sessionKey}
	if change != nil {
		change(&c)
	}
	s, err := openid4vp.NewSession(c)
	g.must(err)
	return s
}

// answerAt lets the citizen's wallet answer, and returns where it sends its browser to: empty if it does not.
func (g *rig) answerAt(tx *openid4vp.Transaction) (page string) {
	g.t.Helper()
	ask := g.fetch(tx.Link)
	res := g.answer(ask, g.show(ask))
	status(g.t, res, http.StatusOK)
	var body map[string]string
	g.must(json.NewDecoder(res.Body).Decode(&body))
	return body["redirect_uri"]
}

// signIn calls SignIn with a short patience, and keeps the cookies.
func (b *browser) signIn(s *openid4vp.Session, page, handle string) (string, error) {
	r := b.request("GET", page, "")
	ctx, cancel := contextFor(r, 50*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	subject, _, err := s.SignIn(w, r.WithContext(ctx), handle)
	b.keep(w.Result())
	return subject, err
}

// keep does to the cookies what a browser does.
func (b *browser) keep(res *http.Response) {
	for _, c := range res.Cookies() {
		kept := b.cookies[:0:0]
		for _, old := range b.cookies {
			if old.Name != c.Name {
				kept = append(kept, old)
			}
		}
		if c.MaxAge >= 0 {
			kept = append(kept, c)
		}
		b.cookies = kept
	}
}

func (b *browser) cookie(prefix string) *http.Cookie {
	for _, c := range b.cookies {
		if strings.HasPrefix(c.Name, prefix) {
			return c
		}
	}
	return nil
}

func (b *browser) subject(s *openid4vp.Session) (string, error) {
	return s.Subject(b.request("GET", back, ""))
}

func (b *browser) isSignedOut(s *openid4vp.Session, when string) {
	b.g.t.Helper()
	if subject, err := b.subject(s); !errors.Is(err, openid4vp.ErrSignedOut) || subject != "" {
		b.g.t.Errorf("%s: %v, want ErrSignedOut", when, err)
	}
}

// signedIn is a browser whose citizen has signed in.
func (g *rig) signedIn(s *openid4vp.Session) (b *browser, subject string) {
	g.t.Helper()
	b = g.browser()
	tx := b.begin()
	subject, err := b.signIn(s, g.answerAt(tx), tx.Handle)
	g.must(err)
	return b, subject
}

func TestSession(t *testing.T) {
	g := newRig(t, sameDevice, nil)
	s := g.session(nil)
	b := g.browser()
	b.isSignedOut(s, "at first")
	tx := b.begin()
	if _, err := b.signIn(s, back, tx.Handle); !errors.Is(err, openid4vp.ErrPending) {
		t.Fatalf("before the answer: %v", err)
	}
	b.isSignedOut(s, "before the answer")
	page := g.answerAt(tx)
	if _, err := b.signIn(s, back, tx.Handle); !errors.Is(err, openid4vp.ErrPending) {
		t.Fatalf("before the wallet sent the browser back: %v", err)
	}
	subject, err := b.signIn(s, page, tx.Handle)
	g.must(err)
	if len(subject) != 43 || strings.Contains(subject, marker) {
		t.Errorf("the subject is %q", subject)
	}
	c := b.cookie("__Host-session-")
	if c == nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 3600 {
		t.Errorf("the cookie: %+v", c)
	}
	for range 2 {
		if got, err := b.subject(s); err != nil || got != subject {
			t.Errorf("Subject: %q, %v", got, err)
		}
	}
	g.browser().isSignedOut(s, "another browser")

	g.world.Sleep(time.Hour - time.Second)
	if _, err := b.subject(s); err != nil {
		t.Errorf("within the hour: %v", err)
	}
	g.world.Sleep(time.Second)
	b.isSignedOut(s, "after an hour")
}

func TestSignOutEndsACopiedCookieToo(t *testing.T) {
	g := newRig(t, sameDevice, nil)
	s := g.session(nil)
	b, _ := g.signedIn(s)
	thief := &browser{g, append([]*http.Cookie{}, b.cookies...)}
	if _, err := thief.subject(s); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	g.must(s.SignOut(w, b.request("POST", back, "")))
	b.keep(w.Result())
	if len(b.cookies) != 0 {
		t.Errorf("cookies that are left: %v", b.cookies)
	}
	b.isSignedOut(s, "who signed out")
	thief.isSignedOut(s, "who has a copy of the cookie")
	g.must(s.SignOut(httptest.NewRecorder(), g.browser().request("POST", back, ""))) // nobody is signed in
}

// An attacker begins a sign-in, and shows its QR code, or its link, to a victim: on a page that looks like the service's, say. The victim's wallet answers.
func TestRelayedQRLogin(t *testing.T) {
	t.Run("refused by default", func(t *testing.T) {
		g := newRig(t, nil, nil) // CrossDevice
		_, err := openid4vp.NewSession(openid4vp.SessionConfig{Door: g.door, Template: "admission", Subject: disclosure.Path{"Full Name"}, Key: sessionKey})
		var misuse *verifier.Misuse
		if !errors.As(err, &misuse) || !strings.Contains(misuse.Detail, "CrossDevice") {
			t.Fatalf("got %v, want a Misuse about CrossDevice", err)
		}
	})
	t.Run("on the same device it leads nowhere", func(t *testing.T) {
		g := newRig(t, sameDevice, nil)
		s := g.session(nil)
		attacker, victim := g.browser(), g.browser()
		tx := attacker.begin()
		if _, err := tx.QR(); err == nil {
			t.Error("there is a QR code")
		}
		page := g.answerAt(tx) // to which the victim's wallet sends the victim's browser
		if _, err := attacker.signIn(s, back, tx.Handle); !errors.Is(err, openid4vp.ErrPending) {
			t.Errorf("the attacker: %v, want ErrPending", err)
		}
		if _, err := victim.signIn(s, page, tx.Handle); !errors.Is(err, openid4vp.ErrNotYours) {
			t.Errorf("the victim: %v, want ErrNotYours", err)
		}
		if _, err := attacker.signIn(s, back+"?response_code="+strings.Repeat("A", 43), tx.Handle); !errors.Is(err, openid4vp.ErrNotYours) {
			t.Errorf("the attacker with a guessed code: %v, want ErrNotYours", err)
		}
		attacker.isSignedOut(s, "the attacker")
		victim.isSignedOut(s, "the victim")
	})
	// What the field's name is for: this is no fault that a later check could find.
	t.Run("with InsecureCrossDeviceLogin the attacker is signed in", func(t *testing.T) {
		g := newRig(t, nil, nil)
		s := g.session(func(c *openid4vp.SessionConfig) { c.InsecureCrossDeviceLogin = true })
		attacker := g.browser()
		tx := attacker.begin()
		_ = g.answerAt(tx)
		subject, err := attacker.signIn(s, back, tx.Handle)
		g.must(err)
		if got, err := attacker.subject(s); err != nil || got != subject {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// An attacker gives his browser's cookies to the victim's browser, and waits for the victim to sign in.
func TestSessionFixation(t *testing.T) {
	g := newRig(t, sameDevice, nil)
	s := g.session(nil)
	attacker, before := g.signedIn(s)
	planted := attacker.cookie("__Host-session-")
	victim := g.browser()
	tx := victim.begin()
	victim.cookies = append(victim.cookies, planted)
	g.card = g.issuer.Issue(g.world.NewHolder(), idCard, map[string]string{"Full Name": "Dorji Example", "Blood Group": "A+"}, nil)
	subject, err := victim.signIn(s, g.answerAt(tx), tx.Handle)
	g.must(err)
	if subject == before {
		t.Fatal("two citizens have one subject")
	}
	if c := victim.cookie("__Host-session-"); c.Value == planted.Value {
		t.Error("the session has the planted value")
	}
	if got, err := victim.subject(s); err != nil || got != subject {
		t.Errorf("the victim: %v", err)
	}
	attacker.isSignedOut(s, "the attacker, whose session was replaced")

	// A value that never was a session does not become one.
	victim = g.browser()
	tx = victim.begin()
	invented := *planted
	invented.Value = strings.Repeat("A", 43)
	victim.cookies = append(victim.cookies, &invented)
	_, err = victim.signIn(s, g.answerAt(tx), tx.Handle)
	g.must(err)
	(&browser{g, []*http.Cookie{&invented}}).isSignedOut(s, "who invented the value")
	(&browser{g, append([]*http.Cookie{&invented}, victim.cookies...)}).isSignedOut(s, "who has two cookies of the name")
	(&browser{g, append(victim.cookies, &invented)}).isSignedOut(s, "who has two cookies of the name")
}

// Where the result may be read for a while, whoever sits down at the browser after the citizen goes back in its history.
func TestBackButtonAfterSignOut(t *testing.T) {
	g := newRig(t, keptFor(time.Hour), nil)
	s := g.session(nil)
	b := g.browser()
	tx := b.begin()
	page := g.answerAt(tx)
	_, err := b.signIn(s, page, tx.Handle)
	g.must(err)
	if _, err := b.waitAt(page, tx.Handle); err != nil {
		t.Fatalf("the result may be read: %v", err)
	}
	binding := b.cookie("__Host-openid4vp")
	w := httptest.NewRecorder()
	g.must(s.SignOut(w, b.request("POST", back, "")))
	b.keep(w.Result())
	if _, err := b.signIn(s, page, tx.Handle); !errors.Is(err, openid4vp.ErrNotYours) {
		t.Errorf("the next person signs in: %v, want ErrNotYours", err)
	}
	if _, err := b.waitAt(page, tx.Handle); !errors.Is(err, openid4vp.ErrNotYours) {
		t.Errorf("the next person reads the result: %v, want ErrNotYours", err)
	}
	b.cookies = []*http.Cookie{binding} // a browser that did not forget
	if _, err := b.signIn(s, page, tx.Handle); !errors.Is(err, openid4vp.ErrExpired) {
		t.Errorf("the next person signs in with the old cookie: %v, want ErrExpired", err)
	}
	b.isSignedOut(s, "the next person")
}

func TestRacingSignIns(t *testing.T) {
	for name, shape := range map[string]func(*openid4vp.Template){"given out once": sameDevice, "kept": keptFor(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, shape, nil)
			s := g.session(nil)
			b := g.browser()
			tx := b.begin()
			page := g.answerAt(tx)
			errs := make([]error, 50)
			var wg sync.WaitGroup
			for i := range errs {
				tab := &browser{g, b.cookies}
				wg.Go(func() { _, errs[i] = tab.signIn(s, page, tx.Handle) })
			}
			wg.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, openid4vp.ErrExpired) && !errors.Is(err, openid4vp.ErrPending):
					t.Errorf("a loser: %v", err)
				}
			}
			if won != 1 {
				t.Errorf("%d sign-ins by one answer", won)
			}
		})
	}
}

// The service asks for less elsewhere. An answer to that, of a card that says less, is no sign-in.
func TestAnswerToAnotherTemplateIsNoSignIn(t *testing.T) {
	g := newRig(t, sameDevice, func(g *rig) {
		g.config.Templates = append(g.config.Templates, template(func(t *openid4vp.Template) {
			t.Name, t.Purpose, t.CrossDevice = "sign-in", "admission", false
		}))
	})
	s := g.session(func(c *openid4vp.SessionConfig) { c.Template = "sign-in" })
	b := g.browser()
	tx := b.begin() // "admission"
	page := g.answerAt(tx)
	if _, err := b.signIn(s, page, tx.Handle); !errors.Is(err, openid4vp.ErrNotYours) {
		t.Errorf("got %v, want ErrNotYours", err)
	}
	b.isSignedOut(s, "after it")
	if _, err := b.waitAt(page, tx.Handle); err != nil {
		t.Errorf("its own result was used up: %v", err)
	}
}

// Two Sessions of one door: what one lets in, the other does not.
func TestSessionsAreApart(t *testing.T) {
	g := newRig(t, keptFor(time.Hour), nil)
	pairwise := g.session(nil)
	named := g.session(func(c *openid4vp.SessionConfig) { c.Key, c.Named = nil, true })
	b, _ := g.signedIn(pairwise)
	b.isSignedOut(named, "by the other's cookie")
	c := *b.cookie("__Host-session-")
	other, _ := g.signedIn(named)
	c.Name = other.cookie("__Host-session-").Name
	if c.Name == b.cookie("__Host-session-").Name {
		t.Error("both have a cookie of one name")
	}
	(&browser{g, []*http.Cookie{&c}}).isSignedOut(named, "by the other's value under its own name")
}

func TestSubjects(t *testing.T) {
	g := newRig(t, keptFor(time.Hour), nil)
	s := g.session(nil)
	_, first := g.signedIn(s)
	holder := map[string]string{"Full Name": marker, "Blood Group": "B+"}
	g.card = g.issuer.Issue(g.world.NewHolder(), idCard, holder, nil)
	if _, again := g.signedIn(s); again != first {
		t.Error("a citizen with a new wallet is another one")
	}
	if _, elsewhere := g.signedIn(g.session(func(c *openid4vp.SessionConfig) { c.Key = []byte("the key of another service's subjects") })); elsewhere == first {
		t.Error("two services know a citizen by one subject")
	}
	if _, name := g.signedIn(g.session(func(c *openid4vp.SessionConfig) { c.Key, c.Named = nil, true })); name != marker {
		t.Errorf("the named subject is %q", name)
	}
	holder["Full Name"] = "Dorji Example"
	g.card = g.issuer.Issue(g.world.NewHolder(), idCard, holder, nil)
	if _, other := g.signedIn(s); other == first {
		t.Error("two citizens have one subject")
	}
}

// A wallet shows two cards, its holder's own and one for a child: the one that is named signs in, whichever comes first.
func TestSubjectIsOfTheNamedCard(t *testing.T) {
	g := newRig(t, func(t *openid4vp.Template) {
		one := `{"id":"ID","format":"dc+sd-jwt","meta":{"vct_values":["` + idCard + `"]},"claims":[{"path":["Full Name"]}]}`
		t.Type, t.Claims, t.CrossDevice, t.Retention = "", nil, false, time.Hour
		t.Query = json.RawMessage(`{"credentials":[` + strings.Replace(one, "ID", "child", 1) + "," + strings.Replace(one, "ID", "guardian", 1) + `]}`)
	}, nil)
	holder := g.world.NewHolder()
	own := g.issuer.Issue(holder, idCard, map[string]string{"Full Name": marker}, nil)
	child := g.issuer.Issue(holder, idCard, map[string]string{"Full Name": "Dorji Example"}, nil)
	for query, want := range map[string]string{"child": "Dorji Example", "guardian": marker} {
		s := g.session(func(c *openid4vp.SessionConfig) { c.Query, c.Key, c.Named = query, nil, true })
		b := g.browser()
		tx := b.begin()
		ask := g.fetch(tx.Link)
		text, err := verifier.Answer{"child": {child.Present(expect(ask))}, "guardian": {own.Present(expect(ask))}}.MarshalJSON()
		g.must(err)
		res := g.answer(ask, &oid4vp.Response{Token: text, State: ask.State})
		status(t, res, http.StatusOK)
		var body map[string]string
		g.must(json.NewDecoder(res.Body).Decode(&body))
		if got, err := b.signIn(s, body["redirect_uri"], tx.Handle); err != nil || got != want {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// A claim that is no text or whole number names nobody; 7 and "7" are two names.
func TestSubjectOfOtherKinds(t *testing.T) {
	subjects := map[string]string{}
	for _, c := range []struct {
		value any
		want  error
	}{
		{"7", nil}, {7, nil}, {-7, nil}, {strings.Repeat("a", 256), nil},
		{7.5, openid4vp.ErrNoSubject}, {true, openid4vp.ErrNoSubject}, {nil, openid4vp.ErrNoSubject}, {"", openid4vp.ErrNoSubject},
		{[]string{"7"}, openid4vp.ErrNoSubject}, {map[string]int{"7": 7}, openid4vp.ErrNoSubject}, {strings.Repeat("a", 257), openid4vp.ErrNoSubject},
	} {
		g := newRig(t, sameDevice, nil)
		g.card = g.issuer.Issue(g.world.NewHolder(), idCard, map[string]any{"Full Name": c.value, "Blood Group": "B+"}, nil)
		s := g.session(nil)
		b := g.browser()
		tx := b.begin()
		subject, err := b.signIn(s, g.answerAt(tx), tx.Handle)
		if !errors.Is(err, c.want) || (err == nil) != (subject != "") {
			t.Errorf("%T: %q, %v, want %v", c.value, subject, err, c.want)
		}
		if c.want != nil {
			b.isSignedOut(s, "after it")
			continue
		}
		if subjects[subject] != "" {
			t.Error("two values make one subject")
		}
		subjects[subject] = "there"
	}
}

func TestSessionConfigThatIsRefused(t *testing.T) {
	query := func(q string) func(*openid4vp.Template) {
		return func(t *openid4vp.Template) {
			t.Type, t.Claims, t.Query, t.CrossDevice = "", nil, json.RawMessage(strings.ReplaceAll(q, "TYPE", idCard)), false
		}
	}
	const one = `{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["TYPE"]},"claims":[{"path":["Full Name"]}]`
	const two = `{"credentials":[` + one + `},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["TYPE"]},"claims":[{"path":["Blood Group"]}]}]`
	subject := func(p ...any) func(*openid4vp.SessionConfig) {
		return func(c *openid4vp.SessionConfig) { c.Subject = p }
	}
	for name, c := range map[string]struct {
		shape  func(*openid4vp.Template)
		change func(*openid4vp.SessionConfig)
		says   string // empty: it is fine
	}{
		"as it is":                  {sameDevice, nil, ""},
		"no door":                   {sameDevice, func(c *openid4vp.SessionConfig) { c.Door = nil }, "Door is missing"},
		"no such template":          {sameDevice, func(c *openid4vp.SessionConfig) { c.Template = "other" }, "no template"},
		"no key":                    {sameDevice, func(c *openid4vp.SessionConfig) { c.Key = nil }, "either Key or Named"},
		"key and named":             {sameDevice, func(c *openid4vp.SessionConfig) { c.Named = true }, "either Key or Named"},
		"short key":                 {sameDevice, func(c *openid4vp.SessionConfig) { c.Key = c.Key[:31] }, "Key is not"},
		"key of zeros":              {sameDevice, func(c *openid4vp.SessionConfig) { c.Key = make([]byte, 32) }, "Key is not"},
		"no subject":                {sameDevice, subject(), "no path"},
		"several subjects":          {sameDevice, subject("Full Name", nil), "no path"},
		"the wallet's key":          {sameDevice, subject("cnf", "jwk", "x"), "changes with the wallet"},
		"a claim not asked for":     {sameDevice, subject("ID Number"), "does not ask for Subject"},
		"inside a claim":            {sameDevice, subject("Full Name", "x"), "does not ask for Subject"},
		"life of two days":          {sameDevice, func(c *openid4vp.SessionConfig) { c.Lifetime = 48 * time.Hour }, "Lifetime"},
		"negative life":             {sameDevice, func(c *openid4vp.SessionConfig) { c.Lifetime = -1 }, "Lifetime"},
		"named, nothing kept":       {sameDevice, func(c *openid4vp.SessionConfig) { c.Key, c.Named = nil, true }, "shorter Retention"},
		"named, kept for less":      {keptFor(time.Hour), func(c *openid4vp.SessionConfig) { c.Key, c.Named, c.Lifetime = nil, true, 2*time.Hour }, "shorter Retention"},
		"named, kept for as long":   {keptFor(time.Hour), func(c *openid4vp.SessionConfig) { c.Key, c.Named, c.Lifetime = nil, true, time.Hour }, ""},
		"a card that anybody shows": {query(`{"credentials":[` + one + `,"require_cryptographic_holder_binding":false}]}`), nil, "bound to no holder"},
		"several cards":             {query(`{"credentials":[` + one + `,"multiple":true}]}`), nil, "several cards"},
		"two queries":               {query(two + `}`), nil, "is named by Query"},
		"two queries, one named":    {query(two + `}`), func(c *openid4vp.SessionConfig) { c.Query = "a" }, ""},
		"the wrong one named":       {query(two + `}`), func(c *openid4vp.SessionConfig) { c.Query = "b" }, "does not ask for Subject"},
		"either of two": {query(two + `,"credential_sets":[{"options":[["a"],["b"]]}]}`),
			func(c *openid4vp.SessionConfig) { c.Query = "a" }, "without the card"},
		"optional": {query(two + `,"credential_sets":[{"options":[["b"]]},{"options":[["a"]],"required":false}]}`),
			func(c *openid4vp.SessionConfig) { c.Query = "a" }, "without the card"},
		"required in each option": {query(two + `,"credential_sets":[{"options":[["a","b"],["a"]]}]}`),
			func(c *openid4vp.SessionConfig) { c.Query = "a" }, ""},
		"left out of a claim set": {query(`{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["TYPE"]},` +
			`"claims":[{"id":"n","path":["Full Name"]},{"id":"g","path":["Blood Group"]}],"claim_sets":[["n","g"],["g"]]}]}`), nil, "leaves Subject out"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, c.shape, nil)
			config := openid4vp.SessionConfig{Door: g.door, Template: "admission", Subject: disclosure.Path{"Full Name"}, Key: sessionKey}
			if c.change != nil {
				c.change(&config)
			}
			_, err := openid4vp.NewSession(config)
			var misuse *verifier.Misuse
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (!errors.As(err, &misuse) || !strings.Contains(misuse.Detail, c.says)):
				t.Errorf("got %v, want a Misuse that says %q", err, c.says)
			}
		})
	}
}

// spy is a store that somebody else can read and write, and that can fail.
type spy struct {
	openid4vp.Store
	mu      sync.Mutex
	records map[string][]byte // as they were written last
	fails   error
}

func (s *spy) Create(ctx context.Context, key string, record []byte, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	s.records[key] = append([]byte{}, record...)
	return s.Store.Create(ctx, key, record, until)
}

func (s *spy) Load(ctx context.Context, key string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return nil, 0, s.fails
	}
	return s.Store.Load(ctx, key)
}

func (s *spy) Delete(ctx context.Context, key string) error {
	if s.fails != nil {
		return s.fails
	}
	return s.Store.Delete(ctx, key)
}

func spied(store **spy) func(*rig) {
	return func(g *rig) {
		*store = &spy{Store: newMemory(g.t, openid4vp.MemoryConfig{Now: g.world.Now}), records: map[string][]byte{}}
		g.config.Store, g.config.Key = *store, []byte("thirty-two bytes of a door's key")
	}
}

// Who reads the store finds neither a claim nor a cookie; who writes to it cannot give one session's record to another cookie.
func TestThiefOfTheStoreSignsNobodyIn(t *testing.T) {
	var store *spy
	g := newRig(t, keptFor(time.Hour), spied(&store))
	s := g.session(func(c *openid4vp.SessionConfig) { c.Key, c.Named = nil, true })
	before := len(store.records)
	victim, subject := g.signedIn(s)
	g.card = g.issuer.Issue(g.world.NewHolder(), idCard, map[string]string{"Full Name": "Dorji Example", "Blood Group": "A+"}, nil)
	thief, _ := g.signedIn(s)
	if len(store.records)-before < 6 {
		t.Fatalf("%d records", len(store.records))
	}
	secrets := []string{subject, victim.cookie("__Host-session-").Value, victim.cookie("__Host-openid4vp").Value}
	for key, record := range store.records {
		for _, v := range secrets {
			if strings.Contains(key, v) || strings.Contains(string(record), v) {
				t.Error("the store holds what it must not know")
			}
		}
	}
	until, refused := g.world.Now().Add(time.Hour), 0
	for to, own := range store.records {
		for from, other := range store.records {
			if from == to {
				continue
			}
			_, version, err := store.Store.Load(t.Context(), to)
			g.must(err)
			g.must(store.Store.Replace(t.Context(), to, version, other, until))
			switch got, err := thief.subject(s); {
			case err != nil:
				refused++
			case got != "Dorji Example":
				t.Error("a record in another's place was believed")
			}
		}
		_, version, err := store.Store.Load(t.Context(), to)
		g.must(err)
		g.must(store.Store.Replace(t.Context(), to, version, own, until))
	}
	if refused < 5 {
		t.Errorf("%d records were put in the place of the thief's session", refused)
	}
}

// A store with a slow clock, or one that forgets nothing, does not prolong a session.
func TestSessionLapsesWhateverTheStoreDoes(t *testing.T) {
	g := newRig(t, sameDevice, func(g *rig) {
		g.config.Store = newMemory(g.t, openid4vp.MemoryConfig{Now: func() time.Time { return time.Unix(0, 0) }})
		g.config.Key = []byte("thirty-two bytes of a door's key")
	})
	s := g.session(nil)
	b, _ := g.signedIn(s)
	g.world.Sleep(time.Hour)
	b.isSignedOut(s, "after an hour")
}

func TestSessionWhenTheStoreFails(t *testing.T) {
	var store *spy
	g := newRig(t, sameDevice, spied(&store))
	s := g.session(nil)
	b, _ := g.signedIn(s)
	next := g.browser()
	tx := next.begin()
	page := g.answerAt(tx)

	store.fails = errors.New("connection refused")
	var open *verifier.Inconclusive
	if _, err := b.subject(s); !errors.As(err, &open) || open.Reason != openid4vp.StoreFailed {
		t.Errorf("Subject: %v, want inconclusive", err)
	}
	if _, err := next.signIn(s, page, tx.Handle); !errors.As(err, &open) {
		t.Errorf("SignIn: %v, want inconclusive", err)
	}
	w := httptest.NewRecorder()
	if err := s.SignOut(w, b.request("POST", back, "")); !errors.As(err, &open) {
		t.Errorf("SignOut: %v, want inconclusive", err)
	}
	if c := w.Result().Cookies(); len(c) != 2 || c[0].MaxAge >= 0 || c[1].MaxAge >= 0 {
		t.Errorf("SignOut leaves the cookies: %v", c)
	}

	store.fails = openid4vp.ErrUncertain // a sign-out may have been lost in a failover
	b.isSignedOut(s, "after a failover")
	store.fails = nil
	if _, err := b.subject(s); err != nil {
		t.Errorf("the store works again: %v", err)
	}
}
