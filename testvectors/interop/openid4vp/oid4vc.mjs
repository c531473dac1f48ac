// @openid4vc/openid4vp, the protocol alone: as the wallet's side it parses requests and posts answers that it is given, as the verifier's side
// it makes requests and parses answers. What it leaves to callbacks jose does. Keys are made here and never leave.
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import * as jose from 'jose'
import { clientAuthenticationAnonymous } from '@openid4vc/oauth2'
import { isJarmResponseMode, Openid4vpClient, Openid4vpVerifier } from '@openid4vc/openid4vp'
import { serve } from './lines.mjs'

const signing = await newKey({ alg: 'ES256' })
const did = 'did:jwk:' + jose.base64url.encode(JSON.stringify(signing.public))
const forAnswers = new Map() // by kid: the keys that answers are encrypted to

async function newKey(extra) {
  const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true })
  return { private: await jose.exportJWK(privateKey), public: { ...(await jose.exportJWK(publicKey)), ...extra } }
}

// The key of a signer: of a did:jwk, or of a certificate that one of the roots signed.
function signerKey({ method, didUrl, x5c }, roots) {
  if (method === 'did') {
    const [, jwk] = /^did:jwk:([\w-]+)#0$/.exec(didUrl) ?? []
    if (!jwk) throw new Error(`this peer resolves did:jwk alone, not ${didUrl}`)
    return JSON.parse(Buffer.from(jwk, 'base64url'))
  }
  if (method !== 'x5c') throw new Error(`no key by ${method}`)
  const leaf = new X509Certificate(Buffer.from(x5c[0], 'base64'))
  const signed = (roots ?? []).some((root) => leaf.verify(new X509Certificate(Buffer.from(root, 'base64')).publicKey))
  if (!signed) throw new Error('no root signed the certificate')
  return leaf.publicKey.export({ format: 'jwk' })
}

const callbacks = (roots) => ({
  hash: (data, alg) => new Uint8Array(createHash(alg.replace('-', '')).update(data).digest()),
  generateRandom: (n) => new Uint8Array(randomBytes(n)),
  clientAuthentication: clientAuthenticationAnonymous(),
  signJwt: async (signer, { header, payload }) => ({
    jwt: await new jose.CompactSign(new TextEncoder().encode(JSON.stringify(payload)))
      .setProtectedHeader(header)
      .sign(await jose.importJWK(signing.private, 'ES256')),
    signerJwk: signing.public,
  }),
  verifyJwt: async (signer, { compact, header }) => {
    const jwk = signerKey(signer, roots)
    try {
      await jose.compactVerify(compact, await jose.importJWK(jwk, header.alg))
      return { verified: true, signerJwk: jwk }
    } catch {
      return { verified: false }
    }
  },
  encryptJwe: async ({ publicJwk, alg, enc, apu, apv }, text) => {
    const info = Object.entries({ apu, apv }).filter(([, v]) => v !== undefined).map(([name, v]) => [name, jose.base64url.decode(v)])
    const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(text))
      .setProtectedHeader({ alg, enc, kid: publicJwk.kid })
      .setKeyManagementParameters(Object.fromEntries(info))
      .encrypt(await jose.importJWK(publicJwk, alg))
    return { encryptionJwk: publicJwk, jwe }
  },
  decryptJwe: async (jwe) => {
    const { kid } = jose.decodeProtectedHeader(jwe)
    const key = forAnswers.get(kid)
    if (!key) return { decrypted: false }
    try {
      const { plaintext } = await jose.compactDecrypt(jwe, await jose.importJWK(key.private, 'ECDH-ES'))
      return { decrypted: true, decryptionJwk: key.public, payload: new TextDecoder().decode(plaintext) }
    } catch {
      return { decrypted: false }
    }
  },
  getX509CertificateMetadata: (certificate) => {
    const names = (new X509Certificate(Buffer.from(certificate, 'base64')).subjectAltName ?? '').split(', ')
    const of = (kind) => names.filter((n) => n.startsWith(kind)).map((n) => n.slice(kind.length))
    return { sanDnsNames: of('DNS:'), sanUriNames: of('URI:') }
  },
})

