/** What both daemons stand on: their folder and its lock, the key, the chain, the store, the transaction sender. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { ConnectedNetwork } from '../chain/network.ts'
import { createTransactionSender, type SenderOptions, type TransactionSender } from '../chain/tx/transaction-sender.ts'
import { transactionTables } from '../chain/tx/transaction-store.ts'
import type { Clock } from '../platform/clock.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { Logger } from '../platform/log.ts'
import { type Store, stateFile } from '../platform/store.ts'
import type { Signer } from '../report/signer.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { accountOf, type OperatorKey, signerOf } from './operator-key.ts'
import { asOnlyRun } from './operator-session.ts'
import { openOwnState } from './own-chain.ts'

/** A daemon that is open: what its role is run with. */
export type OpenDaemon = {
  /** Of this role: certificate, state and evidence live in it. */
  readonly folder: string
  readonly network: ConnectedNetwork
  readonly signer: Signer
  readonly store: Store
  readonly sender: TransactionSender
}

export type OpenDaemonOptions = {
  readonly role: 'provider' | 'checker'
  readonly dataDir: string
  /** SQL of the role's own schema versions. */
  readonly migrations: readonly string[]
  readonly sending: Pick<SenderOptions, 'confirmations' | 'maxTipPerGas' | 'maxFeePerGas' | 'spendCapWei'>
}

export type OpenDaemonDependencies<Key extends OperatorKey> = {
  readonly openKey: () => Promise<Key>
  readonly connectNetwork: () => Promise<ConnectedNetwork>
  readonly log: Logger
  readonly clock: Clock
}

/** Opens everything in the order in which it can be refused: the folder first, then the key, then the chain. */
export async function openDaemon<Key extends OperatorKey>(
  { role, dataDir, migrations, sending }: OpenDaemonOptions,
  { openKey, connectNetwork, log, clock }: OpenDaemonDependencies<Key>,
) {
  const folder = join(dataDir, role)
  const lock = lockDataDir({ path: folder, owner: `kaisar ${role} run` })
  try {
    const key = await openKey()
    const network = await connectNetwork()
    const [account, signer] = await Promise.all([accountOf(key), signerOf(key, network)])
    const { store, otherChainTo } = await openOwnState(
      { path: stateFile(folder, network), migrations: [transactionTables, ...migrations] },
      { chain: network.chain, now: () => clock.now() },
    )
    if (otherChainTo !== null)
      log.warn(
        { file: otherChainTo },
        'the state was of another chain with this id, which was started anew; it was set aside, and a fresh one is begun',
      )
    if (store.quarantinedTo !== undefined)
      log.warn(
        { file: store.quarantinedTo },
        'the state was damaged and set aside; what matters is read from the chain again',
      )
    const sender = createTransactionSender(
      { ...sending, pollMs: 250 },
      {
        chain: network.chain,
        account,
        store,
        crashPoint,
        onTrouble: error => log.warn({ code: error.code }, error.message),
      },
    )
    const close = async () => {
      await sender.stop()
      store.close()
      lock.release()
    }
    /** Runs the daemon as the only one of its operator; see `asOnlyRun`. */
    const onlyRun = (
      { takeOver, stop }: { readonly takeOver: boolean; readonly stop: AbortSignal },
      run: (stop: AbortSignal) => Promise<void>,
    ) => asOnlyRun({ network, role, takeOver }, { sender, store, clock, log, randomBytes }, stop, run)
    return { folder, key, network, signer, store, sender, onlyRun, close }
  } catch (error) {
    lock.release()
    throw error
  }
}
