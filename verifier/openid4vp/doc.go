// Package openid4vp is an agency's door: it asks a wallet for cards by OpenID for Verifiable Presentations 1.0 and gives what package
// verifier says of the answer to the browser that began.
package openid4vp
