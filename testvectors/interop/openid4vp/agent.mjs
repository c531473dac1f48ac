// A Credo agent as an application sets one up: keys and records in memory, DIDs of the methods that need no chain.
import 'reflect-metadata'
import { Agent, DidsModule, JwkDidRegistrar, JwkDidResolver, KeyDidRegistrar, KeyDidResolver, Kms, WebDidResolver } from '@credo-ts/core'
import { agentDependencies, NodeInMemoryKeyManagementStorage, NodeKeyManagementService } from '@credo-ts/node'
import { OpenId4VcModule } from '@credo-ts/openid4vc'
import { MemoryStorageModule } from './storage.mjs'

export async function newAgent(openid4vc) {
  const agent = new Agent({
    config: {},
    dependencies: agentDependencies,
    modules: {
      storage: new MemoryStorageModule(),
      kms: new Kms.KeyManagementModule({ backends: [new NodeKeyManagementService(new NodeInMemoryKeyManagementStorage())] }),
      dids: new DidsModule({
        resolvers: [new KeyDidResolver(), new JwkDidResolver(), new WebDidResolver()],
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
