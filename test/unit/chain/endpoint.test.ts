import { custom } from 'viem'
import { expect, it } from 'vitest'
import { createEndpoint, endpointName } from '../../../src/core/chain/endpoint.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const key = 'c0ffee'.repeat(10)

it.each([
  ['rpc.example/v3/KEY', 'rpc.example/…'],
  ['htps://rpc.example/v3/KEY', 'htps://rpc.example/…'],
  ['https//rpc.example/KEY', 'https/…'],
  ['http://user:KEY@rpc.example:99999/', 'http://rpc.example:99999/…'],
  ['http://rpc exa mple/?KEY', 'http://…/…'],
  ['KEYKEY', '…'],
  ['localhost:8545', 'localhost:8545'],
])('the URL %s is refused as %s, without the part that may be a key', (url, shown) => {
  const refused = expect.objectContaining({ code: 'RPC_URL_INVALID', message: `Not a JSON-RPC URL: ${shown}` })
  expect(() => endpointName(url.replaceAll('KEY', key))).toThrow(refused)
})

it('what is read over the client of an endpoint has the same limit of time, also where nothing ever answers', async () => {
  const clock = createManualClock()
  const openTransport = () => custom({ request: () => new Promise(() => undefined) })
  const endpoint = createEndpoint('http://rpc.example', { timeoutMs: 5_000 }, { clock, openTransport })
  const read = endpoint.client.getTransactionCount({ address: `0x${'11'.repeat(20)}` })
  read.catch(() => undefined)
  await clock.advance(10_000)
  await expect(Promise.race([read, 'still waits'])).rejects.toThrow(/did not answer|time/i)
  expect(endpoint.status).toMatchObject({ state: 'failing', reason: { code: 'RPC_TIMEOUT' } })
})
