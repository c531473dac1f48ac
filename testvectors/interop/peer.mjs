// The peers that the Go tests talk to: npm's @sd-jwt and ethr-did-resolver, in one process. It speaks JSON lines: the first line out
// says who is here, then each line in is {"op": ..., ...} and is answered by one line, {"ok": ...} or {"error": "what the peer said"}.
// Keys, salts and signatures are made anew in every run. It ends when its input ends.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { digest, ES256, generateSalt } from '@sd-jwt/crypto-nodejs'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { Resolver } from 'did-resolver'
import { getResolver } from 'ethr-did-resolver'

const issuer = await ES256.generateKeyPair()
const holder = await ES256.generateKeyPair()
const signIssuer = await ES256.getSigner(issuer.privateKey)
const signHolder = await ES256.getSigner(holder.privateKey)

// sdjwt is a peer that plays all three parts; verifies is the issuer's key that it verifies with.
async function sdjwt(verifies) {
  return new SDJwtVcInstance({
    hasher: digest,
    hashAlg: 'sha-256',
    saltGenerator: generateSalt,
    signAlg: 'ES256',
    signer: signIssuer,
    kbSignAlg: 'ES256',
    kbSigner: signHolder,
    verifier: verifies && (await ES256.getVerifier(verifies)),
    kbVerifier: async (data, signature, payload) => (await ES256.getVerifier(payload.cnf.jwk))(data, signature),
  })
}

const ops = {
  // A card, signed with the peer's issuer key. frame says what becomes selectively disclosable.
  issue: async ({ payload, frame, header }) => (await sdjwt()).issue(payload, frame ?? undefined, { header }),

  // A presentation, bound with the peer's holder key if there is a binding ({iat, aud, nonce}).
  present: async ({ sdjwt: card, frame, binding }) =>
    (await sdjwt()).present(card, frame, binding ? { kb: { payload: binding } } : undefined),

  // What a verifier sees: {payload, header, kb}. Without a nonce the peer looks at no key binding; it has no place for an audience.
  verify: async ({ sdjwt: shown, issuer: key, nonce }) => (await sdjwt(key)).verify(shown, { keyBindingNonce: nonce }),

  // The same for many DID URLs at once, with one resolver. The chain must rest meanwhile.
  resolveAll: async ({ dids, rpc, registry, chainId, name }) => {
    const resolver = new Resolver(getResolver({ networks: [{ name: name || undefined, chainId, rpcUrl: rpc, registry }] }))
    return Promise.all(dids.map((did) => resolver.resolve(did)))
  },

  // How long resolving takes, in ms, without this process's own start: each round with a new resolver (cold), and with that one again once
  // ethers has forgotten the answers that it repeats for a quarter of a second (warm).
  time: async ({ did, rpc, registry, chainId, name, rounds, warm }) => {
    const out = { cold: [], warm: [] }
    for (let i = 0; i < rounds; i++) {
      const resolver = new Resolver(getResolver({ networks: [{ name: name || undefined, chainId, rpcUrl: rpc, registry }] }))
      const once = async (into) => {
        const begin = performance.now()
        const { didDocument, didResolutionMetadata: m } = await resolver.resolve(did)
        into.push(performance.now() - begin)
        if (m.error) throw new Error(m.message)
        out.methods = didDocument.verificationMethod.length
      }
      await once(out.cold)
      if (i >= warm) continue
      await new Promise((done) => setTimeout(done, 300))
      await once(out.warm)
    }
    return out
  },

  // The answer of DID Resolution: {didDocument, didDocumentMetadata, didResolutionMetadata}. The resolver is made anew each time, because
  // ethers repeats an answer for a quarter of a second.
  resolve: async ({ did, rpc, registry, chainId, name }) =>
    new Resolver(getResolver({ networks: [{ name: name || undefined, chainId, rpcUrl: rpc, registry }] })).resolve(did),
}

const say = (o) => process.stdout.write(JSON.stringify(o) + '\n')
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

say({
  node: process.version,
  versions: Object.fromEntries(Object.keys(JSON.parse(readFileSync(new URL('package.json', import.meta.url))).dependencies).map((n) => [n, version(n)])),
  issuer: issuer.publicKey,
  holder: holder.publicKey,
})
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const { op, ...args } = JSON.parse(line)
    if (!Object.hasOwn(ops, op)) throw new Error(`no such op: ${op}`)
    say({ ok: (await ops[op](args)) ?? null })
  } catch (e) {
    say({ error: String(e?.message ?? e) })
  }
}
process.exit(0) // ethers keeps timers for endpoints that do not answer
