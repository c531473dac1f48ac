package openid4vp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The value that the test suite of Standard Webhooks publishes (standard-webhooks/standard-webhooks).
func TestStandardWebhooksVector(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	body, h := []byte(`{"test": 2432232314}`), http.Header{}
	signMessage(h, key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), body)
	if got, want := h.Get("webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := h.Get("webhook-timestamp"); got != "1614265330" {
		t.Errorf("webhook-timestamp %s", got)
	}
}

// What is well signed and yet no message: by the zero key that somebody forgot to set, or under a name that could be read in two ways.
func TestMessageThatIsNone(t *testing.T) {
	now, key := time.Unix(1_800_000_000, 0), []byte("a key that door and records share")
	body := []byte(`{"transaction":"a","verdict":"accepted"}`)
	for _, c := range []struct {
		name string
		key  []byte
		body []byte
		want error
	}{
		{"msg_1", key, body, nil},
		{"msg_1", make([]byte, 32), body, ErrNotice},
		{"msg_1", []byte("short"), body, ErrNotice},
		{"msg.1", key, body, ErrNotice},
		{"", key, body, ErrNotice},
		{"msg_1", key, []byte(`{"transaction":"a","verdict":"rejected","verdict":"accepted"}`), ErrNotice},
		{"msg_1", key, []byte(`{"transaction":"a","verdict":true}`), ErrNotice},
		{"msg_1", key, []byte(`["a","accepted"]`), ErrNotice},
		{"msg_1", key, nil, ErrNotice},
	} {
		seen, err := NewMemory(MemoryConfig{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/", bytes.NewReader(c.body))
		signMessage(r.Header, c.key, c.name, now, c.body)
		if _, err := ReadNotice(r, c.key, seen, now); !errors.Is(err, c.want) {
			t.Errorf("%q %s: %v, want %v", c.name, c.body, err, c.want)
		}
	}
}
