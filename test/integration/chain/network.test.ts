import { afterAll, describe, expect, test } from 'vitest'
import { connectNetwork } from '../../../src/core/chain/network.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { deployForTests } from '../../helpers/deploy.ts'
import { startRpcProxy } from '../../helpers/rpc-proxy.ts'

const anvil = await anvilForTests()
const { deployment } = await deployForTests(anvil)
const liar = await startRpcProxy({ target: anvil.rpcUrl })
afterAll(liar.stop)
liar.inject({ fault: 'wrong-code' })

describe('a deployed network', () => {
  test('an endpoint that shows other code at the contracts’ addresses is dropped with its reason', async () => {
    const { chain } = await connectNetwork(deployment, { rpcUrls: [liar.url, anvil.rpcUrl] })
    expect(chain.status().map(({ state, reason }) => [state, reason?.code])).toEqual([
      ['dropped', 'CODE_HASH_MISMATCH'],
      ['usable', undefined],
    ])
  })

  test('a connection is refused where the only endpoint shows other code', async () => {
    await expect(connectNetwork(deployment, { rpcUrls: [liar.url] })).rejects.toMatchObject({
      code: 'CODE_HASH_MISMATCH',
      exit: 3,
      fix: expect.stringContaining('do not sign'),
    })
  })

  test('a deployment file of an earlier release, without hashes, is checked only for the presence of its contracts', async () => {
    const { codeHashes: _, ...older } = deployment
    expect((await connectNetwork(older, { rpcUrls: [liar.url] })).chainId).toBe(31337)
  })
})
