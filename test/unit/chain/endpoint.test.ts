import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { custom } from 'viem'
import { expect, it, onTestFinished } from 'vitest'
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

it('an answer of more than 10 MiB is not read, and is the fault of the endpoint: another one is asked', async () => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 11_000_000 })
    response.write('{"jsonrpc":"2.0","id":1,"result":"0x')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const endpoint = createEndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { timeoutMs: 60_000 })
  await expect(endpoint.request({ method: 'eth_chainId' })).rejects.toMatchObject({ code: 'RPC_UNREACHABLE' })
  expect(endpoint.status).toMatchObject({
    state: 'failing',
    reason: { message: expect.stringContaining('an answer of more than 10 MiB') },
  })
})
