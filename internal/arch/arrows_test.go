package arch

// The plan of the house as data. rules_test.go reads it; TestEachRuleCanFail holds each rule against an invented house that breaks it.

const module = "github.com/khyer/khyer"

// Modules that are named in more than one rule.
const (
	goEthereum = "github.com/ethereum/go-ethereum/..."
	jwx        = "github.com/lestrrat-go/jwx/..."
	goJose     = "github.com/go-jose/go-jose/..."
	decred     = "github.com/decred/dcrd/dcrec/secp256k1/..."
	multibase  = "github.com/multiformats/go-multibase"
	keccak     = "golang.org/x/crypto/sha3"
)

// heavy is what no agency should compile, audit or update because it verifies a card.
var heavy = []string{"net/http/...", jwx, goEthereum, "go.opentelemetry.io/otel/...", "github.com/redis/...", "github.com/jackc/pgx/...",
	"go.etcd.io/bbolt/..."}

// room is one package of ours. imports lists everything outside the standard library that its code (not its tests) may import
// directly: rooms that stand above it in the list, by their folder, and packages of other modules.
type room struct {
	folder  string
	imports []string
}

// rooms is every package of the module, from the ground up. A package that is not in the list, or that imports something that its
// row does not name, fails the test: a new room and a new arrow are visible changes.
var rooms = []room{
	{"internal/arch", nil},
	{"internal/strictjson", nil},
	{"internal/jose", []string{goJose}},
	{"internal/ethrpc", []string{"internal/strictjson"}},
	{"internal/mediatype", nil},
	{"internal/safehttp", nil},
	{"internal/jws", []string{"internal/strictjson"}},
	{"disclosure", []string{"internal/strictjson"}},
	{"disclosure/dcql", []string{"disclosure", "internal/strictjson"}},
	{"did/pubkey", []string{"internal/jose", "internal/strictjson", decred, multibase, keccak, "golang.org/x/crypto/cryptobyte/..."}},
	{"internal/jwks", []string{"did/pubkey", "internal/strictjson", jwx}},
	{"did", []string{"did/pubkey", "internal/mediatype", "internal/strictjson", decred, multibase}},
	{"did/didkey", []string{"did", "did/pubkey"}},
	{"did/didjwk", []string{"did", "did/pubkey", "internal/strictjson"}},
	{"did/didtest", []string{"did", "did/pubkey"}},
	{"did/didweb", []string{"did", "internal/safehttp"}},
	{"did/resolverhttp", []string{"did", "internal/mediatype"}},
	{"did/didethr", []string{"did", "did/pubkey", "internal/ethrpc", "internal/strictjson", decred, multibase, keccak}},
	{"did/didethr/anchor", []string{"did", "did/pubkey", "did/didethr", "internal/ethrpc", "internal/strictjson", decred, multibase, keccak, "golang.org/x/crypto/scrypt"}},
	{"did/didethr/ethrtest", []string{"did/didethr", "internal/ethrpc", "internal/strictjson", goEthereum, "github.com/holiman/uint256"}},
	{"internal/oid4vp", []string{"did", "did/pubkey", "disclosure", "disclosure/dcql", "internal/jose", "internal/jws", "internal/strictjson"}},
	{"credential/catalogue", []string{"disclosure", "internal/strictjson"}},
	{"credential/status", []string{"did/pubkey", "internal/jws", "internal/strictjson"}},
	{"credential/status/boltstore", []string{"credential/status", "go.etcd.io/bbolt/..."}},
	{"credential/status/pgstore", []string{"credential/status", "github.com/jackc/pgx/v5/..."}},
	{"credential/status/internal/storetest", []string{"did/pubkey", "credential/status", "internal/jws", "internal/strictjson"}},
	{"credential", []string{"disclosure", "did/pubkey", "credential/status", "internal/jose", "internal/strictjson"}},
	{"verifier/trust", []string{"disclosure", "did", "did/pubkey", "internal/jws", "internal/strictjson"}},
	{"verifier", []string{"disclosure", "disclosure/dcql", "did", "did/pubkey", "credential", "credential/status", "verifier/trust", "internal/strictjson"}},
	{"verifier/online", []string{"did", "credential", "credential/status", "verifier", "verifier/trust", "internal/safehttp", "internal/strictjson"}},
	{"verifier/openid4vp", []string{"disclosure", "disclosure/dcql", "did", "did/pubkey", "verifier", "verifier/trust", "internal/jose", "internal/jws", "internal/oid4vp", "internal/safehttp", "internal/strictjson", "rsc.io/qr"}},
	{"verifier/openid4vp/wallet", []string{"disclosure", "disclosure/dcql", "did", "credential", "verifier/trust", "internal/jose", "internal/oid4vp", "internal/safehttp", "internal/strictjson"}},
	{"verifier/openid4vp/storetest", []string{"verifier/openid4vp"}},
	{"verifier/openid4vp/redisstore", []string{"verifier/openid4vp", "github.com/redis/go-redis/v9"}},
	{"verifier/telemetry", []string{"verifier", "go.opentelemetry.io/otel/..."}},
	{"verifier/verifiertest", []string{"disclosure", "disclosure/dcql", "did", "did/pubkey", "did/didtest", "credential", "credential/status", "verifier", "verifier/trust"}},
	{"examples/first", []string{"disclosure", "did/pubkey", "did/didjwk", "credential", "verifier", "verifier/trust"}},
	{"examples/quickstart", []string{"disclosure", "did", "did/pubkey", "did/didethr", "did/didethr/anchor", "did/didethr/ethrtest", "credential", "credential/catalogue", "credential/status", "verifier", "verifier/online", "verifier/trust"}},
	{"examples/anchor", []string{"disclosure", "did", "did/pubkey", "did/didethr", "did/didethr/anchor", "did/didethr/ethrtest", "credential", "verifier", "verifier/trust"}},
	{"examples/resolver", []string{"did", "did/didkey", "did/didjwk", "did/didweb", "did/didethr", "did/resolverhttp"}},
	{"examples/agency", []string{"disclosure", "disclosure/dcql", "did", "did/pubkey", "did/didkey", "did/didjwk", "did/didweb", "did/didethr", "credential", "credential/status", "credential/status/pgstore", "verifier", "verifier/online", "verifier/openid4vp", "verifier/openid4vp/redisstore", "verifier/telemetry", "verifier/trust", "github.com/jackc/pgx/v5/...", "github.com/redis/go-redis/v9"}},
	{"examples/agency/wallet", []string{"disclosure", "disclosure/dcql", "did", "did/pubkey", "did/didkey", "did/didjwk", "credential", "verifier/openid4vp/wallet", "verifier/trust"}},
	{"examples/issue-batch", []string{"disclosure", "did/pubkey", "did/didjwk", "credential", "credential/catalogue", "credential/status"}},
	{"testvectors", nil},
	{"testvectors/differential", nil},
	{"testvectors/generate", []string{decred, keccak}},
	{"testvectors/requirements", []string{"testvectors"}},
	{"testvectors/interop", nil},
	{"testvectors/interop/openid4vp", nil},
	{"testvectors/shim", []string{"disclosure", "disclosure/dcql", "did", "did/pubkey", "did/didkey", "did/didjwk", "did/didweb", "did/didethr", "credential", "credential/status", "verifier", "verifier/trust", "verifier/openid4vp", "verifier/openid4vp/wallet", "internal/oid4vp", "internal/strictjson"}},
}

