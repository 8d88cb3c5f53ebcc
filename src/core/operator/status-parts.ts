/** What the status of either role has in common: where the network stands, and what must be said above all. */
import type { Address, Hex } from 'viem'
import type { DataDirOwner } from '../daemon/data-dir-lock.ts'
import type { NetworkView } from '../network/network-view.ts'
import { epochStartsAt } from '../protocol/trigger.ts'
import { duration, grouped } from '../view/figures.ts'

/** Something that costs its operator money, or soon will; `fix` is what to do about it. */
export type StatusWarning = {
  readonly code: string
  readonly device: Hex | null
  readonly message: string
  readonly fix: string
}

export type NetworkStatus = ReturnType<typeof networkStatus>

/** What is known of the daemon of a data folder; null where the status is about somebody else's. */
export type LocalDaemon = { readonly running: DataDirOwner | null }

/** A head this much older than now says that the endpoint has stopped, whatever the block time. */
const staleSeconds = 120

/** @param nowMs - milliseconds since 1970 */
export function networkStatus({ chainId, head, timeline, currentEpoch }: NetworkView, nowMs: number) {
  const ageSeconds = Math.max(0, Math.round(nowMs / 1000 - head.timestamp))
  const epoch = (currentEpoch ?? -1) + 1
  const startsAt = timeline === null ? null : epochStartsAt(timeline, epoch)
  return {
    chainId,
    head: { number: head.number, timestamp: head.timestamp, ageSeconds },
    currentEpoch,
    /** Null before `start` was called. By block time, which is what epochs are made of. */
    nextEpoch: startsAt === null ? null : { epoch, startsAt, inSeconds: Math.max(0, startsAt - head.timestamp) },
  }
}

/** The warnings that apply. */
export const raised = (...warnings: readonly (StatusWarning | false)[]): StatusWarning[] =>
  warnings.filter(warning => warning !== false)

export const staleWarning = ({ head }: NetworkStatus): StatusWarning[] =>
  raised(
    head.ageSeconds > staleSeconds && {
      code: 'CHAIN_STALE',
      device: null,
      message: `The newest block is ${duration(head.ageSeconds)} old: everything below may have changed since.`,
      fix: 'Check the RPC endpoint and this machine’s clock, or name another endpoint with --rpc-url.',
    },
  )

/** @param device - whose payment it is; null for that of a Checker */
export const paymentOwed = (device: Hex | null): StatusWarning => ({
  code: 'PAYMENT_OWED',
  device,
  message: 'A payment could not be delivered to the payout wallet; the vault keeps it.',
  fix: 'Check that the wallet can receive KAI; it is sent with "kaisar epoch settle".',
})

/** The lines that every status begins with. */
export function statusHead(
  role: string,
  operator: Address,
  { chainId, head, currentEpoch, nextEpoch }: NetworkStatus,
  daemon: LocalDaemon | null,
): string[] {
  const epoch =
    nextEpoch === null
      ? 'the network has not started'
      : `${currentEpoch === null ? 'none yet' : `${currentEpoch} is worked`}; epoch ${nextEpoch.epoch} begins in ${duration(nextEpoch.inSeconds)}`
  const running = daemon?.running
  return [
    `${role}  ${operator}`,
    `chain     ${chainId}, block ${grouped(head.number)}, ${duration(head.ageSeconds)} old`,
    `epoch     ${epoch}`,
    ...(daemon === null
      ? []
      : [
          `daemon    ${running ? `process ${running.pid} on ${running.host}, since ${running.since}` : 'does not run with this data folder'}`,
        ]),
  ]
}

export const warningTexts = (warnings: readonly StatusWarning[]): string[] =>
  warnings.flatMap(({ code, message, fix }) => [`! ${code}  ${message}`, `  Fix: ${fix}`])
