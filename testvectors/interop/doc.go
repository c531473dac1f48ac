// Package interop holds tests against peers that others wrote: npm's @sd-jwt, ethr-did-resolver and its registry, and the chain anvil.
// They run as processes, with keys and nonces made anew each time. It has no code that anybody imports; README.md says how to run it.
package interop
