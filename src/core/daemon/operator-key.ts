/** The key of an operator, in memory or in a signer that is asked over the network, and what signs with it. */
import type { LocalAccount } from 'viem'
import type { UnlockedKey } from '../platform/keystore.ts'
import type { RemoteSigner } from '../platform/remote-signer.ts'
import type { Network } from '../protocol/typed-data.ts'
import type { Signer } from '../report/signer.ts'

/** A key that is in memory now, or one that is asked. */
export type OperatorKey = UnlockedKey | RemoteSigner

const isRemote = (key: OperatorKey): key is RemoteSigner => 'signTypedData' in key

/** What signs transactions. */
export async function accountOf(key: OperatorKey): Promise<LocalAccount> {
  if (isRemote(key)) return (await import('../chain/tx/account.ts')).remoteAccount(key)
  const [{ keyAccount }, { openCurve }] = await Promise.all([
    import('../chain/tx/account.ts'),
    import('../report/curve.ts'),
  ])
  return keyAccount(key, openCurve())
}

/** What signs messages of a network. */
export async function signerOf(key: OperatorKey, network: Network): Promise<Signer> {
  if (isRemote(key)) return (await import('../report/remote-report-signer.ts')).openRemoteReportSigner(key, network)
  return (await import('../report/signer.ts')).createSigner({ privateKey: key.privateKey, network })
}
