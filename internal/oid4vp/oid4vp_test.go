package oid4vp_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/disclosure/dcql"
	"github.com/khyer/khyer/internal/oid4vp"
)

var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

const query = `{"credentials":[{"id":"card","format":"dc+sd-jwt","meta":{"vct_values":["https://registry.example/types/id"]},"claims":[{"path":["Full Name"]}]}]}`

// request is a good one. change is applied to its JSON.
func request(t testing.TB, change ...string) string {
	t.Helper()
	s := `{"client_id":"decentralized_identifier:did:example:hospital","response_type":"vp_token","response_mode":"direct_post","response_uri":"https://hospital.example/answer",` +
		`"nonce":"n-0S6_WzA2Mj","state":"s1","dcql_query":` + query + `}`
	for i := 0; i+1 < len(change); i += 2 {
		if !strings.Contains(s, change[i]) {
			t.Fatalf("the test changes %q, which is not there", change[i])
		}
		s = strings.Replace(s, change[i], change[i+1], 1)
	}
	return s
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func refused(t *testing.T, name string, err error, want disclosure.Reason) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %s", name, err, want)
	}
}

func TestClientID(t *testing.T) {
	for _, s := range []string{
		"redirect_uri:https://client.example.org/cb", "decentralized_identifier:did:example:123", "x509_san_dns:client.example.org",
		"x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk",
	} {
		c, err := oid4vp.ParseClientID(s)
		if err != nil || c.String() != s {
			t.Errorf("%s: %v, %v", s, c, err)
		}
	}
	for s, want := range map[string]disclosure.Reason{
		"":                                    oid4vp.ClientIDPrefix,
		"client":                              oid4vp.ClientIDPrefix,
		"did:example:123":                     oid4vp.ClientIDPrefix,
		"https://client.example.org":          oid4vp.ClientIDPrefix,
		"origin:https://client.example.org":   oid4vp.ClientIDPrefix,
		"openid_federation:https://x.example": oid4vp.ClientIDPrefix,
		"verifier_attestation:x":              oid4vp.ClientIDPrefix,
		"X509_HASH:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk":  oid4vp.ClientIDPrefix,
		"decentralized_identifier:did:example":                   oid4vp.ClientIDMalformed,
		"decentralized_identifier:did:example:123#key":           oid4vp.ClientIDMalformed,
		"decentralized_identifier:":                              oid4vp.ClientIDMalformed,
		"redirect_uri:client.example.org":                        oid4vp.ClientIDMalformed,
		"redirect_uri:javascript:alert(1)":                       oid4vp.ClientIDMalformed,
		"redirect_uri:https://user:secret@client.example.org":    oid4vp.ClientIDMalformed,
		"x509_san_dns:Client.example.org":                        oid4vp.ClientIDMalformed,
		"x509_san_dns:*.example.org":                             oid4vp.ClientIDMalformed,
		"x509_san_dns:client..example":                           oid4vp.ClientIDMalformed,
		"x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZsz":   oid4vp.ClientIDMalformed,
		"x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszl":  oid4vp.ClientIDMalformed, // bits left over
		"x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk=": oid4vp.ClientIDMalformed,
		"x509_san_dns:" + strings.Repeat("a", 4096):              oid4vp.ClientIDMalformed,
	} {
		_, err := oid4vp.ParseClientID(s)
		refused(t, s, err, want)
	}
}

