/** The configuration reference: every flag as a setting, and an example that commands take as it stands. */
import { parse } from 'smol-toml'
import { expect, it } from 'vitest'
import { checkConfigKeys, configValue } from '../../../src/core/platform/config.ts'

type Flag = { name: string; type: 'option' | 'boolean'; env: string } & Record<string, unknown>
type Manifest = { commands: Record<string, { flags: Record<string, Flag> }> }
const path: string = '../../../scripts/configuration-reference.mjs'
const { configurationReference } = (await import(path)) as { configurationReference(manifest: Manifest): string }

const flag = (name: string, more: object = {}): Flag => ({
  name,
  type: 'option',
  env: `KAISAR_${name.replaceAll('-', '_').toUpperCase()}`,
  description: `What ${name} sets.`,
  ...more,
})
const flags = (...all: Flag[]) => ({ flags: Object.fromEntries(all.map(each => [each.name, each])) })
const json = flag('json', { type: 'boolean' })
const urls = flag('rpc-url', { multiple: true, helpValue: '<url>' })
const page = configurationReference({
  commands: {
    'provider:run': flags(json, urls, flag('metrics-port'), flag('payout'), flag('threads', { default: 0 })),
    'provider:init': flags(json, urls, flag('payout')),
    'devnet:up': flags(json, flag('threads', { default: 1 }), flag('secret', { hidden: true })),
  },
})
const rows = page.split('\n').filter(line => line.startsWith('| `'))

it('has one row for each meaning, with variable, value, default and commands', () => {
  expect(rows).toEqual([
    '| `json` | `KAISAR_JSON` | true, false | `false` | all | What json sets |',
    '| `threads` | `KAISAR_THREADS` | value | `1` | devnet (all) | What threads sets |',
    '| `metrics-port` | `KAISAR_METRICS_PORT` | value |  | provider run | What metrics-port sets |',
    '| `payout` | `KAISAR_PAYOUT` | value |  | provider (all) | What payout sets |',
    '| `rpc-url` | `KAISAR_RPC_URL` | list of url |  | provider (all) | What rpc-url sets |',
    '| `threads` | `KAISAR_THREADS` | value | `0` | provider run | What threads sets |',
  ])
})

it('shows a file whose keys commands know, with the narrowest table first', () => {
  const root = parse(/```toml\n([\s\S]*?)```/.exec(page)![1]!)
  const config = { path: 'config.toml', root }
  checkConfigKeys(config, new Map([['provider run', new Set(['rpc-url', 'payout', 'metrics-port'])]]))
  expect(configValue(config, ['provider', 'run'], 'rpc-url')).toHaveLength(2)
  expect(configValue(config, ['provider', 'init'], 'metrics-port')).toBeUndefined()
})
