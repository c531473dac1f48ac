// A Credo agent as an application sets one up: keys and records in memory, DIDs of the methods that need no chain.
import 'reflect-metadata'
import { Agent, DidDocument, DidsModule, JwkDidRegistrar, JwkDidResolver, KeyDidRegistrar, KeyDidResolver, Kms, WebDidResolver } from '@credo-ts/core'
import { agentDependencies, NodeInMemoryKeyManagementStorage, NodeKeyManagementService } from '@credo-ts/node'
import { OpenId4VcModule } from '@credo-ts/openid4vc'
import { MemoryStorageModule } from './storage.mjs'

// A resolver of did:ethr as an application adds one: it asks a server of DID Resolution's HTTP binding.
class EthrOverHttp {
  supportedMethods = ['ethr']
  allowsCaching = false
  server = '' // the address up to the DID

  async resolve(_, did) {
    const response = await fetch(this.server + did, { headers: { accept: 'application/did-resolution' } })
    const result = await response.json()
    return { ...result, didDocument: result.didDocument && DidDocument.fromJSON(result.didDocument) }
  }
}

export const ethr = new EthrOverHttp()

export async function newAgent(openid4vc) {
  const agent = new Agent({
    config: { allowInsecureHttpUrls: process.argv.includes('--insecure') }, // http, for what runs on this machine without TLS
    dependencies: agentDependencies,
    modules: {
      storage: new MemoryStorageModule(),
      kms: new Kms.KeyManagementModule({ backends: [new NodeKeyManagementService(new NodeInMemoryKeyManagementStorage())] }),
      dids: new DidsModule({
        resolvers: [new KeyDidResolver(), new JwkDidResolver(), new WebDidResolver(), ethr],
        registrars: [new KeyDidRegistrar(), new JwkDidRegistrar()],
      }),
      openid4vc: new OpenId4VcModule(openid4vc),
    },
  })
  await agent.initialize()
  return agent
}

// newKey makes a key of P-256 in the agent's store: {keyId, jwk}, jwk without the private part.
export async function newKey(agent) {
  const { keyId, publicJwk } = await agent.kms.createKey({ type: { kty: 'EC', crv: 'P-256' } })
  return { keyId, jwk: publicJwk }
}

// newDID makes a DID of a new key: {did, url}, url that of the one method in it.
export async function newDID(agent, method) {
  const { keyId } = await newKey(agent)
  const { didState } = await agent.dids.create({ method, options: { keyId } })
  if (didState.state !== 'finished') throw new Error(didState.reason)
  return { did: didState.did, url: didState.didDocument.verificationMethod[0].id }
}
