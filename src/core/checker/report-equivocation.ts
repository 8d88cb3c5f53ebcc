/**
 * Two signed commitments of one device and round cost its deposit: whoever holds both sends them to the chain. All seats that judge the device may
 * hold them, and only the first is taken, so they wait for their turns.
 *
 * Why: docs/why/consensus-and-audits.md
 */
import type { Address, Hex } from 'viem'
import { getDevice } from '../chain/devices.ts'
import { getTimeline } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { callOf } from '../chain/read.ts'
import { priority, type TransactionSender } from '../chain/tx/transaction-sender.ts'
import { keeperRank, turnSeconds } from '../epoch/keeper-times.ts'
import type { Logger } from '../platform/log.ts'
import type { Duty } from './duty.ts'
import type { CheckerJournal } from './journal.ts'

export type EquivocationDependencies = {
  readonly network: ConnectedNetwork
  readonly journal: Pick<CheckerJournal, 'contradictions'>
  readonly sender: TransactionSender
  readonly log: Logger
  readonly epochs: { of(epoch: number): { readonly duty: Pick<Duty, 'devices' | 'committees'> } | null }
  /** Timestamp of the newest block, in seconds. */
  readonly now: () => number
}

/** @returns a pass over the journal: sends what the chain has not punished yet, as often as one likes */
export function createEquivocationReports(deps: EquivocationDependencies): () => Promise<void> {
  const { network, journal, sender, log, epochs, now } = deps
  const over = new Set<string>()
  /** Block time at which each proof was first seen; turns are counted from there. */
  const seenAt = new Map<string, number>()
  /** Owners of the seats that judge a device; none where the epoch is not known any more. */
  function judgesOf(epoch: number, device: Hex): readonly Address[] {
    const duty = epochs.of(epoch)?.duty
    const cohort = duty?.devices.find(({ deviceId }) => deviceId === device)?.cohort
    return duty?.committees.get(cohort ?? -1) ?? []
  }

  return async () => {
    for (const { first, second } of journal.contradictions()) {
      const { deviceId, generation, round, epoch } = first.message
      const key = `equivocation/${round}/${deviceId}`
      if (over.has(key) || sender.isOpen(key)) continue
      const device = await getDevice(network, deviceId)
      // Punished already, by whoever was first, or gone; a later registration is another deposit.
      if (device === null || device.deposit === 0n || device.generation !== generation) {
        over.add(key)
        continue
      }
      const since = seenAt.get(key) ?? now()
      seenAt.set(key, since)
      const rank = keeperRank(round, judgesOf(Number(epoch), deviceId), sender.address)
      // A proof of equivocation has no deadline: each keeper can have a turn of its own.
      if (now() < since + rank * turnSeconds(1, (await getTimeline(network))?.epochSeconds ?? 0)) continue
      log.warn({ device: deviceId, round }, 'proving equivocation')
      const proof = [first.message, first.signature, second.message, second.signature] as const
      const call = callOf(network.contracts, 'DeviceRegistry', 'slashEquivocation', ...proof)
      sender.enqueue({ key, ...call, priority: priority.keeper })
    }
  }
}
