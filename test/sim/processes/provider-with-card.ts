/**
 * `provider run` on a host with a card, whose driver can be updated: what `nvidia-smi -q -x` prints is in the file that the first word
 * names, and this machine's CPU works in place of the card. No flag does that, since with `--execution-provider cpu` the CPU is the
 * device; so this is the command from its sources, with the real probe over another host. Nothing else of it differs.
 */
import { readFileSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import ProviderRun from '../../../src/commands/provider/run.ts'
import { nodeHost, type ToolOutput } from '../../../src/core/devices/host.ts'
import { createHostProbe } from '../../../src/core/devices/host-probe.ts'

enableCompileCache()
const [recording, ...words] = process.argv.slice(2)
const missing: ToolOutput = { stdout: '', stderr: '', exitCode: null, failure: 'missing' }
const probe = createHostProbe(
  {},
  {
    host: {
      ...nodeHost,
      run: async (command, args) =>
        command === 'nvidia-smi' && args.includes('-x')
          ? { stdout: readFileSync(recording!, 'utf8'), stderr: '', exitCode: 0, failure: null }
          : missing,
    },
  },
)

class ProviderWithCard extends ProviderRun {
  protected override start(...[daemon, told, stop]: Parameters<ProviderRun['start']>) {
    return super.start(daemon, { ...told, probe }, stop)
  }
}

await ProviderWithCard.run(words, fileURLToPath(new URL('../../../', import.meta.url)))