func TestRequestIsReadAndWritten(t *testing.T) {
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kept := int64(3600)
	info, err := oid4vp.Statement{Purpose: "hospital-admission", Why: map[string]string{"en": "To treat you", "dz": "སྨན་བཅོས"}, Retention: &kept}.Info()
	if err != nil {
		t.Fatal(err)
	}
	r := &oid4vp.Request{
		ClientID: oid4vp.ClientID{Prefix: oid4vp.Decentralized, Name: "did:example:hospital"}, Mode: oid4vp.DirectPostJWT, ResponseURI: "https://hospital.example/answer?a=1&b=2",
		Nonce: "abc", State: "def", WalletNonce: "ghi", Audience: oid4vp.StaticAudience, DCQL: json.RawMessage(query), Issued: now, Expires: now.Add(time.Minute),
		Metadata:     &oid4vp.Metadata{Keys: []oid4vp.EncryptionKey{{"one", k.PublicKey()}}, Encs: []string{"A128GCM", "A256GCM"}, Formats: json.RawMessage(`{"dc+sd-jwt":{}}`)},
		VerifierInfo: []oid4vp.VerifierInfo{{Format: "jwt", Data: json.RawMessage(`"e30.e30.AA"`), CredentialIDs: []string{"card"}}, info},
	}
	text, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	got, err := oid4vp.ParseRequest(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := got.JSON()
	if err != nil || string(again) != string(text) {
		t.Errorf("%v\n%s\n%s", err, text, again)
	}
	if got.ClientID != r.ClientID || got.ResponseURI != r.ResponseURI || !got.Issued.Equal(now) || !got.Metadata.Keys[0].Public.Equal(k.PublicKey()) ||
		got.Metadata.Keys[0].ID != "one" || got.Query.Credentials[0].ID != "card" || len(got.VerifierInfo) != 2 {
		t.Errorf("%+v", got)
	}
	s, ok := got.Statement()
	if d, says := s.Kept(); !ok || s.Purpose != "hospital-admission" || s.Why["dz"] != "སྨན་བཅོས" || !says || d != time.Hour {
		t.Errorf("%+v, %v, %v, %v", s, ok, d, says)
	}
}

func TestRequestRefused(t *testing.T) {
	jwk := `{"kty":"EC","crv":"P-256","kid":"a","use":"enc","alg":"ECDH-ES","x":"YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk","y":"Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk"}`
	data := func(s string) string { return `"nonce":"n","transaction_data":["` + b64(s) + `"],` }
	for name, c := range map[string]struct {
		text string
		want disclosure.Reason
	}{
		"too large":                   {request(t, `"s1"`, `"s1","x":"`+strings.Repeat("a", oid4vp.MaxRequest)+`"`), oid4vp.RequestTooLarge},
		"a member twice":              {request(t, `"nonce"`, `"nonce":"x","nonce"`), oid4vp.RequestMalformed},
		"no object":                   {`[]`, oid4vp.RequestMalformed},
		"no client":                   {request(t, `"client_id":"decentralized_identifier:did:example:hospital",`, ""), oid4vp.ClientIDMalformed},
		"an empty client":             {request(t, `"decentralized_identifier:did:example:hospital"`, `""`), oid4vp.ClientIDMalformed},
		"a client that is no text":    {request(t, `"decentralized_identifier:did:example:hospital"`, `7`), oid4vp.ClientIDMalformed},
		"origin as a client":          {request(t, `"decentralized_identifier:did:example:hospital"`, `"origin:https://hospital.example"`), oid4vp.ClientIDPrefix},
		"another response type":       {request(t, `"vp_token"`, `"code"`), oid4vp.RequestMalformed},
		"no response type":            {request(t, `"response_type":"vp_token",`, ""), oid4vp.RequestMalformed},
		"an unknown mode":             {request(t, `"direct_post"`, `"form_post"`), oid4vp.ModeUnsupported},
		"no nonce":                    {request(t, `"nonce":"n-0S6_WzA2Mj",`, ""), oid4vp.NonceMissing},
		"a nonce with a space":        {request(t, `n-0S6_WzA2Mj`, "a b"), oid4vp.NonceMissing},
		"a state with a quote":        {request(t, `"s1"`, `"a\"b"`), oid4vp.RequestMalformed},
		"no query":                    {request(t, `,"dcql_query":`+query, ""), oid4vp.RequestMalformed},
		"a scope beside the query":    {request(t, `"state"`, `"scope":"x","state"`), oid4vp.RequestMalformed},
		"a query that is none":        {request(t, query, `{}`), dcql.Malformed},
		"redirect_uri with a post":    {request(t, `"state"`, `"redirect_uri":"https://hospital.example/","state"`), oid4vp.RequestMalformed},
		"no response_uri":             {request(t, `"response_uri":"https://hospital.example/answer",`, ""), oid4vp.RequestMalformed},
		"a response_uri with a user":  {request(t, `https://hospital`, `https://a:b@hospital`), oid4vp.RequestMalformed},
		"a script as response_uri":    {request(t, `https://hospital.example/answer`, `javascript:alert(1)`), oid4vp.RequestMalformed},
		"response_uri with fragment":  {request(t, `"direct_post"`, `"fragment"`), oid4vp.RequestMalformed},
		"encrypted without a key":     {request(t, `"direct_post"`, `"direct_post.jwt"`), oid4vp.RequestMalformed},
		"metadata that is none":       {request(t, `"state"`, `"client_metadata":[],"state"`), oid4vp.RequestMalformed},
		"two keys of one kid":         {request(t, `"state"`, `"client_metadata":{"jwks":{"keys":[`+jwk+`,`+jwk+`]}},"state"`), oid4vp.RequestMalformed},
		"an empty list of encryption": {request(t, `"state"`, `"client_metadata":{"encrypted_response_enc_values_supported":[]},"state"`), oid4vp.RequestMalformed},
		"verifier info without data":  {request(t, `"state"`, `"verifier_info":[{"format":"jwt"}],"state"`), oid4vp.RequestMalformed},
		"empty verifier info":         {request(t, `"state"`, `"verifier_info":[],"state"`), oid4vp.RequestMalformed},
		"the answer of another":       {request(t, `decentralized_identifier:did:example:hospital`, `redirect_uri:https://stranger.example/`), oid4vp.ClientIDMismatch},
		"transaction data, no base64": {request(t, `"nonce":"n-0S6_WzA2Mj",`, `"nonce":"n","transaction_data":["%%"],`), oid4vp.RequestMalformed},
		"transaction data, no type":   {request(t, `"nonce":"n-0S6_WzA2Mj",`, data(`{"credential_ids":["card"]}`)), oid4vp.RequestMalformed},
		"transaction of another card": {request(t, `"nonce":"n-0S6_WzA2Mj",`, data(`{"type":"pay","credential_ids":["other"]}`)), oid4vp.RequestMalformed},
		"transaction without a key":   {request(t, `"nonce":"n-0S6_WzA2Mj",`, data(`{"type":"pay","credential_ids":["card"]}`), `"format"`, `"require_cryptographic_holder_binding":false,"format"`), oid4vp.RequestMalformed},
		"a time that is none":         {request(t, `"state"`, `"exp":"tomorrow","state"`), oid4vp.RequestMalformed},
	} {
		r, err := oid4vp.ParseRequest([]byte(c.text))
		refused(t, name, err, c.want)
		if name != "too large" && err != nil && r != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	r, err := oid4vp.ParseRequest([]byte(request(t, `"state"`, `"iss":"someone","presentation_definition":{},"client_metadata":{"client_name":"x","jwks_uri":"https://stranger.example/","vp_formats_supported":{"mso_mdoc":{},"x":{"y":1}}},"state"`)))
	if err != nil || len(r.Metadata.Keys) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// The keys of the example of section 8.3, of which one is of a kind that is in use here.
func TestKeysOfOtherKindsArePassedOver(t *testing.T) {
	keys := `{"kty":"OKP","kid":"jc","use":"enc","crv":"X25519","alg":"ECDH-ES","x":"WPX7wnwq10hFNK9aDSyG1QlLswE_CJY14LdhcFUIVVc"},
		{"kty":"EC","kid":"lc","use":"enc","crv":"P-384","alg":"ECDH-ES","x":"iHytgLNtXjEyYMAIGwfgjINZRmLfObYbmjPhkaPD8OiTkJtRHjegTNdH31Mxg4nV","y":"MizXWSqNB7sSt_SNjg3spvaJnmjB-LpxsPpLUaea33rvINL3Mq-gEaANErRQpbLx"},
		{"kty":"EC","kid":"sg","use":"sig","crv":"P-256","alg":"ES256","x":"YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk","y":"Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk"},
		{"kty":"EC","kid":"na","use":"enc","crv":"P-256","x":"YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk","y":"Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk"},
		{"kty":"EC","use":"enc","crv":"P-256","alg":"ECDH-ES","x":"YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk","y":"Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk"},
		{"kty":"EC","kid":"ac","use":"enc","crv":"P-256","alg":"ECDH-ES","x":"YO4epjifD-KWeq1sL2tNmm36BhXnkJ0He-WqMYrp9Fk","y":"Hekpm0zfK7C-YccH5iBjcIXgf6YdUvNUac_0At55Okk"}`
	r, err := oid4vp.ParseRequest([]byte(request(t, `"direct_post"`, `"direct_post.jwt"`, `"state"`, `"client_metadata":{"jwks":{"keys":[`+keys+`]}},"state"`)))
	if err != nil || len(r.Metadata.Keys) != 1 || r.Metadata.Keys[0].ID != "ac" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestDataOfTheBrowser(t *testing.T) {
	unsigned := `{"client_id":"origin:https://stranger.example","expected_origins":["https://stranger.example"],"response_type":"vp_token","response_mode":"dc_api","nonce":"n","state":"s","dcql_query":` + query + `}`
	object, r, err := oid4vp.ParseData([]byte(unsigned))
	if err != nil || object != "" || r.ClientID.String() != "" || r.ExpectedOrigins != nil || r.State != "" {
		t.Errorf("%q, %+v, %v", object, r, err)
	}
	object, r, err = oid4vp.ParseData([]byte(`{"request":"a.b.c"}`))
	if err != nil || object != "a.b.c" || r != nil {
		t.Errorf("%q, %+v, %v", object, r, err)
	}
	object, r, err = oid4vp.ParseData([]byte(`{"request":"a.b.c","client_id":"redirect_uri:https://a.example","nonce":"n"}`)) // what is not signed is ignored
	if err != nil || object != "a.b.c" || r != nil {
		t.Errorf("%q, %+v, %v", object, r, err)
	}
	_, _, err = oid4vp.ParseData([]byte(request(t)))
	refused(t, "a post through the browser", err, oid4vp.ModeUnsupported)
}

func TestTransactionData(t *testing.T) {
	encoded := b64(`{"type":"pay","credential_ids":["card"],"transaction_data_hashes_alg":["sha-512","sha-256"]}`)
	d, err := oid4vp.ReadTransactionData(encoded)
	if err != nil || d.Type != "pay" || d.CredentialIDs[0] != "card" {
		t.Fatalf("%+v, %v", d, err)
	}
	plain := oid4vp.TransactionData{Type: "pay", CredentialIDs: []string{"card"}}
	for _, c := range []struct {
		of    []oid4vp.TransactionData
		alg   string
		named bool
	}{
		{[]oid4vp.TransactionData{plain}, "sha-256", false},
		{[]oid4vp.TransactionData{d}, "sha-256", true},
		{[]oid4vp.TransactionData{{HashAlgs: []string{"sha-512", "sha-384"}}}, "sha-384", true},
		{[]oid4vp.TransactionData{{HashAlgs: []string{"sha-512"}}, plain}, "", false},
		{[]oid4vp.TransactionData{{HashAlgs: []string{"md5"}}}, "", false},
	} {
		if alg, named, ok := oid4vp.ChooseTransactionHash(c.of); alg != c.alg || named != c.named || ok != (alg != "") {
			t.Errorf("%+v: %q, %v, %v", c, alg, named, ok)
		}
	}
	// SHA-256 of the three characters abc (FIPS 180-4, appendix B.1 of its predecessor).
	if h, ok := oid4vp.HashTransactionData("sha-256", "abc"); !ok || h != "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0" {
		t.Errorf("%q", h)
	}
	if _, ok := oid4vp.HashTransactionData("md5", "abc"); ok {
		t.Error("md5")
	}
}

func TestPublishedRequests(t *testing.T) {
	dir := os.Getenv("KHYER_VECTORS")
	if dir == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("KHYER_REQUIRE=1 and KHYER_VECTORS is not set")
		}
		t.Skip("skipped: needs KHYER_VECTORS, the folder of published test vectors")
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, "openid4vp-1_0", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	simple := read("query_lang/simple.json")
	r, err := oid4vp.ParseRequest([]byte(strings.Replace(read("request/request_object_client_id_did.json"), "{ ... }", simple, 1)))
	if err != nil || r.ClientID.Name != "did:example:123" || r.Mode != oid4vp.Fragment || r.RedirectURI != "https://client.example.org/callback" || !strings.Contains(string(r.Metadata.Formats), "ES384") {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = oid4vp.ParseRequest([]byte(strings.Replace(read("digital_credentials_api/signed_request_payload.json"), "{...}", simple, 1)))
	if err != nil || len(r.ExpectedOrigins) != 2 || !r.Mode.InBrowser() {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add(request(f))
	f.Add(request(f, `"direct_post"`, `"dc_api"`))
	f.Add(request(f, `"nonce":"n-0S6_WzA2Mj",`, `"nonce":"n","transaction_data":["`+b64(`{"type":"pay","credential_ids":["card"]}`)+`"],`))
	f.Add(request(f, `"state"`, `"verifier_info":[{"format":"khyer-purpose/1","data":{"purpose":"x","why":{"en":"y"},"retention_seconds":3}}],"state"`))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := oid4vp.ParseRequest([]byte(text))
		if err != nil {
			return
		}
		r.Statement()
		out, err := r.JSON()
		if err != nil {
			t.Fatalf("what was read is not written: %v\n%s", err, text)
		}
		again, err := oid4vp.ParseRequest(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if twice, err := again.JSON(); err != nil || string(twice) != string(out) {
			t.Fatalf("%v\n%s\n%s", err, out, twice)
		}
	})
}
