import { join } from 'node:path'
import { listKeys } from '../../core/platform/key-folder.ts'
import { BaseCommand } from '../base.ts'

export default class KeysList extends BaseCommand<typeof KeysList> {
  static override description = 'List the keys of this machine: name, address and file.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']

  async run() {
    const keys = listKeys(this.dataDir)
    for (const { name, address, path } of keys)
      this.log(`${name.padEnd(20)} ${address ?? 'unreadable'.padEnd(42)}  ${path}`)
    if (keys.length === 0) this.log('No keys yet. Create one with "kaisar keys new operator".')
    return { folder: join(this.dataDir, 'keys'), keys }
  }
}
