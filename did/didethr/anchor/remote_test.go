package anchor

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didethr/ethrtest"
)

// service is a signing service as RemoteSigner documents it, with faults to choose from.
func service(t testing.TB, key *KeySigner, answer func(w http.ResponseWriter, sig [65]byte)) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Address, Digest string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Address != key.Address().String() || r.Method != http.MethodPost {
			t.Errorf("%v, %+v", err, q)
		}
		if r.Header.Get("Authorization") != "Bearer secret-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		raw, err := hex.DecodeString(strings.TrimPrefix(q.Digest, "0x"))
		if err != nil || len(raw) != 32 {
			t.Errorf("digest %q", q.Digest)
		}
		sig, err := key.SignDigest(r.Context(), [32]byte(raw))
		if err != nil {
			t.Error(err)
		}
		answer(w, sig)
	}))
	t.Cleanup(s.Close)
	return s
}

func signature(w http.ResponseWriter, sig [65]byte) {
	fmt.Fprintf(w, `{"signature":"0x%x"}`, sig)
}

func remote(t testing.TB, url string, a didethr.Address) *RemoteSigner {
	t.Helper()
	s, err := NewRemoteSigner(RemoteConfig{URL: url, Address: a, Authorization: "Bearer secret-token", Client: &http.Client{Timeout: 200 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRemoteSigner(t *testing.T) {
	chain := start(t, ethrtest.Options{})
	r := deploy(t, chain, config(chain))
	key := person(t, chain, 0)
	for _, v := range []byte{0, 27} {
		s := service(t, key, func(w http.ResponseWriter, sig [65]byte) { sig[64] += v; signature(w, sig) })
		signer := remote(t, s.URL+"/sign", key.Address())
		if _, err := one(r.Identity(key.Address(), signer).Apply(context.Background(), AddKey(signingKey(t), VeriKey, time.Hour))); err != nil {
			t.Error(err)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, signer); strings.Contains(text, "secret") || strings.Contains(text, "http") {
				t.Error(text)
			}
		}
	}
}

// TestLyingService: another key, another digest, other forms, silence. Each is refused for its reason, and nothing is quoted.
func TestLyingService(t *testing.T) {
	key, other := generated(t), generated(t)
	digest := keccak([]byte("text"))
	ctx := context.Background()
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed, with digest and token") }))
	defer trap.Close()
	say := func(format string, args ...any) func(http.ResponseWriter, [65]byte) {
		return func(w http.ResponseWriter, _ [65]byte) { fmt.Fprintf(w, format, args...) }
	}
	for name, tt := range map[string]struct {
		answer func(http.ResponseWriter, [65]byte)
		want   Reason
	}{
		"another key": {func(w http.ResponseWriter, _ [65]byte) { sig, _ := other.SignDigest(ctx, digest); signature(w, sig) }, BadSignature},
		"another digest": {func(w http.ResponseWriter, _ [65]byte) {
			sig, _ := key.SignDigest(ctx, keccak(digest[:])) // hashed once more, as Web3Signer does
			signature(w, sig)
		}, BadSignature},
		"recovery id 2": {func(w http.ResponseWriter, sig [65]byte) { sig[64] = 2; signature(w, sig) }, BadSignature},
		"high s": {func(w http.ResponseWriter, sig [65]byte) {
			signature(w, [65]byte(twinOf(append(sig[:64:64], sig[64]+27))))
		}, BadSignature},
		"zeros":     {func(w http.ResponseWriter, _ [65]byte) { signature(w, [65]byte{}) }, BadSignature},
		"64 bytes":  {func(w http.ResponseWriter, sig [65]byte) { fmt.Fprintf(w, `{"signature":"0x%x"}`, sig[:64]) }, SignerFailed},
		"no hex":    {say(`{"signature":"secret-word"}`), SignerFailed},
		"a number":  {say(`{"signature":7}`), SignerFailed},
		"an array":  {say(`["0x00"]`), SignerFailed},
		"nothing":   {say(``), SignerFailed},
		"bare text": {func(w http.ResponseWriter, sig [65]byte) { fmt.Fprintf(w, "0x%x", sig) }, SignerFailed},
		"twice": {func(w http.ResponseWriter, sig [65]byte) {
			fmt.Fprintf(w, `{"signature":"0x%x","signature":"0x%x"}`, sig, sig)
		}, SignerFailed},
		"endless":   {func(w http.ResponseWriter, _ [65]byte) { _, _ = io.WriteString(w, strings.Repeat(" ", 1<<20)) }, SignerFailed},
		"locked":    {func(w http.ResponseWriter, _ [65]byte) { http.Error(w, "secret-word", http.StatusForbidden) }, SignerFailed},
		"elsewhere": {func(w http.ResponseWriter, _ [65]byte) { w.Header().Set("Location", trap.URL); w.WriteHeader(307) }, SignerFailed},
		"silence":   {func(http.ResponseWriter, [65]byte) { time.Sleep(400 * time.Millisecond) }, SignerFailed},
	} {
		s := service(t, key, tt.answer)
		signer := remote(t, s.URL+"/secret-path", key.Address())
		_, err := signer.SignDigest(ctx, digest)
		e := wants(t, err, tt.want)
		if strings.Contains(e.Error(), "secret") || strings.Contains(e.Error(), s.URL) {
			t.Errorf("%s: the error quotes: %v", name, e)
		}
	}
	s := service(t, key, signature)
	signer, err := NewRemoteSigner(RemoteConfig{URL: s.URL, Address: key.Address(), Authorization: "Bearer wrong"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = signer.SignDigest(ctx, digest)
	wants(t, err, SignerFailed)
	s.Close()
	_, err = remote(t, s.URL+"/secret-path", key.Address()).SignDigest(ctx, digest)
	if e := wants(t, err, SignerFailed); strings.Contains(e.Error(), "secret") {
		t.Error(e)
	}
	for _, url := range []string{"", "signer.example", "http://signer.example/", "http://192.0.2.1/", "ftp://127.0.0.1/", "https://", "http://localhost.example/"} {
		_, err := NewRemoteSigner(RemoteConfig{URL: url, Address: key.Address()})
		if err == nil {
			t.Errorf("%q is accepted", url)
			continue
		}
		wants(t, err, BadConfig)
	}
	_, err = NewRemoteSigner(RemoteConfig{URL: "https://signer.example/"})
	wants(t, err, BadConfig)
}
