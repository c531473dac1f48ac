// Answers did.ethr.fold of the test vectors by npm's ethr-did-resolver: one vector a line in, one resolution result a line out. Its node is the
// vector's history, its clock the vector's.
import { createInterface } from 'node:readline'
import { JsonRpcApiProvider, Network } from 'ethers'
import { Resolver } from 'did-resolver'
import { getResolver } from 'ethr-did-resolver'

const hex = (n) => '0x' + BigInt(n).toString(16)

class Recorded extends JsonRpcApiProvider {
  constructor(history) {
    super(Network.from(history.network.chainId), { staticNetwork: true, batchMaxCount: 1 })
    this.history = history
    this._start()
  }

  async _send(payload) {
    return [payload].flat().map(({ id, method, params }) => ({ id, result: this.answer(method, params) }))
  }

  answer(method, params) {
    const { network, blocks, logs, end } = this.history
    const of = (topic) => logs.filter((l) => l.topics[1] === topic.toLowerCase())
    switch (method) {
      case 'eth_chainId':
        return hex(network.chainId)
      case 'eth_blockNumber':
        return hex(end.head)
      case 'eth_getBlockByNumber': {
        const b = blocks.find((b) => b.number === (params[0] === 'latest' ? end.head : Number(params[0])) && b.number <= end.head)
        if (!b) return null
        return {
          number: hex(b.number), hash: b.hash, timestamp: hex(b.timestamp), parentHash: b.hash, nonce: '0x0000000000000000', difficulty: '0x0',
          gasLimit: '0x0', gasUsed: '0x0', miner: '0x' + '0'.repeat(40), extraData: '0x', transactions: [],
        }
      }
      case 'eth_call': {
        const last = Math.max(0, ...of('0x' + params[0].data.slice(-64)).map((l) => l.blockNumber))
        return '0x' + last.toString(16).padStart(64, '0') // changed(identity)
      }
      case 'eth_getLogs': {
        const { fromBlock, toBlock, topics } = params[0]
        return of(topics[1]).filter((l) => l.blockNumber >= Number(fromBlock) && l.blockNumber <= Number(toBlock)).map((l) => ({
          ...l, blockNumber: hex(l.blockNumber), logIndex: hex(l.logIndex), transactionHash: l.blockHash, transactionIndex: '0x0', removed: false,
        }))
      }
    }
    throw new Error(method)
  }
}

const SystemDate = Date
for await (const line of createInterface({ input: process.stdin })) {
  const { history, did, params, accept, clock } = JSON.parse(line)
  globalThis.Date = class extends SystemDate {
    constructor(...a) {
      if (a.length > 0) super(...a)
      else super(clock * 1000)
    }
  }
  const { name, chainId, registry } = history.network
  const provider = new Recorded(history)
  const resolver = new Resolver(getResolver({ networks: [{ name, chainId: hex(chainId), registry, provider }] }))
  const result = await resolver.resolve(params ? `${did}?${params}` : did, { accept })
  provider.destroy()
  globalThis.Date = SystemDate
  console.log(JSON.stringify(result))
}
