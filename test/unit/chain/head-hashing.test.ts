/** A head is asked for four times a second: its header is hashed when it is new, and whatever is shown under its hash afterwards has to be the same. */
import { type Hex, keccak256, toRlp } from 'viem'
import { expect, it } from 'vitest'
import type { Chain } from '../../../src/core/chain/client.ts'
import type { Endpoint } from '../../../src/core/chain/endpoint.ts'
import { createHeadStream } from '../../../src/core/chain/head-stream.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const pollMs = 250
const zeros = (bytes: number): Hex => `0x${'00'.repeat(bytes)}`
const fields: Readonly<Record<string, Hex>> = {
  ...{ parentHash: zeros(32), sha3Uncles: zeros(32), miner: zeros(20), stateRoot: zeros(32) },
  ...{ transactionsRoot: zeros(32), receiptsRoot: zeros(32), logsBloom: zeros(256), difficulty: '0x1' },
  ...{ number: '0x7', gasLimit: '0x1', gasUsed: '0x1', timestamp: '0x64', extraData: '0x', mixHash: zeros(32) },
  nonce: zeros(8),
}
const hash = keccak256(toRlp(Object.values(fields)))

it('a header is hashed once however often it is shown, and again where it is shown with another time', async () => {
  let hashed = 0
  const head = {
    ...{ ...fields, hash },
    get logsBloom() {
      hashed++
      return fields.logsBloom
    },
  }
  const heads = new Map(['one', 'two', 'liar'].map(name => [name, head as object]))
  const endpoints = [...heads.keys()].map(name => ({
    ...{ name, url: `http://${name}`, watchHeads: null, mark: () => undefined },
    status: { name, state: 'usable', reason: null },
    request: async () => heads.get(name),
  })) as unknown as Endpoint[]
  const clock = createManualClock()
  const chain = { all: () => endpoints, check: async () => undefined } as unknown as Chain
  const troubles: unknown[] = []
  const stream = createHeadStream({ pollMs }, { chain, clock, onTrouble: (_, error) => troubles.push(error) })
  for (let poll = 0; poll < 10; poll++) await clock.advance(pollMs)
  expect(hashed).toBe(endpoints.length)
  expect(troubles).toEqual([])

  heads.set('liar', { ...fields, hash, timestamp: '0x65' })
  await clock.advance(pollMs)
  expect(troubles).toMatchObject([{ code: 'RPC_FAILED', message: expect.stringContaining('another hash') }])
  expect(stream.tip).toMatchObject({ hash, timestamp: 100 })
  await stream.stop()
})
