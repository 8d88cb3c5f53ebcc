/** What `devnet up` says once a network is over; the network itself is made up here, and real in test/e2e/devnet.test.ts. */
import { fileURLToPath } from 'node:url'
import { Config } from '@oclif/core'
import { afterEach, expect, it, vi } from 'vitest'
import DevnetUp from '../../../src/commands/devnet/up.ts'
import { isolatedHome } from '../../helpers/run-cli.ts'

const { path: dataDir } = isolatedHome()
let onReady = () => {}
const stop = vi.fn(async () => undefined)
vi.mock('../../../src/core/devnet/start-devnet.ts', () => ({
  async startDevnet() {
    onReady()
    return { paidEpochs: async () => undefined, stop }
  },
}))
vi.mock('../../../src/core/devnet/summary.ts', async original => ({
  ...(await original<object>()),
  summarizeDevnet: async () => ({ devices: [] }),
  summaryTable: () => 'the table',
}))
afterEach(() => {
  vi.restoreAllMocks()
  stop.mockClear()
})

async function said(...args: string[]): Promise<string> {
  let text = ''
  const take = (chunk: unknown) => {
    text += String(chunk)
    return true
  }
  vi.spyOn(process.stderr, 'write').mockImplementation(take)
  vi.spyOn(console, 'log').mockImplementation(line => void take(`${line}\n`))
  const config = await Config.load(fileURLToPath(new URL('../../../', import.meta.url)))
  await DevnetUp.run(['--plain', '--data-dir', dataDir, ...args], config)
  expect(stop).toHaveBeenCalledOnce()
  return text
}

it('names next steps below its table after the epochs that were asked for, and how a network is left running', async () => {
  expect(await said('--epochs', '1')).toMatch(
    /the table\nNext:\n {2}The network ended with this command\. --keep leaves it running[\s\S]*kaisar epoch explain .* --context /,
  )
})

it('names them too where Ctrl-C ended it', async () => {
  onReady = () => process.emit('SIGINT', 'SIGINT')
  expect(await said()).toMatch(/the table\nNext:\n {2}.*"kaisar devnet up --detach" leaves one running/)
})
