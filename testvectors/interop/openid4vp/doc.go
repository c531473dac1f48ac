// Package openid4vp holds tests of OpenID4VP against wallets, verifiers and a browser that others wrote: Credo, @openid4vc/openid4vp,
// Chromium. They run as processes on the loopback interface, with keys, cards and nonces made anew each time. It has no code that anybody
// imports; README.md says how to run it.
package openid4vp
