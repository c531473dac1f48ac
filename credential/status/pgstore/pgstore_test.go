package pgstore_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/khyer/khyer/credential/status"
	"github.com/khyer/khyer/credential/status/internal/storetest"
	"github.com/khyer/khyer/credential/status/pgstore"
	"github.com/khyer/khyer/verifier/verifiertest"
)

func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("KHYER_POSTGRES")) // such as postgres://user@host/database
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	store, err := pgstore.Open(ctx, pool)
	if err != nil {
		panic(err)
	}
	r, err := status.NewRegistry(status.RegistryConfig{Store: store, URI: "https://registry.example/status", Key: []byte("a secret of at least thirty-two bytes")})
	if err != nil {
		panic(err)
	}
	ref, err := r.Allocate(ctx, "record 4711")
	fmt.Println(ref.URI, err)
}

// pool connects to the server that KHYER_POSTGRES names; in the test's own process to an empty schema, in a child's to that of its parent.
func pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	url := os.Getenv("KHYER_POSTGRES")
	if url == "" {
		if os.Getenv("KHYER_REQUIRE") == "1" {
			t.Fatal("KHYER_REQUIRE=1 and KHYER_POSTGRES is not set")
		}
		t.Skip("skipped: needs KHYER_POSTGRES, the URL of a PostgreSQL server")
	}
	const env = "KHYER_PGSTORE_TEST"
	schema := os.Getenv(env)
	child := schema != ""
	if !child {
		schema = fmt.Sprintf("khyer_test_%d_%s", os.Getpid(), t.Name())
		t.Setenv(env, schema)
	}
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal("KHYER_POSTGRES is no URL of a server")
	}
	c.ConnConfig.RuntimeParams["search_path"] = `"` + schema + `"`
	p, err := pgxpool.NewWithConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if !child {
		if _, err := p.Exec(t.Context(), `CREATE SCHEMA "`+schema+`"`); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := p.Exec(context.Background(), `DROP SCHEMA "`+schema+`" CASCADE`); err != nil {
				t.Error(err)
			}
		})
	}
	return p
}

func open(p *pgxpool.Pool) func(*testing.T) status.Store {
	return func(t *testing.T) status.Store {
		t.Helper()
		s, err := pgstore.Open(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestContract(t *testing.T) { verifiertest.StatusStore(t, open(pool(t))) }

func TestKilledInTheMiddle(t *testing.T) { verifiertest.StatusStoreKilled(t, open(pool(t))) }

func TestKilledWhilePublishing(t *testing.T) { storetest.Killed(t, open(pool(t))) }

// BenchmarkNation, with KHYER_POSTGRES set:
//
//	go test ./credential/status/pgstore -run '^$' -bench Nation -benchtime 1x
func BenchmarkNation(b *testing.B) {
	s, err := pgstore.Open(b.Context(), pool(b))
	if err != nil {
		b.Fatal(err)
	}
	storetest.Nation(b, s)
}
