package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/testvectors"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/telemetry"
)

// outlets are all the ways on which a careless program lets something out: whatever it prints, logs, counts or traces.
type outlets struct {
	t       *testing.T
	text    bytes.Buffer // everything that was let out
	plain   *slog.Logger
	asJSON  *slog.Logger
	spans   *tracetest.InMemoryExporter
	metrics *sdkmetric.ManualReader
	observe telemetry.Observer
}

func newOutlets(t *testing.T) *outlets {
	o := &outlets{t: t, spans: tracetest.NewInMemoryExporter(), metrics: sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(
		func(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }))}
	o.plain, o.asJSON = slog.New(slog.NewTextHandler(&o.text, nil)), slog.New(slog.NewJSONHandler(&o.text, nil))
	open, err := telemetry.OpenTelemetry(sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.metrics)), sdktrace.NewTracerProvider(sdktrace.WithSyncer(o.spans)))
	if err != nil {
		t.Fatal(err)
	}
	o.observe = telemetry.All(telemetry.Slog(o.plain), telemetry.Slog(o.asJSON), open, func(_ context.Context, e verifier.Event) { o.print(e) })
	return o
}

// print lets a value out on every way that fmt and slog have.
func (o *outlets) print(v any) {
	fmt.Fprintf(&o.text, "%v\n%+v\n%#v\n%s\n%q\n%x\n", v, v, v, v, v, v)
	o.plain.Info("x", "value", v)
	o.asJSON.Info("x", "value", v)
	if j, err := json.Marshal(v); err == nil {
		o.text.Write(j)
	}
}

// fails prints an error and all that it wraps.
func (o *outlets) fails(err error) {
	if err == nil {
		return
	}
	o.print(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		o.fails(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			o.fails(inner)
		}
	}
}

// drain returns what was let out, and begins anew.
func (o *outlets) drain() string {
	for _, s := range o.spans.GetSpans() {
		fmt.Fprintf(&o.text, "%s %v %v %v\n", s.Name, s.Attributes, s.Events, s.Status)
	}
	o.spans.Reset()
	var counted metricdata.ResourceMetrics
	if err := o.metrics.Collect(context.Background(), &counted); err != nil {
		o.t.Fatal(err)
	}
	j, _ := json.Marshal(counted)
	o.text.Write(j)
	out := o.text.String()
	o.text.Reset()
	return out
}

// verify does with a presentation what a program can do, and lets everything out that it gets. It returns the verdict.
func (o *outlets) verify(v testvectors.Vector, q verification) error {
	ctx := context.Background()
	q.config.Observe = o.observe
	check, err := verifier.New(q.config)
	if err != nil {
		o.t.Fatal(v.Name, err)
	}
	var res *verifier.Result
	if q.want.Query != nil {
		res, err = check.VerifyAnswer(ctx, q.answer, q.want)
	} else {
		res, err = check.Verify(ctx, q.presentation, q.want)
	}
	o.print(q.explain(check))
	o.fails(err)
	if res != nil {
		o.print(res)
		o.print(*res)
		for _, c := range res.Cards {
			o.print(c)
			o.print(&c)
		}
		if _, err := res.Text("no such claim"); err != nil {
			o.fails(err)
		}
	}
	o.print(q.presentationParsed())
	return err
}

func (q verification) presentationParsed() any {
	p, err := credential.Parse(q.presentation, credential.SDJWTVC, disclosure.Limits{})
	if err != nil {
		return err
	}
	return []any{p, *p, p.Precheck(credential.Binding{Audience: "x", Nonce: "y"}, time.Unix(0, 0))}
}

// holdsNo fails if one of the secret words was let out, in plain or in hexadecimal.
func (o *outlets) holdsNo(what string, secrets []string) {
	o.t.Helper()
	out := o.drain()
	lower := strings.ToLower(out)
	for _, s := range secrets {
		for _, form := range []string{s, fmt.Sprintf("%x", s), base64.RawURLEncoding.EncodeToString([]byte(s)), fmt.Sprint([]byte(s))} {
			if i := strings.Index(lower, strings.ToLower(form)); i >= 0 {
				o.t.Errorf("%s: %q was let out: …%s…", what, s, out[max(0, i-80):min(len(out), i+len(form)+40)])
			}
		}
	}
}

