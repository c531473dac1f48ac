package main

import (
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/openid4vp"
)

//go:embed pages/*
var files embed.FS

var pages = template.Must(template.ParseFS(files, "pages/*.html"))

// routes is everything that a browser, a wallet or an operator reaches. The operator's pages hold no citizen's data, and are for the
// inside all the same: whatever stands before the service should not pass them on.
func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/verify/", s.door)
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("POST /ask", s.ask)
	mux.HandleFunc("GET /wait", s.wait)
	mux.HandleFunc("GET /return", s.wait)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "pages/style.css") })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		s.metrics.write(w)
	})
	guarded := http.NewCrossOriginProtection().Handler(mux) // no other site's page begins a request in a citizen's browser
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/verify/") { // wallets post from everywhere; the door has rules of its own
			mux.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		guarded.ServeHTTP(w, r)
	})
}

func (s *service) show(w http.ResponseWriter, status int, page string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := pages.ExecuteTemplate(w, page, data); err != nil {
		s.log.Debug("a page was not written to its end", "page", page, "error", err)
	}
}

func (s *service) home(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "home.html", map[string]any{"Agency": s.config.Name["en"], "Templates": s.templates})
}

// ask begins a transaction. The page has the QR code and the link; a frame in it waits for the answer, so that no script is needed.
func (s *service) ask(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	t, ok := s.template(r.PostFormValue("template"))
	if !ok {
		s.fail(w, http.StatusBadRequest, "There is no such request.", "")
		return
	}
	tx, err := s.door.Begin(w, r, t.Name)
	if err != nil {
		s.log.Error("a request was not begun", "template", t.Name, "error", err)
		s.fail(w, http.StatusServiceUnavailable, "The service cannot ask at the moment. Please try again in a minute.", t.Paper["en"])
		return
	}
	data := map[string]any{"Agency": s.config.Name["en"], "Transaction": tx, "Link": template.URL(tx.Link), "Minutes": int(time.Until(tx.Expires).Round(time.Minute) / time.Minute)}
	if t.CrossDevice {
		png, err := tx.QR()
		if err != nil {
			s.log.Error("the QR code", "error", err)
			s.fail(w, http.StatusInternalServerError, "The QR code could not be made.", t.Paper["en"])
			return
		}
		data["QR"] = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))
	}
	s.show(w, http.StatusOK, "ask.html", data)
}

func (s *service) template(name string) (openid4vp.Template, bool) {
	for _, t := range s.templates {
		if t.Name == name {
			return t, true
		}
	}
	return openid4vp.Template{}, false
}

// wait is the frame of ask, and the page that a wallet on the same device returns to. The frame's first answer comes at once; then each
// waits in the door.
func (s *service) wait(w http.ResponseWriter, r *http.Request) {
	handle, patience := r.FormValue("transaction"), 20*time.Second
	if r.FormValue("first") != "" {
		patience = 10 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	defer context.AfterFunc(s.leaving, cancel)()
	r = r.WithContext(ctx)
	t, _ := s.template(r.FormValue("template"))
	res, err := s.door.Wait(r, handle)
	again := map[string]any{"Transaction": handle, "Template": t.Name}
	var rejected *verifier.Rejection
	var inconclusive *verifier.Inconclusive
	var declined *openid4vp.Declined
	switch {
	case err == nil:
		s.show(w, http.StatusOK, "result.html", map[string]any{"Cards": s.shown(res), "At": res.At.Format("15:04:05")})
	case errors.Is(err, openid4vp.ErrPending), errors.Is(err, context.DeadlineExceeded), s.leaving.Err() != nil:
		s.show(w, http.StatusOK, "wait.html", again)
	case errors.As(err, &rejected):
		again["Says"], again["Code"] = said(rejected.Reason)
		s.show(w, http.StatusOK, "again.html", again)
	case errors.As(err, &inconclusive):
		again["Says"], again["Code"] = said(inconclusive.Reason)
		s.show(w, http.StatusOK, "again.html", again)
	case errors.As(err, &declined):
		again["Says"] = "The wallet sent no card."
		s.show(w, http.StatusOK, "again.html", again)
	case errors.Is(err, openid4vp.ErrExpired):
		s.fail(w, http.StatusGone, "This request has lapsed, or its result has been shown. Please begin again.", t.Paper["en"])
	case errors.Is(err, openid4vp.ErrNotYours):
		s.fail(w, http.StatusForbidden, "Another browser began this request.", "")
	case r.Context().Err() != nil: // the browser has left
	default:
		s.log.Error("waiting for an answer", "error", err)
		s.fail(w, http.StatusServiceUnavailable, "The service has trouble at the moment. Please try again in a minute.", t.Paper["en"])
	}
}

// said is what a reason says to a citizen, and the code to read out on the telephone.
func said(r verifier.Reason) (text, code string) {
	info := verifier.Describe(r)
	return info.English, info.Code("AGENCY")
}

func (s *service) fail(w http.ResponseWriter, status int, says, paper string) {
	s.show(w, status, "fail.html", map[string]any{"Says": says, "Paper": paper})
}

// shownCard is a card on the page: its claims, and how much they can be relied on.
type shownCard struct {
	Issuer, Type, Status string
	Claims               []shownClaim
	Concealed            int
}

type shownClaim struct{ Name, Value string }

// shown is a result for people: of each card what the templates ask for.
func (s *service) shown(res *verifier.Result) (out []shownCard) {
	for _, card := range res.Cards {
		c := shownCard{Issuer: card.IssuerName, Type: card.Type, Status: "without a status list", Concealed: card.Concealed}
		if card.Status != nil {
			c.Status = fmt.Sprintf("%v, by a list of %s", *card.Status, card.StatusAt.Format(time.DateTime))
		}
		seen := map[string]bool{}
		for _, path := range s.asked(card.Type) {
			value, ok := card.Claim(path)
			name := pathName(path)
			if ok && !seen[name] {
				seen[name] = true
				c.Claims = append(c.Claims, shownClaim{name, plain(value)})
			}
		}
		out = append(out, c)
	}
	return out
}

// asked are the paths that any template asks of this type of card. A card holds those alone that its own request asked for.
func (s *service) asked(kind string) (out []disclosure.Path) {
	for _, t := range s.templates {
		if t.Type == kind {
			out = append(out, t.Claims...)
		}
		if len(t.Query) == 0 {
			continue
		}
		query, err := dcql.Parse(t.Query)
		if err != nil {
			continue // New has refused it
		}
		for _, c := range query.Credentials {
			for _, claim := range c.Claims {
				out = append(out, claim.Path)
			}
		}
	}
	return out
}

func pathName(p disclosure.Path) string {
	parts := make([]string, len(p))
	for i, step := range p {
		if step == nil {
			step = "all"
		}
		parts[i] = fmt.Sprint(step)
	}
	return strings.Join(parts, " / ")
}

// plain is a text without its quotes, and any other value as JSON. The page's template escapes it.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}
