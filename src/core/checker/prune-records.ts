/**
 * Records and evidence go when nobody can ask for them any more. A seat that judged an epoch is frozen for the next one too; once
 * both are paid and audited its bond may leave, and with it the duty to show what it saw.
 */
import { settledThrough } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { CheckerJournal } from './journal.ts'

/** Epochs kept in any case, for who wants to look back. */
const keptEpochs = 8

/** @returns the first epoch that is kept */
export async function pruneRecords(
  network: ConnectedNetwork,
  current: number,
  {
    journal,
    readSettled = settledThrough,
  }: {
    readonly journal: Pick<CheckerJournal, 'prune'>
    readonly readSettled?: (network: ConnectedNetwork) => Promise<number | null>
  },
): Promise<number> {
  const settled = await readSettled(network)
  const first = Math.max(0, Math.min(settled ?? 0, current - keptEpochs))
  journal.prune(first)
  return first
}
