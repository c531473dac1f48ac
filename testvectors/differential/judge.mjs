// The judge that the Go tests ask: npm's @sd-jwt as one process that speaks JSON lines. The first line out says who is here; each line
// in, {"sdjwt", "issuer", "nonce", "now", "skew"}, is answered by one line in the same order, {"ok": the processed claims} or
// {"error": what the peer said}. It ends when its input ends.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { digest, ES256 } from '@sd-jwt/crypto-nodejs'
import { SDJwtInstance } from '@sd-jwt/core'

// Importing a key costs more than checking a signature.
const verifiers = new Map()
async function verifier(jwk) {
  const name = JSON.stringify(jwk)
  if (!verifiers.has(name)) verifiers.set(name, await ES256.getVerifier(jwk))
  return verifiers.get(name)
}

async function judge({ sdjwt, issuer, nonce, now, skew }) {
  const peer = new SDJwtInstance({
    hasher: digest,
    hashAlg: 'sha-256',
    verifier: await verifier(issuer),
    kbVerifier: async (data, signature, payload) => (await verifier(payload.cnf.jwk))(data, signature),
  })
  const { payload } = await peer.verify(sdjwt, { currentDate: now, skewSeconds: skew, keyBindingNonce: nonce })
  return payload
}

const say = (o) => process.stdout.write(JSON.stringify(o) + '\n')
const wanted = JSON.parse(readFileSync(new URL('package.json', import.meta.url))).dependencies
const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

say({ node: process.version, versions: Object.fromEntries(Object.keys(wanted).map((n) => [n, version(n)])) })
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  try {
    say({ ok: (await judge(JSON.parse(line))) ?? null })
  } catch (e) {
    say({ error: String(e?.message ?? e) })
  }
}