// TestNoClaimIsLetOut: for every vector of vc.verify and sdjwt.verify, whatever the verdict, no value of a claim comes out in an error, an
// event, a log, a metric, a trace, a finding or anything that is printed.
func TestNoClaimIsLetOut(t *testing.T) {
	o := newOutlets(t)
	looked, secretsSeen := map[string]int{}, 0
	for _, v := range vectors(t) {
		if v.Op != "vc.verify" && v.Op != "sdjwt.verify" {
			continue
		}
		secrets := secretsOf(v)
		if q, ok := asVerification(t, v); ok {
			_ = o.verify(v, q)
		} else if v.Op == "sdjwt.verify" && !o.verifySDJWT(v) {
			continue
		}
		o.holdsNo(v.Name, secrets)
		looked[v.Op]++
		secretsSeen += len(secrets)
	}
	if looked["vc.verify"] < 300 || looked["sdjwt.verify"] < 400 || secretsSeen < 1400 {
		t.Errorf("looked only at %v, for %d words", looked, secretsSeen)
	}
	t.Logf("%v, %d words", looked, secretsSeen)
}

// TestMarkersAreLetOutIfSomebodyDoes: the test above can fail.
func TestMarkersAreLetOutIfSomebodyDoes(t *testing.T) {
	o := newOutlets(t)
	o.fails(&verifier.Rejection{Reason: verifier.ClaimMissing, Err: errors.New("no Pema Example here")})
	o.print(verifier.Finding{Path: disclosure.Path{"Dorji Example"}})
	o.observe(context.Background(), verifier.Event{Verdict: "accepted", Issuer: "Karma Example", Type: "Deki Example"})
	out := o.drain()
	for _, name := range []string{"Pema Example", "Dorji Example", "Karma Example", "Deki Example"} {
		if !strings.Contains(out, name) {
			t.Errorf("%s did not come out", name)
		}
	}
	if strings.Count(out, "Karma Example") < 5 { // two logs, a span, a metric, the event
		t.Error("an outlet is stopped up")
	}
}

func (o *outlets) verifySDJWT(v testvectors.Vector) bool {
	value, err := strictjson.Parse(v.Request, strictjson.Limits{Bytes: maxLine, Depth: 256})
	if err != nil {
		o.t.Fatal(v.Name, err)
	}
	r := &request{v: value}
	profile := credential.SDJWTVC
	if r.text("profile") == "sd-jwt" {
		profile = credential.SDJWT
	}
	b := credential.Binding{
		Audience: r.text("audience"), Nonce: r.text("nonce"), MaxAge: r.duration("kb_max_age_s", time.Nanosecond),
		Skew: r.duration("clock_skew_s", -1), InsecureUnbound: !r.bool("require_key_binding", true),
	}
	key, now, sdJWT := r.public("issuer_jwk"), r.now(), r.sdJWT("sd_jwt")
	if r.err != nil {
		return false
	}
	p, err := credential.Parse(sdJWT, profile, disclosure.Limits{})
	if err != nil {
		o.fails(err)
		return true
	}
	o.print(p)
	o.print(*p)
	verified, err := p.Verify(key, b, now)
	if err != nil {
		o.fails(err)
		return true
	}
	o.print(verified.Body)
	o.print(*verified.Body)
	o.print(verified)
	o.print(*verified)
	return true
}

const marker = "MarkerOfNobody"

// TestNothingOfAStrangerIsLetOut puts a marker into each text that stands in the presentations of the vectors, one after the other: into the
// claims, disclosed and plain, and into both headers and the key binding. Nothing of it comes out, whatever is wrong with it then.
func TestNothingOfAStrangerIsLetOut(t *testing.T) {
	o := newOutlets(t)
	planted := 0
	for i, v := range vectors(t) {
		if v.Op != "vc.verify" || testing.Short() && i%7 > 0 {
			continue
		}
		q, ok := asVerification(t, v)
		if !ok || q.want.Query != nil || len(q.presentation) == 0 || q.presentation[0] == '{' {
			continue
		}
		presentation := string(q.presentation)
		for _, p := range partsOf(presentation) {
			for n := range countTexts(p.value) {
				q.presentation = []byte(planting(presentation, p, n))
				planted++
				if err := o.verify(v, q); err == nil {
					t.Errorf("%s: accepted with a marker in part %d.%d", v.Name, p.segment, p.at)
				}
			}
		}
		o.holdsNo(v.Name, []string{marker})
	}
	if planted < 500 {
		t.Errorf("only %d markers", planted)
	}
	t.Logf("%d markers", planted)
}

func countTexts(v any) (n int) {
	at := -1
	plant(v, &at, &n)
	return n
}

