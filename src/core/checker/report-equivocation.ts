/** Two signed commitments of one device and round cost its deposit: whoever holds both sends them to the chain. */
import { getDevice } from '../chain/devices.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { callOf } from '../chain/read.ts'
import { priority, type TransactionSender } from '../chain/tx/transaction-sender.ts'
import type { Logger } from '../platform/log.ts'
import type { CheckerJournal } from './journal.ts'

export type EquivocationDependencies = {
  readonly network: ConnectedNetwork
  readonly journal: Pick<CheckerJournal, 'contradictions'>
  readonly sender: TransactionSender
  readonly log: Logger
}

/** @returns a pass over the journal: sends what the chain has not punished yet, as often as one likes */
export function createEquivocationReports(deps: EquivocationDependencies): () => Promise<void> {
  const { network, journal, sender, log } = deps
  const over = new Set<string>()
  return async () => {
    for (const { first, second } of journal.contradictions()) {
      const { deviceId, generation, round } = first.message
      const key = `equivocation/${round}/${deviceId}`
      if (over.has(key)) continue
      const device = await getDevice(network, deviceId)
      // Punished already, by whoever was first, or gone; a later registration is another deposit.
      if (device === null || device.deposit === 0n || device.generation !== generation) {
        over.add(key)
        continue
      }
      if (sender.open().every(action => action.key !== key))
        log.warn({ device: deviceId, round }, 'proving equivocation')
      const proof = [first.message, first.signature, second.message, second.signature] as const
      const call = callOf(network.contracts, 'DeviceRegistry', 'slashEquivocation', ...proof)
      sender.enqueue({ key, ...call, priority: priority.keeper })
    }
  }
}
