/** Two signed commitments of one device and round cost its deposit: whoever holds both sends them to the chain. */
import { deviceRegistryAbi } from '../chain/abi/device-registry.ts'
import { getDevice } from '../chain/devices.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { priority } from '../chain/tx/transaction-sender.ts'
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
      sender.enqueue({
        key,
        to: network.contracts.DeviceRegistry,
        abi: deviceRegistryAbi,
        functionName: 'slashEquivocation',
        args: [first.message, first.signature, second.message, second.signature],
        priority: priority.keeper,
      })
    }
  }
}
