// The peers that the Go tests talk to: npm's @sd-jwt and ethr-did-resolver, in one process. It speaks JSON lines: the first line out
// says who is here, then each line in is {"op": ..., ...} and is answered by one line, {"ok": ...} or {"error": "what the peer said"}.
// Keys, salts and signatures are made anew in every run. It ends when its input ends.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { digest, ES256, generateSalt } from '@sd-jwt/crypto-nodejs'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'
import { Resolver } from 'did-resolver'
import { EthrDidController, getResolver } from 'ethr-did-resolver'
import { JsonRpcProvider, Wallet } from 'ethers'

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

  // What npm's own writer does to an identity, each step a transaction: [operation, ...arguments]; what is to be
  // signed it signs itself. Gas limits are its own. Answers the block of each step.
  write: async ({ key, rpc, registry, chainId, name, steps }) => {
    const provider = new JsonRpcProvider(rpc, chainId, { staticNetwork: true, pollingInterval: 20, cacheTimeout: -1 })
    const wallet = new Wallet(key, provider)
    const controller = new EthrDidController(`did:ethr:${name}:${wallet.address}`, undefined, wallet, name, undefined, undefined, registry, false)
    const blocks = []
    try {
      for (const [operation, ...args] of steps) {
        if (operation === 'changeOwnerSigned') {
          const { v, r, s } = wallet.signingKey.sign(await controller.createChangeOwnerHash(args[0]))
          args.push({ sigV: v, sigR: r, sigS: s })
        }
        blocks.push((await controller[operation](...args)).blockNumber)
      }
      return { did: controller.did, owner: await controller.getOwner(wallet.address), blocks }
    } finally {
      provider.destroy()
    }
  },

  // What a client of DID Resolution's HTTP binding gets: {status, type, body}.
  fetch: async ({ url, accept }) => {
    const r = await fetch(url, { headers: { accept }, redirect: 'manual' })
    return { status: r.status, type: r.headers.get('content-type'), body: await r.text() }
  },

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
