// Package telemetry tells log/slog and OpenTelemetry what a verifier decided. Everything goes through the one hook, verifier.Config.Observe, whose
// events name verdict, reason, type and issuer, and no claim and no holder; issuer and type are empty where a stranger could have written
// them.
//
// # What is told
//
// Of each card of an answer that was accepted, and else of the card at which it failed:
//
//	log       span, histogram  value
//	verdict   khyer.verdict    accepted, rejected or inconclusive
//	reason    khyer.reason     a word of verifier.Reasons; absent if accepted
//	type      khyer.type       vct; absent unless issuer and holder were verified
//	issuer    khyer.issuer     iss, or what stands for it in a certificate; absent as type is
//	took      the duration     of the whole verification: in the histogram khyer.verifier.duration in seconds, in the span its length
//
// [Slog] writes the message "credential accepted", "credential rejected" or "credential not checked". [OpenTelemetry] makes spans of the name
// "verify credential", with the status Error and the reason as its description for what is inconclusive: a rejection is no error of the service.
// The instrumentation scope is github.com/khyer/khyer/verifier. Nothing else is told, of nobody: no nonce, no audience, no claim's path, no status list.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/khyer/khyer/verifier"
)

// Observer is the form of verifier.Config.Observe.
type Observer = func(context.Context, verifier.Event)

// All makes one observer of several.
func All(observers ...Observer) Observer {
	return func(ctx context.Context, e verifier.Event) {
		for _, o := range observers {
			o(ctx, e)
		}
	}
}

// Slog logs each verification: what was accepted at level Info, what was rejected at Info too, because citizens do make mistakes, and what could not be
// checked at Warn, because the deployment should look after it.
func Slog(l *slog.Logger) Observer {
	return func(ctx context.Context, e verifier.Event) {
		level := slog.LevelInfo
		if e.Verdict == "inconclusive" {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{slog.String("verdict", e.Verdict), slog.Duration("took", e.Took)}
		for _, a := range [...]struct{ name, value string }{{"reason", string(e.Reason)}, {"type", e.Type}, {"issuer", e.Issuer}} {
			if a.value != "" {
				attrs = append(attrs, slog.String(a.name, a.value))
			}
		}
		l.LogAttrs(ctx, level, message(e.Verdict), attrs...)
	}
}

// message says what was decided: somebody who reads the messages alone must not take a rejection for a good card.
func message(verdict string) string {
	if verdict == "inconclusive" {
		return "credential not checked"
	}
	return "credential " + verdict
}

// Names of what OpenTelemetry is told.
const (
	scope        = "github.com/khyer/khyer/verifier"
	durationName = "khyer.verifier.duration" // histogram, seconds; its count is the number of verifications
	spanName     = "verify credential"
)

// OpenTelemetry records a histogram of durations by verdict, reason, type and issuer, and a span for each verification in the trace of the request that it
// belongs to. Reasons are a fixed list; types and issuers are those of the trust list, so that no stranger adds to their number.
func OpenTelemetry(meters metric.MeterProvider, tracers trace.TracerProvider) (Observer, error) {
	if meters == nil || tracers == nil {
		return nil, errors.New("telemetry: a provider is missing")
	}
	duration, err := meters.Meter(scope).Float64Histogram(durationName,
		metric.WithUnit("s"), metric.WithDescription("How long verifications took."),
		metric.WithExplicitBucketBoundaries(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5))
	if err != nil {
		return nil, err
	}
	tracer := tracers.Tracer(scope)
	return func(ctx context.Context, e verifier.Event) {
		attrs := []attribute.KeyValue{attribute.String("khyer.verdict", e.Verdict)}
		for _, a := range [...]struct{ name, value string }{{"khyer.reason", string(e.Reason)}, {"khyer.type", e.Type}, {"khyer.issuer", e.Issuer}} {
			if a.value != "" {
				attrs = append(attrs, attribute.String(a.name, a.value))
			}
		}
		duration.Record(ctx, e.Took.Seconds(), metric.WithAttributes(attrs...))
		end := time.Now()
		_, span := tracer.Start(ctx, spanName, trace.WithTimestamp(end.Add(-e.Took)), trace.WithAttributes(attrs...))
		if e.Verdict == "inconclusive" {
			span.SetStatus(codes.Error, string(e.Reason))
		}
		span.End(trace.WithTimestamp(end))
	}, nil
}
