package verifier

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/khyer/khyer/credential"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/pubkey"
	"github.com/khyer/khyer/disclosure"
	"github.com/khyer/khyer/verifier/trust"
)

// DocumentSource fetches documents of issuers over HTTPS. Document returns what is behind url: the JWT VC Issuer Metadata of an issuer
// that is trusted for the type, or its key set at a host that the trust entry allows. It returns no more than 256 KiB, gives up after a
// while, follows no redirect to another host, connects to no internal address, and takes no error page for a document (SD-JWT VC
// sections 3 and 7.1); it may keep documents as HTTP caching allows. What is in a document is checked by the Verifier. An error means that it
// could not be had. It is safe for concurrent use.
type DocumentSource interface {
	Document(ctx context.Context, url string) ([]byte, error)
}

// issuerKey is the key that may have signed a card.
type issuerKey struct {
	public pubkey.Key
	id     string
	from   time.Time // what is signed earlier is not this key's; zero if nobody says
	anchor did.Anchor
}

// accreditation asks the trust source, before anything is resolved or fetched for this issuer. Certificates are parsed for it, and
// verified by it, after the cheap checks: the curves are not for everybody. Under a DID they are refused without being looked at.
func (a *attempt) accreditation(p *credential.Presentation, h credential.Hint) (*trust.Accreditation, []*x509.Certificate, error) {
	if bringsChain(h) {
		if err := p.Precheck(a.binding(), a.now); err != nil {
			return nil, nil, a.reject(err)
		}
	}
	return a.vouched(h)
}

func bringsChain(h credential.Hint) bool { return h.CarriesKey && !strings.HasPrefix(h.Issuer, "did:") }

// vouched is accreditation without the cheap checks.
func (a *attempt) vouched(h credential.Hint) (*trust.Accreditation, []*x509.Certificate, error) {
	q := trust.Query{Issuer: h.Issuer, Type: h.Type, Signed: h.IssuedAt, Now: a.now}
	if bringsChain(h) {
		var err error
		if q.Chain, err = h.Chain(); err != nil {
			return nil, nil, a.reject(err)
		}
	} else if h.Issuer == "" {
		return nil, nil, a.reject(credential.IssuerMissing)
	}
	acc, err := a.c.Issuers.Accreditation(a.ctx, q)
	if err != nil || acc == nil {
		err = a.trustFault(err)
		var r *Rejection
		if errors.As(err, &r) && len(q.Chain) > 0 && (r.Reason == trust.IssuerNotTrusted || r.Reason == trust.CertificateOfOther) {
			r.Err = errors.New(namesOf(q.Chain[0]))
		}
		return nil, nil, err
	}
	return acc, q.Chain, nil
}

// namesOf says for those who make certificates what an issuer could have been known by. It quotes nothing: anybody may have written it.
func namesOf(leaf *x509.Certificate) string {
	if len(leaf.DNSNames)+len(leaf.URIs) == 0 {
		return "the leaf certificate has no DNS name and no URI in its subject alternative name"
	}
	return fmt.Sprintf("none of the %d DNS names and %d URIs in the leaf certificate is the name of a trusted issuer, or the one of this issuer", len(leaf.DNSNames), len(leaf.URIs))
}

func (a *attempt) trustFault(err error) error {
	var r Reason
	if errors.As(err, &r) && slices.Contains(trustAnswers, r) {
		return a.reject(r)
	}
	return &Inconclusive{Reason: TrustUnavailable, Err: err}
}

// trustAnswers are the errors of a trust source that are answers. Any other Reason in an error is the source's own trouble.
var trustAnswers = []Reason{
	trust.IssuerNotTrusted, trust.TypeNotAccredited, trust.IssuerSuspended, trust.ChainMissing, trust.ChainHoldsAnchor, trust.ChainNotTrusted,
	trust.CertificateSelfSigned, trust.CertificateNotForSigning, trust.CertificateOfOther, trust.CertificateExpired,
	trust.CertificateNotYetValid, trust.CertificateAlgorithm, trust.CertificateExtensionUnknown,
}

// mechanism holds the header against the mechanism of the trust entry, which alone decides (SD-JWT VC section 7.3), and returns the
// verification method for a DID.
func (a *attempt) mechanism(h credential.Hint, acc *trust.Accreditation, chain []*x509.Certificate) (method string, err error) {
	switch {
	case (acc.Mechanism == trust.ByDID || acc.Mechanism == "") && acc.Key == nil:
		if method, err = h.VerificationMethod(); err != nil {
			return "", a.reject(err)
		}
		return method, nil
	case acc.Mechanism == trust.ByMetadata && acc.Key == nil:
		if h.CarriesKey {
			return "", a.reject(credential.HeaderForeignKey)
		}
		return "", nil
	case acc.Mechanism == trust.ByX5C && acc.Key != nil && len(chain) > 0:
		return "", nil
	}
	return "", &Inconclusive{Reason: TrustUnavailable, Err: errors.New("the trust source contradicts itself: mechanism, key and chain do not go together")}
}

