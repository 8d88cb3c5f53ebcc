import { Args, Flags } from '@oclif/core'
import type { Hex } from 'viem'
import { assertKeyIsNew, keyPath, readKeystore, readKeyText, saveKey } from '../../core/platform/key-folder.ts'
import { decryptKeystore, parsePrivateKey } from '../../core/platform/keystore.ts'
import { BaseCommand, examples } from '../base.ts'
import { fileFlag } from '../input-values.ts'
import { passwordFlags } from '../key-flags.ts'

export default class KeysImport extends BaseCommand<typeof KeysImport> {
  static override description = `Import a key from a keystore file, or a private key from a file or a hidden prompt.

A private key is never taken from the command line: other users of the machine could read it there.`
  static override examples = examples(
    'operator --keystore ./UTC--2026-01-01--00ff',
    'operator --private-key-file ./key.hex --password-file ./password',
  )
  static override args = { name: Args.string({ description: 'Name of the key, a-z 0-9 -', default: 'operator' }) }
  static override flags = {
    keystore: Flags.string({
      description: 'Keystore file (version 3); its password stays the same',
      helpValue: '<file>',
      exclusive: ['private-key-file'],
    }),
    'private-key-file': fileFlag('File (mode 0600) with the private key in hexadecimal'),
    ...passwordFlags,
  }

  async run() {
    const { name } = this.args
    assertKeyIsNew(keyPath(this.dataDir, name))
    const { privateKey, password } = this.flags.keystore
      ? await this.fromKeystore(this.flags.keystore)
      : await this.fromText()
    const { privateKeyToAddress } = await import('viem/accounts')
    const path = await saveKey({ dataDir: this.dataDir, name, privateKey, password })
    const address = privateKeyToAddress(privateKey)
    this.log(`${address}  ${path}`)
    return { name, address, path }
  }

  private async fromKeystore(path: string): Promise<{ privateKey: Hex; password: string }> {
    const keystore = readKeystore(path)
    const password = await this.readPassword(`Password of ${path}`)
    return { privateKey: (await decryptKeystore(keystore, password, path)).privateKey, password }
  }

  private async fromText(): Promise<{ privateKey: Hex; password: string }> {
    const file = this.flags['private-key-file']
    const text = file ? readKeyText(file) : await this.askHidden('Private key', '--private-key-file')
    const privateKey = parsePrivateKey(text, file ?? 'The answer')
    this.redactor.add(privateKey)
    return { privateKey, password: await this.readPassword('Password to encrypt it with', { twice: true }) }
  }
}
