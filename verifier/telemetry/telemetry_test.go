package telemetry_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/telemetry"
)

func ExampleSlog() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	observe := telemetry.Slog(log) // verifier.Config{Observe: observe}
	observe(context.Background(), verifier.Event{Verdict: "accepted", Type: "https://registry.example/types/foundational-id", Issuer: "did:example:registry", Took: 90 * time.Microsecond})
	observe(context.Background(), verifier.Event{Verdict: "rejected", Reason: verifier.Replayed, Type: "https://registry.example/types/foundational-id", Issuer: "did:example:registry", Took: 70 * time.Microsecond})
	observe(context.Background(), verifier.Event{Verdict: "inconclusive", Reason: verifier.ChainStale, Took: 2 * time.Millisecond})
	// Output:
	// level=INFO msg="credential accepted" verdict=accepted took=90µs type=https://registry.example/types/foundational-id issuer=did:example:registry
	// level=INFO msg="credential rejected" verdict=rejected took=70µs reason=replayed type=https://registry.example/types/foundational-id issuer=did:example:registry
	// level=WARN msg="credential not checked" verdict=inconclusive took=2ms reason=chain_head_stale
}

func TestOpenTelemetry(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	spans := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	observe, err := telemetry.OpenTelemetry(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), tracers)
	if err != nil {
		t.Fatal(err)
	}
	ctx, parent := tracers.Tracer("service").Start(context.Background(), "request")
	for range 3 {
		observe(ctx, verifier.Event{Verdict: "accepted", Type: "t", Issuer: "i", Took: time.Millisecond})
	}
	observe(ctx, verifier.Event{Verdict: "inconclusive", Reason: verifier.ChainStale, Took: 2 * time.Millisecond})
	parent.End()

	var got metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &got); err != nil {
		t.Fatal(err)
	}
	var points []string
	for _, m := range got.ScopeMetrics[0].Metrics {
		for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
			points = append(points, fmt.Sprintf("%s %s %d %.3f", m.Name, labels(p.Attributes.ToSlice()), p.Count, p.Sum))
		}
	}
	slices.Sort(points)
	want := []string{
		"khyer.verifier.duration khyer.issuer=i khyer.type=t khyer.verdict=accepted 3 0.003",
		"khyer.verifier.duration khyer.reason=chain_head_stale khyer.verdict=inconclusive 1 0.002",
	}
	if !slices.Equal(points, want) {
		t.Errorf("%q, want %q", points, want)
	}
	stubs := spans.GetSpans()
	if len(stubs) != 5 {
		t.Fatalf("%d spans", len(stubs))
	}
	for _, s := range stubs[:4] {
		if s.Name != "verify credential" || s.Parent.SpanID() != parent.SpanContext().SpanID() {
			t.Errorf("%s, of %v", s.Name, s.Parent)
		}
	}
	if s := stubs[3]; s.Status.Description != "chain_head_stale" || s.EndTime.Sub(s.StartTime) != 2*time.Millisecond {
		t.Errorf("%+v took %v", s.Status, s.EndTime.Sub(s.StartTime))
	}
	if _, err := telemetry.OpenTelemetry(nil, tracers); err == nil {
		t.Error("no meters")
	}
}

func TestAll(t *testing.T) {
	var b bytes.Buffer
	observe := telemetry.All(
		func(context.Context, verifier.Event) { b.WriteByte('1') },
		func(_ context.Context, e verifier.Event) { b.WriteString(e.Verdict) },
	)
	observe(context.Background(), verifier.Event{Verdict: "accepted"})
	if b.String() != "1accepted" {
		t.Error(b.String())
	}
}

func labels(attrs []attribute.KeyValue) string {
	var out []string
	for _, a := range attrs {
		out = append(out, string(a.Key)+"="+a.Value.AsString())
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}
