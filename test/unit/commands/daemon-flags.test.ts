import { Parser } from '@oclif/core'
import { describe, expect, it } from 'vitest'
import { daemonFlags, sendingOptions } from '../../../src/commands/daemon-flags.ts'
import { withSettings } from '../../../src/commands/flag-settings.ts'

/** What the transaction sender is told by a command line, an environment and a table `[provider.run]`. */
async function told(argv: string[], env: Record<string, string> = {}, run: Record<string, unknown> = {}) {
  const config = { path: 'config.toml', root: { provider: { run } } }
  const { 'max-tip-gwei': tip, 'max-fee-gwei': fee, 'spend-cap-ether': cap, confirmations } = daemonFlags
  const own = { 'max-tip-gwei': tip, 'max-fee-gwei': fee, 'spend-cap-ether': cap, confirmations }
  const flags = withSettings(own, ['provider', 'run'], {
    env,
    config,
  })
  const parsed = await Parser.parse<Parameters<typeof sendingOptions>[0], object, object>(argv, {
    flags: flags as never,
  })
  return sendingOptions(parsed.flags)
}

describe('what a daemon may spend', () => {
  it('a daemon may spend 200 gwei per gas, of that 10 as a tip, and half an ether a day by default', async () => {
    expect(await told([])).toEqual({
      confirmations: 1,
      maxTipPerGas: 10n ** 10n,
      maxFeePerGas: 200n * 10n ** 9n,
      spendCapWei: 5n * 10n ** 17n,
    })
  })

  it('a daemon’s limits are set by flag, environment and configuration, exact to the wei', async () => {
    expect(await told(['--max-fee-gwei', '0.000000001', '--spend-cap-ether=2'])).toMatchObject({
      maxFeePerGas: 1n,
      spendCapWei: 2n * 10n ** 18n,
    })
    expect(await told([], { KAISAR_MAX_FEE_GWEI: '1.5' }, { 'spend-cap-ether': 0.25 })).toMatchObject({
      maxFeePerGas: 15n * 10n ** 8n,
      spendCapWei: 25n * 10n ** 16n,
    })
  })

  it.each(['0', '-1', '', '1e3', '0.0000000001', 'much', '.5', '1.'])(
    'a daemon’s limit cannot be "%s"',
    async value => {
      await expect(told([`--max-fee-gwei=${value}`])).rejects.toThrow(/not an amount above 0/)
    },
  )
})
