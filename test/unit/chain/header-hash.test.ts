import { expect, it } from 'vitest'
import { headerHash } from '../../../src/core/chain/header-hash.ts'

/** The first block of Ethereum after its genesis, with the fields that a block had then. */
const block1 = {
  parentHash: '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3',
  sha3Uncles: '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347',
  miner: '0x05a56e2d52c817161883f50c441c3228cfe54d9f',
  stateRoot: '0xd67e4d450343046425ae4271474353857ab860dbc0a1dde64b41b5cd3a532bf3',
  transactionsRoot: '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421',
  receiptsRoot: '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421',
  logsBloom: `0x${'00'.repeat(256)}`,
  difficulty: '0x3ff800000',
  number: '0x1',
  gasLimit: '0x1388',
  gasUsed: '0x0',
  timestamp: '0x55ba4224',
  extraData: '0x476574682f76312e302e302f6c696e75782f676f312e342e32',
  mixHash: '0x969b900de27b6ac6a67742365dd65f55a0526c41fd18e1b16f1a1215c2e66f59',
  nonce: '0x539bd4979fef1ec4',
}
const hash = '0x88e96d4537bea4d9c05d12549907b32561d3bf31f45aae734cdc119f13406cb6'

it('the hash of a header is the one by which the chain knows it, and what is no part of it changes nothing', () => {
  expect(headerHash(block1)).toBe(hash)
  expect(headerHash({ ...block1, totalDifficulty: '0x7ff800000', size: '0x219', uncles: [] })).toBe(hash)
})

it('a header with another value in any field has another hash, and one without a field, or with what is no hex, none', () => {
  for (const [name, value] of Object.entries(block1)) {
    const last = value.at(-1) === '1' ? '2' : '1'
    expect(headerHash({ ...block1, [name]: value.slice(0, -1) + last }), name).not.toBe(hash)
    for (const none of [undefined, null, 'genesis', 7]) expect(headerHash({ ...block1, [name]: none }), name).toBe(null)
  }
})

it('fields that came with forks are hashed in their order, up to the first that is missing', () => {
  const later = {
    ...{ baseFeePerGas: '0x7', withdrawalsRoot: block1.receiptsRoot, blobGasUsed: '0x0', excessBlobGas: '0x0' },
    ...{ parentBeaconBlockRoot: block1.stateRoot, requestsHash: block1.mixHash },
  }
  const names = Object.keys(later) as (keyof typeof later)[]
  const hashes = names.map((_, i) =>
    headerHash({ ...block1, ...Object.fromEntries(names.slice(0, i + 1).map(name => [name, later[name]])) }),
  )
  expect(new Set([hash, ...hashes]).size).toBe(names.length + 1)
  expect(headerHash({ ...block1, ...later, withdrawalsRoot: undefined })).toBe(hashes[0])
})
