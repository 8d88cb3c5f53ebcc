/** The record of what enrolments were sent: one of each network below the data folder, used by one process at a time. */
import { join } from 'node:path'
import type { LocalAccount } from 'viem'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { FeeCaps } from '../chain/tx/fees.ts'
import { createTransactionSender, type TransactionSender } from '../chain/tx/transaction-sender.ts'
import { transactionTables } from '../chain/tx/transaction-store.ts'
import { lockDataDir } from '../daemon/data-dir-lock.ts'
import { openOwnState, ownChainTable } from '../daemon/own-chain.ts'
import { crashPoint } from '../platform/crash-point.ts'
import type { KaisarError } from '../platform/errors.ts'
import { stateFile } from '../platform/store.ts'

export type EnrolmentRecord = {
  readonly path: string
  /** A sender that goes on with what is recorded, in place of the one before. */
  open(caps: FeeCaps): Promise<TransactionSender>
  close(): Promise<void>
}

/** What a person agreed to bounds the fees, not a day's sum. */
const unbounded = 2n ** 128n

/** @throws DATA_DIR_LOCKED, and as `openStore` */
export async function openEnrolmentRecord(
  { dataDir, network }: { readonly dataDir: string; readonly network: ConnectedNetwork },
  { account, onTrouble }: { readonly account: LocalAccount; readonly onTrouble: (error: KaisarError) => void },
): Promise<EnrolmentRecord> {
  const folder = join(dataDir, 'enrolments')
  const lock = lockDataDir({ path: folder, owner: 'kaisar fleet enrol' })
  try {
    const { chain } = network
    const path = stateFile(folder, network)
    const options = { path, migrations: [transactionTables, ownChainTable] }
    const { store } = await openOwnState(options, { chain, now: Date.now })
    let sender: TransactionSender | null = null
    return {
      path,
      async open({ feePerGas: maxFeePerGas, tipPerGas: maxTipPerGas }) {
        await sender?.stop()
        sender = createTransactionSender(
          { maxFeePerGas, maxTipPerGas, spendCapWei: unbounded, pollMs: 250 },
          { chain, account, store, onTrouble, crashPoint },
        )
        return sender
      },
      async close() {
        await sender?.stop()
        store.close()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}