// planting returns the presentation with a marker behind the nth text of a part.
func planting(presentation string, p part, n int) string {
	seen := 0
	raw, _ := json.Marshal(plant(p.value, &n, &seen))
	segments := strings.Split(presentation, "~")
	dots := strings.Split(segments[p.segment], ".")
	dots[p.at] = base64.RawURLEncoding.EncodeToString(raw)
	segments[p.segment] = strings.Join(dots, ".")
	return strings.Join(segments, "~")
}

// plant copies v with a marker behind its text number at, in the order of names, and counts the texts.
func plant(v any, at, seen *int) any {
	switch v := v.(type) {
	case string:
		if *seen++; *seen-1 == *at {
			return v + marker
		}
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plant(e, at, seen)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out[name] = plant(v[name], at, seen)
		}
		return out
	}
	return v
}

// parts of a presentation, decoded: the issuer's header and payload, the disclosures, the key binding's header and payload.
type part struct {
	segment, at int // which of the parts between tildes, and which of those between dots
	value       any
	disclosure  bool
}

func partsOf(presentation string) (out []part) {
	segments := strings.Split(presentation, "~")
	for i, s := range segments {
		dots := strings.Split(s, ".")
		for j, d := range dots {
			raw, err := base64.RawURLEncoding.DecodeString(d)
			var value any
			if err != nil || len(raw) == 0 || json.Unmarshal(raw, &value) != nil {
				continue
			}
			out = append(out, part{i, j, value, len(dots) == 1})
		}
	}
	return out
}

// presentationsOf are those of a vector in its compact form; the JSON serialisation is put into it.
func presentationsOf(v testvectors.Vector) (out []string) {
	var r struct {
		Presentation  json.RawMessage
		SDJWT         json.RawMessage `json:"sd_jwt"`
		Presentations map[string][]json.RawMessage
	}
	if json.Unmarshal(v.Request, &r) != nil {
		return nil
	}
	all := []json.RawMessage{r.Presentation, r.SDJWT}
	for _, more := range r.Presentations {
		all = append(all, more...)
	}
	for _, raw := range all {
		var compact string
		if json.Unmarshal(raw, &compact) == nil {
			out = append(out, compact)
			continue
		}
		var flat struct {
			Payload string
			Header  struct {
				Disclosures []string
			}
			Signatures []struct {
				Header struct{ Disclosures []string }
			}
		}
		if json.Unmarshal(raw, &flat) == nil {
			for _, s := range flat.Signatures {
				flat.Header.Disclosures = append(flat.Header.Disclosures, s.Header.Disclosures...)
			}
			out = append(out, "."+flat.Payload+".~"+strings.Join(flat.Header.Disclosures, "~"))
		}
	}
	return out
}

// notPersonal are members of a payload that say nothing of a person.
var notPersonal = []string{"iss", "vct", "iat", "exp", "nbf", "aud", "nonce", "sd_hash", "_sd", "_sd_alg", "...", "vct#integrity", "aka_vcts", "cnf", "status", "jti"}

// secretsOf are the values of a vector's claims, and the salts: words long enough not to be there by chance.
func secretsOf(v testvectors.Vector) (out []string) {
	for _, presentation := range presentationsOf(v) {
		for _, p := range partsOf(presentation) {
			switch value := p.value.(type) {
			case []any:
				if !p.disclosure || len(value) < 2 {
					continue
				}
				out = append(out, leaves(value[0])...)
				if name, _ := value[1].(string); len(value) == 2 || !slices.Contains(notPersonal, name) {
					out = append(out, leaves(value[len(value)-1])...)
				}
			case map[string]any:
				if p.segment > 0 || p.at != 1 {
					continue
				}
				for name, inner := range value {
					if !slices.Contains(notPersonal, name) {
						out = append(out, leaves(inner)...)
					}
				}
				if cnf, ok := value["cnf"].(map[string]any); ok {
					jwk, _ := cnf["jwk"].(map[string]any)
					out = append(out, leaves(jwk["d"])...)
					if v.Op == "vc.verify" { // the holder's key stays inside package verifier
						out = append(out, leaves(jwk["x"])...)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func leaves(v any) (out []string) {
	switch v := v.(type) {
	case string:
		if len(v) >= 5 {
			out = append(out, v)
		}
	case float64:
		if s := fmt.Sprintf("%.0f", v); len(s) >= 7 {
			out = append(out, s)
		}
	case []any:
		for _, e := range v {
			out = append(out, leaves(e)...)
		}
	case map[string]any:
		for name, e := range v {
			if name != "_sd" && name != "..." {
				out = append(out, leaves(e)...)
			}
		}
	}
	return out
}
