package main

import (
	"fmt"
	"time"
)

// stamp is how times are printed: in UTC, which is what chains count in.
const stamp = "2006-01-02 15:04:05"

func when(t time.Time, zero string) string { return format(t, stamp, zero) }

func format(t time.Time, layout, zero string) string {
	switch {
	case t.IsZero():
		return zero
	case t.Year() >= 9999: // what does not end, or ends later than any year that can be written
		return "for ever"
	}
	return t.UTC().Format(layout)
}

// timeline draws a history for people.
func (p *page) timeline(h *history) {
	p.settled()
	p.line("%s", p.paint(bold, h.DID))
	where := fmt.Sprintf("%s, read at block %d", safe(h.Chain, longestText), h.Block)
	if h.Tag != "" {
		where += " (" + safe(h.Tag, longestText) + ")"
	}
	if h.Owner != "" {
		where += ", owner " + ends(h.Owner)
	}
	p.line("%s\n", p.paint(dim, where))

	rows := [][]cell{cells(dim, "block", "time (UTC)", "what happened")}
	for _, e := range h.Events {
		block := "-"
		if e.Block != 0 {
			block = fmt.Sprint(e.Block)
		}
		rows = append(rows, []cell{{block, dim}, {when(e.Time, ""), dim}, {e.String(), e.style()}})
	}
	if len(h.Events) == 0 {
		rows = append(rows, []cell{{"-", dim}, {"", dim}, {"nothing: the DID is as it was born, its owner the only key", plain}})
	}
	p.grid(rows)
	if h.More != "" {
		p.line("  There is more: go on with -from %s\n", h.More)
	}

	byClass := false
	rows = [][]cell{cells(dim, "key", "kid", "thumbprint", "counts from", "until", "a card that it signed")}
	for _, l := range h.Keys {
		const minutes = "2006-01-02 15:04"
		until := format(l.Until, minutes, "for ever")
		if !l.Revoked.IsZero() && (l.Until.IsZero() || l.Revoked.Before(l.Until)) {
			until = format(l.Revoked, minutes, "")
		}
		thumbprint := "-"
		if l.Thumbprint != "" {
			thumbprint = ends(l.Thumbprint)
		}
		rows = append(rows, []cell{{l.Name, bold}, {safe(l.KeyID, longestText), plain}, {thumbprint, plain}, {format(l.From, minutes, "always"), plain}, {until, plain}, {l.Verdict, l.style}})
		byClass = byClass || l.Class != "" && l.style == yellow
	}
	p.grid(rows)
	if byClass {
		p.line("  A key that was not published for signing is accepted where the trust entry names its class.\n")
	}
}

func (e event) String() string {
	switch e.What {
	case "key added", "key renewed":
		kind := e.curve
		if e.Text != "" {
			kind += ", " + e.Text
		}
		return fmt.Sprintf("%s (%s, %s), until %s", e.phrase(), kind, e.kid, when(e.Until, "it is revoked"))
	case "key retired":
		return e.phrase() + ": no new cards from " + when(e.Until, "") + " on"
	case "key revoked":
		return e.phrase() + ": none of its cards is accepted any more"
	case "deactivated":
		return e.What + ": " + e.Text
	}
	if e.Key != "" {
		return e.phrase()
	}
	return e.What + " " + e.Text
}

// phrase puts the key's name into what happened: "key 1 added".
func (e event) phrase() string { return e.Key + e.What[len("key"):] }

func (e event) style() style {
	switch e.What {
	case "key added", "key renewed":
		return green
	case "key retired", "key lapsed":
		return yellow
	case "key revoked", "deactivated":
		return red
	}
	return plain
}
