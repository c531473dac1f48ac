package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/khyer/khyer/credential/status/pgstore"
	"github.com/khyer/khyer/did"
	"github.com/khyer/khyer/did/didethr"
	"github.com/khyer/khyer/did/didjwk"
	"github.com/khyer/khyer/did/didkey"
	"github.com/khyer/khyer/did/didweb"
	"github.com/khyer/khyer/verifier"
	"github.com/khyer/khyer/verifier/online"
	"github.com/khyer/khyer/verifier/openid4vp"
	"github.com/khyer/khyer/verifier/openid4vp/redisstore"
	"github.com/khyer/khyer/verifier/telemetry"
	"github.com/khyer/khyer/verifier/trust"
)

// service is a running agency.
type service struct {
	config *config
	log    *slog.Logger

	issuers   trust.Live // of the newest trust file
	expires   atomic.Int64
	fetched   *online.Online
	store     openid4vp.Store // nil is the door's own, in memory
	templates []openid4vp.Template
	door      *openid4vp.Door
	metrics   metrics

	warm    atomic.Bool     // everything that the trust file names has been fetched once
	leaving context.Context // ends when the service takes no new work
	leave   context.CancelFunc
	closers []func()
}

// open makes a service of its configuration. What is wrong in it is said here, before a citizen comes.
func open(ctx context.Context, c *config, log *slog.Logger) (_ *service, err error) {
	s := &service{config: c, log: log}
	s.leaving, s.leave = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	document, _, err := s.readTrust()
	if err != nil {
		return nil, err
	}
	policy, err := s.follow(document)
	if err != nil {
		return nil, err
	}
	resolver, err := c.resolver()
	if err != nil {
		return nil, err
	}
	if err := s.fetch(ctx, resolver); err != nil {
		return nil, err
	}
	v, err := verifier.New(verifier.Config{
		Resolver: resolver, Issuers: &s.issuers, Documents: s.fetched, Status: s.fetched, Replay: nil, // the door lets each request be answered once, whichever process it comes to
		Observe: telemetry.All(telemetry.Slog(log), s.metrics.verified),
	})
	if err != nil {
		return nil, err
	}
	if s.templates, err = openid4vp.ReadTemplates(os.DirFS(c.path(c.Templates))); err != nil {
		return nil, err
	}
	return s, s.openDoor(ctx, v, policy)
}

func (s *service) openDoor(ctx context.Context, v *verifier.Verifier, policy *trust.Policy) (err error) {
	d := openid4vp.Config{
		Verifier: v, Policy: policy, Templates: s.templates, BaseURL: s.config.BaseURL + "/verify", ReturnURL: s.config.BaseURL + "/return",
		KeyID: s.config.KeyID, Profile: openid4vp.Profile(s.config.Profile), Name: s.config.Name, Observe: s.metrics.step,
	}
	if d.Signer, err = s.config.signer(); err != nil {
		return err
	}
	if d.Chain, err = s.config.chain(); err != nil {
		return err
	}
	if d.Key, err = s.config.sealKey(); err != nil {
		return err
	}
	if s.config.Redis != "" {
		if s.store, err = s.openRedis(ctx); err != nil {
			return err
		}
		d.Store = s.store
	}
	s.door, err = openid4vp.New(d)
	return err
}

func (s *service) openRedis(ctx context.Context) (openid4vp.Store, error) {
	o, err := redis.ParseURL(s.config.Redis)
	if err != nil {
		return nil, errors.New("redis is no URL of a server") // the address may hold a password
	}
	o.ContextTimeoutEnabled = true
	client := redis.NewClient(o)
	s.closers = append(s.closers, func() { client.Close() })
	return redisstore.Open(ctx, client, "")
}

// resolver reads the DIDs of issuers, and of nobody else: the trust file decides who is asked for.
func (c *config) resolver() (did.Resolver, error) {
	web, err := didweb.New(didweb.Config{InsecureHosts: c.InsecureHosts})
	if err != nil {
		return nil, err
	}
	mux := did.Mux{"key": didkey.Resolver{}, "jwk": didjwk.Resolver{}, "web": did.Cache(web, 5*time.Minute)}
	networks, err := c.networks()
	if err != nil {
		return nil, err
	}
	if len(networks) > 0 {
		if mux["ethr"], err = didethr.New(didethr.Config{Networks: networks}); err != nil {
			return nil, err
		}
	}
	return mux, nil
}

// fetch prepares what is fetched of issuers: status lists and metadata.
func (s *service) fetch(ctx context.Context, resolver did.Resolver) (err error) {
	c := online.Config{
		Issuers: &s.issuers, Resolver: resolver, InsecureHosts: s.config.InsecureHosts,
		Observe: func(f online.Failure) { s.log.Warn("could not be fetched", "url", f.URL, "error", f.Err) },
	}
	if s.config.Postgres != "" {
		pool, err := pgxpool.New(ctx, s.config.Postgres)
		if err != nil {
			return errors.New("postgres is no URL of a database") // it may hold a password
		}
		s.closers = append(s.closers, pool.Close)
		if c.Newest, err = pgstore.Open(ctx, pool); err != nil {
			return err
		}
	}
	s.fetched, err = online.New(c)
	return err
}

// run serves until ctx ends, and then ends what is running: wallets and pages have half a minute for that.
func (s *service) run(ctx context.Context) error {
	defer s.close()
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return err
	}
	work, stop := context.WithCancel(context.Background())
	defer stop()
	go s.fetched.Run(work)
	go s.followTrust(work)
	go s.warmUp(work)

	server := &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() {
		if s.config.TLS == nil {
			failed <- server.Serve(listener)
			return
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		failed <- server.ServeTLS(listener, s.config.path(s.config.TLS.Certificate), s.config.path(s.config.TLS.Key))
	}()
	s.log.Info("the service is open", "address", listener.Addr().String(), "page", s.config.BaseURL)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.log.Info("the service closes")
	s.leave() // pages that wait are told to come again; a load balancer sees it at /readyz, and sends nobody here any more
	last, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return server.Shutdown(last)
}

func (s *service) warmUp(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.fetched.Prefetch(ctx)
		if err == nil {
			s.warm.Store(true)
			return
		}
		s.log.Warn("not everything that the trust file names could be fetched", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
	}
}

func (s *service) close() {
	s.leave()
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// ready says whether this process can verify a citizen's card now; the error is for the operator.
func (s *service) ready(ctx context.Context) error {
	if s.leaving.Err() != nil {
		return errors.New("the service closes")
	}
	if !s.warm.Load() {
		return errors.New("what the trust file names has not been fetched yet")
	}
	if until := s.expires.Load(); until != 0 && time.Now().Unix() >= until {
		return errors.New("the trust file has expired")
	}
	if s.store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, _, err := s.store.Load(ctx, "ready:"+rand.Text()); !errors.Is(err, openid4vp.ErrNotFound) {
		return fmt.Errorf("the store of transactions: %v", err)
	}
	return nil
}
