package openid4vp

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier"
)

// record is a transaction as the store keeps it, sealed.
type record struct {
	Secret   []byte // of the transaction id
	Browser  []byte // see browserHash
	Template string
	Nonce    string
	Key      []byte // the private key for the answer, if that is encrypted

	TransactionData []string
	Until           time.Time // of the request

	Failed   int      // answers that were looked at and not accepted
	Failure  *failure // the last of them, until the browser was told
	Accepted bool
	Result   []byte // until it was read for the last time

	Keep     time.Time // until when Result may be read
	Code     []byte    // hash of the response code that the browser has to bring
	Guessed  int       // response codes that were wrong
	Returned bool

	Log     []Event
	LogEnds time.Time // when the record lapses

	fresh []Event // what Config.Observe is told when this was stored
}

// failure is what the browser is told of an answer that was not accepted.
type failure struct {
	Reason          disclosure.Reason `json:"r,omitempty"`
	Query           string            `json:"q,omitempty"`
	Path            disclosure.Path   `json:"p,omitempty"`
	Near            disclosure.Path   `json:"n,omitempty"`
	Unauthenticated bool              `json:"u,omitempty"`
	Inconclusive    bool              `json:"i,omitempty"`
	RetryAfter      time.Duration     `json:"a,omitempty"`
	Declined        string            `json:"d,omitempty"` // the wallet's error code
}

// failed is err without what it wraps. Only what is no claim's value is in it.
func failed(err error) *failure {
	var rejected *verifier.Rejection
	if errors.As(err, &rejected) {
		return &failure{Reason: rejected.Reason, Query: rejected.Query, Path: rejected.Path, Near: rejected.Near, Unauthenticated: rejected.Unauthenticated}
	}
	var open *verifier.Inconclusive
	if errors.As(err, &open) {
		return &failure{Reason: open.Reason, Inconclusive: true, RetryAfter: open.RetryAfter}
	}
	return &failure{Reason: StoreFailed, Inconclusive: true}
}

func (f *failure) err() error {
	switch {
	case f.Declined != "":
		return &Declined{f.Declined}
	case f.Inconclusive:
		return &verifier.Inconclusive{Reason: f.Reason, RetryAfter: f.RetryAfter}
	}
	return &verifier.Rejection{Reason: f.Reason, Query: f.Query, Path: f.Path, Near: f.Near, Unauthenticated: f.Unauthenticated}
}

// keys are what is derived from Config.Key: the store learns neither a handle nor what is sealed.
type keys struct{ name, seal []byte }

func newKeys(master []byte) keys { return keys{mac(master, "record name"), mac(master, "record seal")} }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// place is the key under which the store keeps the transaction with this handle.
func (k keys) place(handle string) string { return encode(mac(k.name, handle)) }

// cipher seals the records of one place. Each place has a key of its own, so that random nonces are safe however many transactions there are.
func (k keys) cipher(place string) cipher.AEAD {
	block, err := aes.NewCipher(mac(k.seal, place))
	if err != nil {
		panic(err) // only for another length of key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // only for another kind of cipher
	}
	return aead
}

func (k keys) close(place string, r *record) ([]byte, error) {
	text, err := r.encode()
	if err != nil {
		return nil, err
	}
	return k.cipher(place).Seal(nil, nil, text, []byte(place)), nil
}

func (k keys) open(place string, sealed []byte) (*record, error) {
	text, err := k.cipher(place).Open(nil, nil, sealed, []byte(place))
	if err != nil {
		return nil, errors.New("openid4vp: the store returned a record that is not ours")
	}
	return decodeRecord(text)
}

// transaction is a record that was loaded, and where from.
type transaction struct {
	*record
	handle, place string
	version       uint64
}

func (d *Door) load(ctx context.Context, handle string) (*transaction, error) {
	if !isHandle(handle) {
		return nil, ErrNotFound
	}
	place := d.keys.place(handle)
	sealed, version, err := d.store.Load(ctx, place)
	if err != nil {
		return nil, err
	}
	r, err := d.keys.open(place, sealed)
	if err != nil {
		return nil, err
	}
	if !d.now().Before(r.LogEnds) { // whatever clock the store has
		return nil, ErrNotFound
	}
	return &transaction{r, handle, place, version}, nil
}

// maxTries bounds how often a change is tried anew because somebody else was first.
const maxTries = 200

// errNoChange is what a change returns that finds nothing to do.
var errNoChange = errors.New("no change")

// update changes a transaction by the store's one atomic step: of the state that was loaded, and else of the one that somebody else has made of it. change may be
// called several times. If it returns an error, nothing is changed.
func (d *Door) update(ctx context.Context, t *transaction, change func(*record) error) error {
	for range maxTries {
		if err := change(t.record); err != nil {
			if err == errNoChange {
				return nil
			}
			return err
		}
		sealed, err := d.keys.close(t.place, t.record)
		if err != nil {
			return err
		}
		err = d.store.Replace(ctx, t.place, t.version, sealed, t.LogEnds)
		if err == nil {
			d.observe(ctx, t) // a further change begins with a conflict: only Load knows the new version
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		again, err := d.load(ctx, t.handle)
		if err != nil {
			return err
		}
		*t = *again
	}
	return ErrConflict
}

// Lengths of random values, in bytes.
const (
	handleBytes = 16
	secretBytes = 32
)

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // it never fails
	return b
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func isHandle(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == handleBytes
}

func same(a, b []byte) bool { return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1 }

func hashOf(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}
