import { parseEther } from 'viem'
import { describe, expect, test } from 'vitest'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import { deployDevnet } from '../../../src/core/devnet/launch-network.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import type { Context } from '../../../src/core/platform/context.ts'
import { processStart } from '../../../src/core/platform/pid-file.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { cliHome } from '../../helpers/cli-home.ts'
import { testAddress } from '../../helpers/deploy.ts'

const anvil = await anvilForTests()
const { network, deployment } = await deployDevnet(
  { rpcUrl: anvil.rpcUrl, epochSeconds: 16, roles: [], seatsPerChecker: 1 },
  { clock: systemClock, onProgress: () => undefined },
)
const home = await cliHome()
const context = (devnet: Context['devnet']): Context => ({
  name: 'devnet',
  chainId: deployment.chainId,
  rpcUrls: [anvil.rpcUrl],
  contracts: deployment.contracts,
  devnet,
})
/** A devnet that lives as long as this process. */
const mine = {
  pid: process.pid,
  startedAt: new Date().toISOString(),
  processStart: processStart(process.pid),
  dataDir: home.path,
}
const fund = (...args: string[]) => home.kaisar('devnet', 'fund', ...args, '--json')

describe('the faucet of a devnet', () => {
  test('the faucet of a devnet gives KAI and gas, as much as was asked for', async () => {
    home.writeContext(context(mine))
    const [usual, asked] = [testAddress('operator', 1), testAddress('operator', 2)]
    expect((await fund(usual)).json().data).toMatchObject({ address: usual, kai: parseEther('10000').toString() })
    expect(await kaiBalance(network, usual)).toBe(parseEther('10000'))
    expect(await anvil.client.getBalance({ address: usual })).toBe(parseEther('10'))
    await fund(asked, '--amount', '0.5', '--gas', '1')
    await fund(asked, '--amount', '0.5', '--gas', '1')
    expect(await kaiBalance(network, asked)).toBe(parseEther('1'))
    expect(await anvil.client.getBalance({ address: asked })).toBe(parseEther('2'))
  })

  test('the faucet of a devnet gives no more than it has', async () => {
    home.writeContext(context(mine))
    const refused = await fund(testAddress('operator', 3), '--amount', '100000000')
    expect(refused.json().errors[0]?.code).toBe('KAI_INSUFFICIENT')
  })

  test('the faucet is closed where no devnet of this machine runs', async () => {
    const to = testAddress('operator', 4)
    const codeOf = async (...args: string[]) => (await fund(to, ...args)).json().errors[0]?.code
    home.writeContext(context({ ...mine, pid: 2 ** 22 - 1, processStart: '' }))
    expect(await codeOf()).toBe('DEVNET_NOT_RUNNING')
    home.writeContext({ ...context(null), name: 'main' })
    expect(await codeOf('--context', 'main')).toBe('DEVNET_FAUCET_REFUSED')
    expect(await codeOf('--data-dir', home.path)).toBe('DEVNET_NOT_RUNNING')
    expect(await kaiBalance(network, to)).toBe(0n)
  })
})
