import { basename, join } from 'node:path'
import { listKeys } from '../../core/platform/key-folder.ts'
import { BaseCommand, examples } from '../base.ts'
import { printTable } from '../print-table.ts'

export default class KeysList extends BaseCommand<typeof KeysList> {
  static override description = 'List the keys of this machine: name, address and file.'
  static override examples = examples('', '--json')

  async run() {
    const keys = listKeys(this.dataDir)
    const folder = join(this.dataDir, 'keys')
    await printTable(
      this,
      [
        { title: 'name', cell: ({ name }) => name },
        { title: 'address', cell: ({ address }) => address ?? 'unreadable' },
        { title: 'file', cell: ({ path }) => basename(path) },
      ],
      keys,
      'No keys yet. Create one with "kaisar keys new operator".',
    )
    if (keys.length > 0) this.log(`in ${folder}`)
    return { folder, keys }
  }
}
