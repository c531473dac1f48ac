// A whole verifier: Credo's, which serves its requests and takes the answers itself, over https on a free port of the loopback interface.
import { readFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import express from 'express'
import { newAgent, newDID, newKey } from './agent.mjs'
import { X509Certificate } from '@credo-ts/core'
import { serve } from './lines.mjs'

const pem = readFileSync(process.env.KHYER_TLS)
const app = express()
const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(`localhost:${server.address().port}`)))
const url = 'https://' + (await listen(createServer({ cert: pem, key: pem }, app)))
const plain = 'http://' + (await listen(createPlainServer(app))) // the same without TLS, for who does not know the authority of this run

const agent = await newAgent({ app, verifier: { baseUrl: url + '/oid4vp' } })
const { verifier } = agent.openid4vc
const { verifierId } = await verifier.createVerifier({ clientMetadata: { client_name: 'Example Hospital' } })

const ops = {
  // A key for certificates: {keyId, jwk}.
  key: () => newKey(agent),

  // A request: {link, id, data}, data for the Digital Credentials API of a page of that origin. signer is {did: method}, {chain, keyId, prefix}, or undefined for a request without a signature.
  ask: async ({ signer, mode, query, transactionData, origin }) => {
    let requestSigner = { method: 'none' }
    if (signer?.did) requestSigner = { method: 'did', didUrl: (await newDID(agent, signer.did)).url }
    if (signer?.chain) {
      const x5c = signer.chain.map((c) => X509Certificate.fromEncodedCertificate(c))
      x5c[0].publicJwk.keyId = signer.keyId
      requestSigner = { method: 'x5c', x5c, clientIdPrefix: signer.prefix }
    }
    const browser = mode.startsWith('dc_api')
    const { authorizationRequest, authorizationRequestObject, verificationSession } = await verifier.createAuthorizationRequest({
      verifierId, requestSigner, responseMode: mode, dcql: { query }, transactionData: transactionData ?? undefined, version: 'v1',
      authorizationResponseRedirectUri: browser ? undefined : url + '/done', expectedOrigins: browser && signer ? [origin] : undefined,
    })
    return { link: authorizationRequest, id: verificationSession.id, data: authorizationRequestObject }
  },

  // Takes what a page of that origin got through the API.
  take: async ({ id, answer, origin }) => {
    await verifier.verifyAuthorizationResponse({ verificationSessionId: id, authorizationResponse: answer, origin })
  },

  // What became of it: {state, error, cards}; cards are the claims by the id of the query, once they were verified.
  session: async ({ id }) => {
    const { state, errorMessage } = await verifier.getVerificationSessionById(id)
    const out = { state, error: errorMessage ?? '' }
    if (state === 'ResponseVerified') {
      const { dcql, transactionData } = await verifier.getVerifiedAuthorizationResponse(id)
      out.cards = Object.fromEntries(Object.entries(dcql.presentations).map(([query, all]) => [query, all.map((p) => p.prettyClaims)]))
      out.transactionData = transactionData?.length ?? 0
    }
    return out
  },
}

await serve(ops, { url, plain })
