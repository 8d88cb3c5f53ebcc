import { expect, it } from 'vitest'
import { endpointName } from '../../../src/core/chain/endpoint.ts'

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
