package openid4vp

import (
	"encoding/base64"
	"net/http"
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
