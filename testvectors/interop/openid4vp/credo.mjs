// A whole wallet: Credo's agent with its OpenID4VP holder. Its keys are made here and never leave; its cards are brought to it.
import { createPrivateKey } from 'node:crypto'
import { ethr, newAgent, newDID, newKey } from './agent.mjs'
import { Kms, SdJwtVcRecord } from '@credo-ts/core'
import { serve } from './lines.mjs'

const agent = await newAgent()
const { holder } = agent.openid4vc

const resolve = ({ request, roots, origin }) =>
  holder.resolveOpenId4VpAuthorizationRequest(request, { trustedCertificates: roots, origin })

const ops = {
  // A new key for cards, {keyId, jwk}: jwk is what an issuer puts into cnf.
  key: () => newKey(agent),

  // Takes a key that was made elsewhere, PKCS #8 in PEM: its id.
  import: async ({ pem }) => (await agent.kms.importKey({ privateJwk: createPrivateKey(pem).export({ format: 'jwk' }) })).keyId,

  // A card that Credo issues, with a DID of its own, to a key: {card, did}. frame says what can be disclosed selectively.
  issue: async ({ method, payload, frame, jwk }) => {
    const { did, url } = await newDID(agent, method)
    const { compact } = await agent.sdJwtVc.sign({
      payload, disclosureFrame: frame, issuer: { method: 'did', didUrl: url }, holder: { method: 'jwk', jwk: Kms.PublicJwk.fromUnknown(jwk) },
    })
    return { card: compact, did }
  },

  // Where did:ethr is resolved.
  ethr: async ({ server }) => {
    ethr.server = server
  },

  // Whether Credo believes this card, or this presentation for an audience and a nonce: {valid, why}.
  check: async ({ card, keyBinding }) => {
    const { isValid, error } = await agent.sdJwtVc.verify({ compactSdJwtVc: card, keyBinding })
    return { valid: isValid, why: error?.message ?? '' }
  },

  // Takes a card as it is, unchecked: what the wallet of somebody who cheats would hold.
  hold: async ({ card, keyId }) => {
    const record = new SdJwtVcRecord({ credentialInstances: [{ compactSdJwtVc: card, kmsKeyId: keyId }] })
    return (await agent.sdJwtVc.store({ record })).id
  },

  forget: async () => {
    for (const { id } of await agent.sdJwtVc.getAll()) await agent.sdJwtVc.deleteById(id)
  },

  // What the wallet makes of a request: who asks, and whether it has what is asked for.
  read: async (args) => {
    const { verifier, dcql, authorizationRequestPayload, signedAuthorizationRequest, transactionData } = await resolve(args)
    return {
      prefix: verifier.clientIdPrefix,
      clientId: verifier.effectiveClientId,
      signed: signedAuthorizationRequest !== undefined,
      satisfiable: dcql?.queryResult.can_be_satisfied ?? false,
      request: authorizationRequestPayload,
      transactionData: transactionData?.length ?? 0,
    }
  },

  // Answers a request with what the wallet chooses, to where the request says. What came back: {ok, status, body, redirect, sent}.
  answer: async (args) => {
    const asked = await resolve(args)
    const done = await holder.acceptOpenId4VpAuthorizationRequest({
      authorizationRequestPayload: asked.authorizationRequestPayload,
      origin: args.origin,
      dcql: { credentials: holder.selectCredentialsForDcqlRequest(asked.dcql.queryResult) },
      transactionData: asked.transactionData?.map(({ matchedCredentialIds: [credentialId] }) => ({ credentialId })),
    })
    return {
      ok: done.ok,
      status: done.serverResponse?.status,
      body: done.serverResponse?.body,
      redirect: done.redirectUri ?? '',
      sent: done.authorizationResponse,
      plain: done.authorizationResponsePayload,
    }
  },
}

await serve(ops)
