import { BaseCommand } from '../base.ts'

export default class KeysList extends BaseCommand<typeof KeysList> {
  static override description = 'List the keys of this machine: name and address.'

  async run() {
    await this.createLog('x')
    return { dataDir: this.dataDir, flags: this.flags }
  }
}