// key finds the issuer's key by the mechanism of the trust entry.
func (a *attempt) key(h credential.Hint, method string, acc *trust.Accreditation, chain []*x509.Certificate) (issuerKey, error) {
	switch acc.Mechanism {
	case trust.ByX5C:
		return a.keyOfCertificate(h, acc, chain)
	case trust.ByMetadata:
		return a.keyOfMetadata(h, acc)
	}
	return a.keyOfDID(h, method, acc)
}

// keyOfCertificate takes the key of the leaf, which the trust source has verified. A card that says that it was signed before the
// leaf was valid was not.
func (a *attempt) keyOfCertificate(h credential.Hint, acc *trust.Accreditation, chain []*x509.Certificate) (issuerKey, error) {
	key := issuerKey{public: *acc.Key, id: acc.Key.Thumbprint(), from: chain[0].NotBefore}
	if len(acc.Compromised) > 0 {
		for _, c := range chain { // who has the key of an intermediate can make leaves
			if k, err := pubkey.New(c.PublicKey); err != nil || acc.IsCompromised(k, nil) {
				return issuerKey{}, a.reject(IssuerKeyCompromised)
			}
		}
	}
	if !h.IssuedAt.IsZero() && h.IssuedAt.Before(key.from) {
		return issuerKey{}, a.reject(IssuerKeyNotYetValid)
	}
	return key, nil
}

// keyOfMetadata fetches the issuer's metadata, and its key set if it is elsewhere, and takes the key that kid names. A document that is
// not as it must be is the server's fault and proves nothing about the card, which is not accepted either way.
func (a *attempt) keyOfMetadata(h credential.Hint, acc *trust.Accreditation) (issuerKey, error) {
	at, err := credential.IssuerMetadataURL(h.Issuer)
	if err != nil {
		return issuerKey{}, a.reject(err)
	}
	doc, err := a.document(at)
	if err != nil {
		return issuerKey{}, err
	}
	m, err := credential.ParseIssuerMetadata(doc, h.Issuer)
	if err != nil {
		return issuerKey{}, faultyDocument(err)
	}
	keys := m.Keys
	if keys == nil {
		if m.OtherHost != "" && !slices.Contains(acc.Hosts, m.OtherHost) {
			return issuerKey{}, &Inconclusive{Reason: HostNotAllowed, Err: fmt.Errorf("jwks_uri leads to %q", m.OtherHost)}
		}
		if doc, err = a.document(m.KeysURL); err != nil {
			return issuerKey{}, err
		}
		if keys, err = credential.ParseIssuerKeys(doc); err != nil {
			return issuerKey{}, faultyDocument(err)
		}
	}
	found := keys.Find(h.KeyID)
	switch {
	case len(found) != 1 && h.KeyID == "":
		err = credential.KeyIDMissing
	case len(found) == 0:
		err = IssuerKeyUnknown
	case len(found) > 1:
		err = IssuerKeyAmbiguous
	case len(found[0].Algorithms()) == 0:
		err = IssuerKeyWrongPurpose
	case acc.IsCompromised(found[0], nil):
		err = IssuerKeyCompromised
	default:
		return issuerKey{public: found[0], id: found[0].Thumbprint()}, nil
	}
	return issuerKey{}, a.reject(err)
}

func (a *attempt) document(url string) ([]byte, error) {
	if doc, ok := a.documents[url]; ok {
		return doc, nil
	}
	if a.c.Documents == nil {
		return nil, &Inconclusive{Reason: MetadataUnavailable, Err: errors.New("Config.Documents is missing")}
	}
	doc, err := a.c.Documents.Document(a.ctx, url)
	if err != nil {
		return nil, &Inconclusive{Reason: MetadataUnavailable, RetryAfter: 10 * time.Second, Err: err}
	}
	if a.documents == nil {
		a.documents = map[string][]byte{}
	}
	a.documents[url] = doc
	return doc, nil
}

func faultyDocument(err error) error {
	var d *disclosure.Error
	if errors.As(err, &d) {
		return &Inconclusive{Reason: d.Reason}
	}
	return &Inconclusive{Reason: credential.MetadataMalformed, Err: err}
}

