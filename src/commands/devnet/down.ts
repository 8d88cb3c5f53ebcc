import { join } from 'node:path'
import { devnetPidFile, devnetPlace } from '../../core/devnet/devnet-folder.ts'
import { devnetErrors } from '../../core/devnet/errors.ts'
import { BaseCommand, examples } from '../base.ts'

export default class DevnetDown extends BaseCommand<typeof DevnetDown> {
  static override description = 'Stop a devnet and every process of it, also what a crash left behind.'
  static override examples = examples('')

  async run() {
    const { readPidFile, stopWrittenProcess, sweepProcesses } = await import('../../core/platform/pid-file.ts')
    const { removeContext } = await import('../../core/platform/context.ts')
    const { rmSync } = await import('node:fs')
    const { folder, name } = devnetPlace(this.flags['data-dir'], this.config.dataDir)
    const written = readPidFile(devnetPidFile(folder))
    const wasRunning = written !== undefined && (await stopWrittenProcess(written, 20_000))
    const swept = await sweepProcesses(join(folder, 'pids'))
    rmSync(devnetPidFile(folder), { force: true })
    removeContext(this.contextHome, name)
    if (!wasRunning && swept.length === 0) throw devnetErrors.DEVNET_NOT_RUNNING({ dataDir: folder })
    this.log(wasRunning ? 'The devnet is down.' : `Swept what was left: ${swept.join(', ')}.`)
    return { folder, wasRunning, swept }
  }
}