const client = (roots) => new Openid4vpClient({ callbacks: callbacks(roots) })
const verifier = () => new Openid4vpVerifier({ callbacks: callbacks() })

async function resolve({ request, roots, wallet, origin }) {
  const { params, type, provided } = client(roots).parseOpenid4vpAuthorizationRequest({ authorizationRequest: request })
  const resolved = await client(roots).resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params, wallet: wallet ?? undefined, origin })
  return { type, provided, ...resolved }
}

const ops = {
  // Its identity as a verifier: {did, jwk}.
  self: async () => ({ did, jwk: signing.public }),

  // As a wallet: what it understands of a request, which it fetches if it must.
  read: async (args) => {
    const { type, provided, authorizationRequestPayload, client: who, jar, version, transactionData, dcql } = await resolve(args)
    return {
      type, provided, version, prefix: who.prefix, clientId: who.effective, by: jar?.sendBy ?? 'parameters', header: jar?.jwt.header,
      query: dcql?.query, request: authorizationRequestPayload, transactionData: transactionData?.length ?? 0,
    }
  },

  // As a wallet: answers a request with this vp_token, in the way that the request wants; encs are the encryptions that the wallet knows.
  answer: async ({ vpToken, encs = ['A128GCM', 'A256GCM'], ...args }) => {
    const { authorizationRequestPayload } = await resolve(args)
    const encrypted = isJarmResponseMode(authorizationRequestPayload.response_mode)
    const made = await client().createOpenid4vpAuthorizationResponse({
      authorizationRequestPayload,
      authorizationResponsePayload: { vp_token: vpToken },
      origin: args.origin,
      jarm: encrypted
        ? {
            encryption: { nonce: jose.base64url.encode(randomBytes(16)) },
            // Nothing of it is used, and the peer wants it.
            serverMetadata: {
              authorization_signing_alg_values_supported: [],
              authorization_encryption_alg_values_supported: ['ECDH-ES'],
              authorization_encryption_enc_values_supported: encs,
            },
          }
        : undefined,
    })
    const { response } = await client().submitOpenid4vpAuthorizationResponse({
      authorizationRequestPayload,
      authorizationResponsePayload: made.authorizationResponsePayload,
      jarm: made.jarm && { responseJwt: made.jarm.responseJwt },
    })
    return {
      ok: response.ok, status: response.status, body: await response.text(),
      header: made.jarm && jose.decodeProtectedHeader(made.jarm.responseJwt),
    }
  },

  // As a verifier: a new key that answers may be encrypted to.
  answerKey: async () => {
    const kid = jose.base64url.encode(randomBytes(8))
    const key = await newKey({ kid, alg: 'ECDH-ES', use: 'enc' })
    forAnswers.set(kid, key)
    return key.public
  },

  // As a verifier: a request {link, object}. signer is undefined (not signed), 'did', or an array of certificates for its key.
  ask: async ({ request, signer, requestUri, aud }) => {
    const made = await verifier().createOpenId4vpAuthorizationRequest({
      authorizationRequestPayload: request,
      jar: signer && {
        requestUri,
        expiresInSeconds: 120, // without it exp is null
        additionalJwtPayload: aud && { aud },
        jwtSigner:
          signer === 'did' ? { method: 'did', didUrl: did + '#0', alg: 'ES256' } : { method: 'x5c', x5c: signer, alg: 'ES256' },
      },
    })
    return { link: made.authorizationRequest, object: made.jar?.authorizationRequestJwt ?? '' }
  },

  // As a verifier: what it understands of an answer, as it was posted, to the request that it made.
  understand: async ({ request, answer, origin }) => {
    const got = await verifier().parseOpenid4vpAuthorizationResponse({
      authorizationResponse: answer, authorizationRequestPayload: request, origin, callbacks: callbacks(),
    })
    return { type: got.type, nonce: got.expectedNonce, vpToken: got.dcql?.presentations, encrypted: got.jarm?.type ?? '', header: answer.response && jose.decodeProtectedHeader(answer.response) }
  },
}

await serve(ops)