// keyOfDID resolves the issuer and returns the key that the card names, if it may be used for this card.
func (a *attempt) keyOfDID(h credential.Hint, method string, acc *trust.Accreditation) (issuerKey, error) {
	id, err := did.Parse(h.Issuer)
	if err != nil {
		return issuerKey{}, a.reject(IssuerDIDMalformed)
	}
	r := a.resolution
	if r == nil {
		if r, err = a.c.Resolver.Resolve(a.ctx, id, did.At{}); err != nil || r == nil {
			return issuerKey{}, a.resolveFault(err)
		}
		a.resolution = r
	}
	if r.Document == nil || r.Document.ID != id {
		return issuerKey{}, &Inconclusive{Reason: ResolverFailed, Err: errors.New("the resolver answered with another DID's document")}
	}
	if age := a.now.Sub(r.Anchor.Time); r.Anchor.Chain != "" && a.unfit(age, a.c.AnchorAge) {
		err := fmt.Errorf("block %d (%s) is %v old, Config.AnchorAge is %v", r.Anchor.Block, r.Anchor.Tag, age.Round(time.Second), a.c.AnchorAge)
		return issuerKey{}, &Inconclusive{Reason: ChainStale, RetryAfter: time.Minute, Err: err}
	}
	if ahead := r.Anchor.Newest.Sub(a.now); ahead > max(a.c.Skew, 0)+max(a.c.Now().Sub(a.now), 0) {
		// The chain goes on by its own clock. What this one says of expiry, here and in the card, cannot be relied on.
		err := fmt.Errorf("the newest block is %v ahead of this machine's clock", ahead.Round(time.Second))
		return issuerKey{}, &Inconclusive{Reason: ChainStale, RetryAfter: time.Minute, Err: err}
	}
	signed := h.IssuedAt
	if signed.IsZero() {
		signed = a.now // a card that does not say when it was signed needs a key that is valid now
	}
	key, err := r.Key(method, did.AssertionMethod, signed)
	if errors.Is(err, did.KeyNotFound) && r.Anchor.Chain != "" && h.IssuedAt.After(r.Anchor.Time) {
		// The card says that it was signed after the block that was read: its key may be younger than that. This ends when the
		// block that is read is younger than the card, and never makes anything acceptable.
		wait := min(max(h.IssuedAt.Sub(r.Anchor.Time), 10*time.Second), 20*time.Minute)
		return issuerKey{}, &Inconclusive{Reason: IssuerKeyNotFinal, RetryAfter: wait}
	}
	if err != nil {
		return issuerKey{}, a.keyFault(err)
	}
	late := a.now // whether a key has expired is decided by the later of block time and clock
	if r.Anchor.Time.After(late) {
		late = r.Anchor.Time
	}
	switch {
	case acc.IsCompromised(key.Public, r):
		err = IssuerKeyCompromised
	case key.Class != "" && !slices.Contains(acc.KeyClasses, key.Class):
		err = IssuerKeyNotAccepted
	case !key.Until.IsZero() && !late.Before(key.Until) && !late.Before(acc.LapsedUntil):
		err = IssuerKeyExpired
	default:
		return issuerKey{key.Public, method, key.From, r.Anchor}, nil
	}
	return issuerKey{}, a.reject(err)
}

// unfit tells whether something signed or mined that long ago cannot be relied on: it is too old, or from the future, which means that
// a clock is wrong. What was made while the verification went on is not from the future.
func (a *attempt) unfit(age, limit time.Duration) bool {
	return age > limit || age < -max(a.c.Skew, 0)-max(a.c.Now().Sub(a.now), 0)
}

// resolveFault tells a DID that does not exist from a way to it that does not work.
func (a *attempt) resolveFault(err error) error {
	var e *did.Error
	if !errors.As(err, &e) {
		return &Inconclusive{Reason: ResolverFailed, Err: err}
	}
	switch e.Code {
	case did.Deactivated:
		return a.reject(IssuerDeactivated)
	case did.NotFound:
		return a.reject(IssuerDIDNotFound)
	case did.InvalidDID, did.InvalidDIDURL:
		return a.reject(IssuerDIDMalformed)
	case did.UnknownNetwork:
		return &Inconclusive{Reason: NetworkUnknown, Err: err}
	case did.MethodNotSupported:
		return &Inconclusive{Reason: MethodUnknown, Err: err}
	case did.Unavailable:
		return &Inconclusive{Reason: ChainUnavailable, Err: err, RetryAfter: 10 * time.Second}
	case did.GarbledAnswer:
		return &Inconclusive{Reason: ChainGarbled, Err: err, RetryAfter: 10 * time.Second}
	case did.IncompleteAnswer:
		return &Inconclusive{Reason: ChainIncomplete, Err: err, RetryAfter: 10 * time.Second}
	case did.Disagreement:
		return &Inconclusive{Reason: ChainDisagreement, Err: err, RetryAfter: 10 * time.Second}
	case did.StaleAnswer:
		return &Inconclusive{Reason: ChainStale, Err: err, RetryAfter: time.Minute}
	case did.WrongChain:
		return &Inconclusive{Reason: ChainWrong, Err: err}
	}
	return &Inconclusive{Reason: ResolverFailed, Err: err}
}

// keyReasons are the reasons for the codes of did.Resolution.Key.
var keyReasons = map[did.Code]Reason{
	did.Deactivated:     IssuerDeactivated,
	did.KeyNotFound:     IssuerKeyUnknown,
	did.KeyAmbiguous:    IssuerKeyAmbiguous,
	did.KeyWrongPurpose: IssuerKeyWrongPurpose,
	did.KeyNotYetValid:  IssuerKeyNotYetValid,
	did.KeyLapsed:       IssuerKeyExpired,
	did.KeyRevoked:      IssuerKeyRevoked,
}

func (a *attempt) keyFault(err error) error {
	var e *did.Error
	if errors.As(err, &e) && keyReasons[e.Code] != "" {
		return a.reject(keyReasons[e.Code])
	}
	return &Inconclusive{Reason: ResolverFailed, Err: err}
}
