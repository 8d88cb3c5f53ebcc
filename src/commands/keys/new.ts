import { Args } from '@oclif/core'
import { assertKeyIsNew, keyPath, saveKey } from '../../core/platform/key-folder.ts'
import { BaseCommand, examples } from '../base.ts'
import { passwordFlags } from '../key-flags.ts'

export default class KeysNew extends BaseCommand<typeof KeysNew> {
  static override description = `Create a key, encrypted with a password.

The file is Web3 Secret Storage, version 3: geth and "cast wallet" open it too. The operator key is hot: it registers and signs.
Keep the payout key on another machine; only its address is needed here.`
  static override examples = examples('operator', 'operator --password-file ~/.kaisar-password')
  static override args = { name: Args.string({ description: 'Name of the key, a-z 0-9 -', default: 'operator' }) }
  static override flags = { ...passwordFlags }

  async run() {
    const { name } = this.args
    assertKeyIsNew(keyPath(this.dataDir, name))
    const { generatePrivateKey, privateKeyToAddress } = await import('viem/accounts')
    const password = await this.readPassword(`Password for the new key "${name}"`, { twice: true })
    const privateKey = generatePrivateKey()
    const path = await saveKey({ dataDir: this.dataDir, name, privateKey, password })
    const address = privateKeyToAddress(privateKey)
    this.log(`${address}  ${path}`)
    this.progress('Back up this file and its password: without both, what the key owns is lost.')
    this.nextSteps([
      `Send it the chain's coin for gas, and see what has arrived: kaisar wallet balance ${address}`,
      `kaisar chain deploy, kaisar provider init or kaisar checker init${name === 'operator' ? '' : `, with --key ${name}`}`,
    ])
    return { name, address, path }
  }
}
