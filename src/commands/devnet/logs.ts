import { Args, Flags } from '@oclif/core'
import { devnetPlace } from '../../core/devnet/devnet-folder.ts'
import { BaseCommand, examples } from '../base.ts'

export default class DevnetLogs extends BaseCommand<typeof DevnetLogs> {
  static override description = 'Print the last lines that the processes of a devnet wrote.'
  static override examples = examples('', 'checker-1 --lines 100')
  static override args = { name: Args.string({ description: 'Process, e.g. provider-1; default: all' }) }
  static override flags = {
    lines: Flags.integer({ description: 'Lines of each process', default: 20, min: 1, max: 10_000 }),
  }

  async run() {
    const { readDevnetLogs } = await import('../../core/devnet/devnet-folder.ts')
    const { folder } = devnetPlace(this.flags['data-dir'], this.config.dataDir)
    const logs = readDevnetLogs(folder, { name: this.args.name, lines: this.flags.lines })
    for (const { name, lines } of logs) for (const line of lines) this.log(`${name.padEnd(12)} ${line}`)
    return { folder, logs }
  }
}
