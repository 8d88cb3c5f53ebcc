/** The key that signs: a keystore of this machine, or one in a signer that is asked over the network. */
import { Flags } from '@oclif/core'
import type { LocalAccount } from 'viem'
import type { UnlockedKey } from '../core/platform/keystore.ts'
import type { RemoteSigner } from '../core/platform/remote-signer.ts'
import type { Network } from '../core/protocol/typed-data.ts'
import type { Signer } from '../core/report/signer.ts'
import { addressFlag } from './input-values.ts'

/** The flag of commands that open or write a key. */
export const passwordFlags = {
  'password-file': Flags.string({
    description:
      'File (mode 0600) with the password of the key; made where it is missing and a key is made. Default: the systemd credential kaisar-password, else a prompt',
    helpValue: '<file>',
  }),
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

export type KeyFlags = {
  readonly key?: string
  readonly 'signer-url'?: string
  readonly 'signer-address'?: `0x${string}`
}

/** A key that is in memory now, or one that is asked. */
export type OperatorKey = UnlockedKey | RemoteSigner

const isRemote = (key: OperatorKey): key is RemoteSigner => 'signTypedData' in key

/** What signs transactions. */
export async function accountOf(key: OperatorKey): Promise<LocalAccount> {
  if (isRemote(key)) return (await import('../core/chain/tx/account.ts')).remoteAccount(key)
  const [{ keyAccount }, { openCurve }] = await Promise.all([
    import('../core/chain/tx/account.ts'),
    import('../core/report/curve.ts'),
  ])
  return keyAccount(key, openCurve())
}

/** What signs messages of a network. */
export async function signerOf(key: OperatorKey, network: Network): Promise<Signer> {
  if (isRemote(key))
    return (await import('../core/report/remote-report-signer.ts')).openRemoteReportSigner(key, network)
  return (await import('../core/report/signer.ts')).createSigner({ privateKey: key.privateKey, network })
}