// rule is one arrow that must not exist. Patterns are folders of ours, packages of others, or either with /... for everything below.
type rule struct {
	name string
	why  string
	from []string // rooms the rule is about
	// not lists rooms that are let off
	not []string
	// Exactly one of the next two. never: nothing that is reached may match. only: everything of what is reached that is no
	// standard library must match.
	never, only []string
	direct      bool // looks at direct imports instead of everything reached
	tests       bool // looks at the imports of test files too
}

// core is what an agency or an issuer links.
var core = []string{"disclosure", "disclosure/dcql", "did", "did/pubkey", "did/didkey", "did/didjwk", "did/didtest", "credential", "credential/catalogue",
	"credential/status", "verifier", "verifier/trust", "verifier/verifiertest"}

var chainRooms = []string{"did/didethr/...", "examples/...", "testvectors/..."}

var rules = []rule{
	{
		name: "the core is light", from: core, never: heavy,
		why: "who verifies a card must not compile, audit and update an HTTP stack, a chain client, a database driver or a deprecated library",
	},
	{
		name: "the core's tests are light", from: core, never: heavy, tests: true,
		why: "what a package's tests import lands in the go.sum of everybody who imports the package; tests that cross rooms live in testvectors or examples",
	},
	{
		name: "go-ethereum stays with the chain", from: []string{"..."}, not: append([]string{"internal/deps"}, chainRooms...), never: []string{goEthereum}, tests: true,
		why: "it is LGPL and large; only who writes to a chain or simulates one pays for it",
	},
	{
		name: "who resolves links no go-ethereum", from: []string{"did/didethr"}, never: []string{goEthereum},
		why: "an agency reads the chain and writes nothing; events are few and simple",
	},
	{
		name: "only internal/jwks imports jwx", from: []string{"..."}, not: []string{"internal/jwks"}, never: []string{jwx}, direct: true, tests: true,
		why: "jwx/v2 is deprecated: one package to change on the day it goes",
	},
	{
		name: "jwks stays at the edge", from: []string{"..."}, never: []string{"internal/jwks"}, tests: true,
		not: []string{"internal/jwks", "verifier/online/...", "verifier/openid4vp/...", "examples/...", "testvectors/..."},
		why: "jwx links net/http; key documents are fetched by online and openid4vp alone",
	},
	{
		name: "only internal/jose imports go-jose", from: []string{"..."}, not: []string{"internal/jose"}, never: []string{goJose}, direct: true, tests: true,
		why: "one place decides which algorithms exist",
	},
	{
		name: "disclosure stands alone", from: []string{"disclosure"}, only: []string{"disclosure", "internal/strictjson"},
		why: "RFC 9901 needs no keys, no DIDs and no network: an auditor reads two packages",
	},
	{
		name: "the ground floor is the standard library's", from: []string{"internal/strictjson", "internal/arch"}, only: []string{"internal/strictjson", "internal/arch"}, tests: true,
		why: "everything stands on it",
	},
	{
		name: "credential never resolves", from: []string{"credential/..."}, never: []string{"did", "did/didkey/...", "did/didjwk/...", "did/didweb/...", "did/didethr/...", "did/didtest/...", "verifier/..."},
		why: "an issuer or holder is given keys; what it cannot look up it cannot be tricked into looking up",
	},
	{
		name: "verifier names no DID method", from: []string{"verifier", "verifier/trust"}, never: []string{"did/didkey/...", "did/didjwk/...", "did/didweb/...", "did/didethr/...", "did/didtest/..."},
		why: "it is given a did.Resolver; each change of ledger so far meant rebuilding every integration",
	},
	{
		name: "internal/jose imports nothing of ours", from: []string{"internal/jose"}, never: []string{module + "/..."}, direct: true,
		why: "it takes and gives standard library types, so that the library behind it can be exchanged",
	},
	{
		name: "the generator imports nothing of ours", from: []string{"testvectors/generate"}, never: []string{module + "/..."}, tests: true,
		why: "vectors that our own code made prove that it agrees with itself",
	},
	{
		// The quickstart's -rpc asks a chain that it knows nothing of for its id and its newest block; a user configures the id.
		name: "examples use what a user can use", from: []string{"examples/..."}, not: []string{"examples/quickstart"}, never: []string{module + "/internal/..."}, direct: true,
		why: "a reader copies from an example into a module that cannot import internal packages",
	},
	{
		name: "no math/rand", from: []string{"..."}, never: []string{"math/rand/..."}, direct: true,
		why: "salts, nonces and keys come from crypto/rand, and a shuffle that reveals an order is a leak; tests may use it",
	},
	{
		name: "no unsafe, no cgo", from: []string{"..."}, never: []string{"unsafe", "C"}, direct: true, tests: true,
		why: "no speed is worth memory that a stranger's bytes can reach",
	},
	{
		name: "few packages speak HTTP", from: []string{"..."}, never: []string{"net/http/...", "net"}, direct: true, tests: true,
		not: []string{"internal/ethrpc", "internal/jwks", "internal/safehttp", "did/didethr/...", "did/didweb/...", "did/resolverhttp", "verifier/online", "verifier/openid4vp/...", "examples/...", "testvectors/..."},
		why: "each package that can open a connection is one more to guard",
	},
}
