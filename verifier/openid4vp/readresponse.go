package openid4vp

import (
	"crypto/ecdh"

	"github.com/khyer/khyer/internal/oid4vp"
	"github.com/khyer/khyer/internal/strictjson"
	"github.com/khyer/khyer/verifier"
)

// ReadResponse is what a door does with an answer before it verifies it, for the conformance shim: it opens what was posted in answer to a request, given in JSON, and
// returns what Verifier.VerifyAnswer takes. isJSON says that it was posted as the data of the Digital Credentials API. key decrypts it, and is that of the request's
// first key; origin is where the page stands. The error of an answer that is none is a *verifier.Rejection. Only packages of this module can call it.
func ReadResponse(_ strictjson.Inside, request, body []byte, isJSON bool, key *ecdh.PrivateKey, origin string) (verifier.Answer, verifier.Expect, error) {
	q, err := oid4vp.ParseRequest(request)
	if err != nil {
		return nil, verifier.Expect{}, err
	}
	expect := verifier.Expect{Audience: q.ClientID.String(), Nonce: q.Nonce, Query: q.Query, TransactionData: q.TransactionData}
	if q.Mode.InBrowser() {
		expect.Audience = "origin:" + origin
	}
	l := lock{mode: q.Mode, key: key, state: q.State, unbound: unbound(q.Query)}
	if q.Mode.Encrypted() {
		l.kid = q.Metadata.Keys[0].ID // ParseRequest wants one
	}
	a := posted{json: isJSON}
	a.read(body)
	response, err := l.open(a)
	if err != nil {
		return nil, expect, &verifier.Rejection{Reason: oid4vp.ResponseMalformed, Unauthenticated: true, Err: err}
	}
	var answer verifier.Answer
	if response.Error != "" {
		return nil, expect, &Declined{response.Error}
	}
	return answer, expect, answer.UnmarshalJSON(response.Token)
}
