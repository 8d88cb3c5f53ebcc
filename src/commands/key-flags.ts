/** The key that signs: a keystore of this machine, or one in a signer that is asked over the network. */
import { Flags, type Interfaces } from '@oclif/core'
import { addressFlag, fileFlag } from './input-values.ts'

/** The flag of commands that open or write a key. */
export const passwordFlags = {
  'password-file': fileFlag(
    'File (mode 0600) with the password of the key; made where it is missing and a key is made. Default: the systemd credential kaisar-password, else a prompt',
  ),
}

/** The flags that name a key in a signer. */
export const signerFlags = {
  'signer-url': Flags.string({
    description: 'Web3Signer or clef that holds the key, instead of --key',
    helpValue: '<url>',
  }),
  'signer-address': addressFlag({ description: 'Which key of --signer-url. Default: its only one' }),
}

/** The flags of commands that sign: `static flags = { ...keyFlags, … }`, then `await this.operatorKey()`. */
export const keyFlags = {
  key: Flags.string({
    description: 'Name of the key that signs (see "kaisar keys list"), or path of a keystore file',
    default: 'operator',
    helpValue: '<name|file>',
  }),
  ...passwordFlags,
  ...signerFlags,
}

export type KeyFlags = Partial<Interfaces.InferredFlags<typeof keyFlags>>
