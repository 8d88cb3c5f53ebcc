import { fileURLToPath } from 'node:url'
import { Config } from '@oclif/core'
import { afterEach, expect, it, vi } from 'vitest'
import DevnetUp from '../../../src/commands/devnet/up.ts'
import type { DevnetEvent } from '../../../src/core/devnet/start-devnet.ts'
import { isolatedHome } from '../../helpers/run-cli.ts'

const verdict = (device: string) =>
  ({ type: 'verdict.recorded', deviceId: device, round: '0x11', seat: '0x22', verdict: 'VALID' }) as never

vi.mock(import('../../../src/core/devnet/start-devnet.ts'), () => ({
  startDevnet: async (_: unknown, { onEvent = () => undefined }: { onEvent?: (event: DevnetEvent) => void } = {}) => {
    onEvent(verdict(`0x${'aa'.repeat(32)}`))
    return {
      paidEpochs: async () => undefined,
      // Who is asked to end judges what is open before it does.
      stop: async () => onEvent(verdict(`0x${'bb'.repeat(32)}`)),
    } as never
  },
}))
vi.mock(import('../../../src/core/devnet/summary.ts'), () => ({
  summarizeDevnet: async () => ({ devices: [] }) as never,
  summaryTable: () => 'the table',
}))

afterEach(() => vi.restoreAllMocks())

it('the table of what was paid and the next steps are the last that devnet up says', async () => {
  let said = ''
  const hear = (text: unknown) => {
    said += String(text)
    return true
  }
  vi.spyOn(process.stdout, 'write').mockImplementation(hear)
  vi.spyOn(process.stderr, 'write').mockImplementation(hear)
  vi.spyOn(console, 'log').mockImplementation(text => void hear(`${text}\n`))
  const config = await Config.load(fileURLToPath(new URL('../../../', import.meta.url)))
  await DevnetUp.run(['--epochs', '1', '--plain', '--data-dir', isolatedHome().path], config)
  expect(said).toContain('0xaaaa')
  expect(said.indexOf('the table')).toBeGreaterThan(said.indexOf('0xaaaa'))
  expect(said).not.toContain('0xbbbb')
  expect(said.trim()).toMatch(/kaisar chain ui( --context \S+)?$/)
})
