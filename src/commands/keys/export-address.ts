import { Args } from '@oclif/core'
import { keyPath, readKeystore } from '../../core/platform/key-folder.ts'
import { decryptKeystore, keystoreAddress } from '../../core/platform/keystore.ts'
import { BaseCommand } from '../base.ts'
import { passwordFlags } from '../key-flags.ts'

export default class KeysExportAddress extends BaseCommand<typeof KeysExportAddress> {
  static override description = `Print the address of a key, and nothing else.

The password is only asked for where the file does not state its address.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> operator',
    'PAYOUT=$(<%= config.bin %> <%= command.id %> payout)',
  ]
  static override args = { name: Args.string({ description: 'Name of the key', default: 'operator' }) }
  static override flags = { ...passwordFlags }

  async run() {
    const { name } = this.args
    const path = keyPath(this.dataDir, name)
    const keystore = readKeystore(path)
    const address =
      keystoreAddress(keystore) ??
      (await decryptKeystore(keystore, await this.readPassword(`Password of ${path}`), path)).address
    this.log(address)
    return { name, address, path }
  }
}
