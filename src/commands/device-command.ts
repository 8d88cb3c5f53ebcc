/** What the commands of one device or one Checker share: which one is meant, and when its deposit or bond may leave. */
import { Args } from '@oclif/core'
import type { BondedChecker } from '../core/chain/checkers.ts'
import type { RegisteredDevice } from '../core/chain/devices.ts'
import { chainErrors } from '../core/chain/errors.ts'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import type { Withdrawal } from '../core/chain/withdrawal.ts'
import { exactUnits } from '../core/platform/exact-units.ts'
import { addressFlag } from './input-values.ts'
import { callFlags } from './sending-command.ts'

export const deviceArg = Args.string({ description: 'Device id, or its first digits', required: true })

/** A device that is in, or has left and holds its lane still. @throws EXPLORER_DEVICE_UNKNOWN, EXPLORER_DEVICE_AMBIGUOUS */
export async function findRegistered(network: ConnectedNetwork, asked: string): Promise<RegisteredDevice> {
  const { getDevices } = await import('../core/chain/devices.ts')
  const { findDevice } = await import('../core/network/network-view.ts')
  const devices = await getDevices(network)
  const ids = devices.map(({ id }) => id)
  return devices[ids.indexOf(findDevice(ids, asked))]!
}

/** `2026-11-29 16:00 UTC`. */
export const blockTime = (seconds: number): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`

/** How much may be withdrawn when, in words. */
export function withdrawalText(amount: bigint, withdrawal: Withdrawal): string {
  const kai = `${exactUnits(amount)} KAI`
  const hint = withdrawal.state === 'unpaid' ? ': "kaisar epoch settle"' : ''
  return withdrawal.state === 'none' ? `${kai} stay` : `${kai} can be withdrawn ${withdrawalTime(withdrawal)}${hint}`
}

/** When, as it goes into a table. */
export function withdrawalTime({ state, epoch, at }: Withdrawal): string {
  switch (state) {
    case 'none':
      return 'never'
    case 'ready':
      return 'now'
    case 'unpaid':
      return `once epoch ${epoch} is paid`
    case 'held':
      return `once epoch ${epoch} is over with its audits${at === null ? '' : `, about ${blockTime(at)}`}`
  }
}

type Address = `0x${string}`

export const checkerFlags = {
  ...callFlags,
  operator: addressFlag({ description: 'Operator of the Checker. Default: whose operator or payout wallet --key is' }),
}

/**
 * The Checker that is meant: of this operator, or of the key at hand, be it the operator's or the payout wallet's.
 *
 * @throws CHECKER_UNKNOWN, with the candidates where one wallet is paid for several
 */
export async function findChecker(
  network: ConnectedNetwork,
  operator: Address | undefined,
  keyAddress: () => Promise<Address>,
): Promise<BondedChecker> {
  const { getChecker, getCheckers } = await import('../core/chain/checkers.ts')
  const address = operator ?? (await keyAddress())
  const own = await getChecker(network, address)
  if (own !== null) return own
  const paid = operator === undefined ? (await getCheckers(network)).filter(({ payout }) => payout === address) : []
  if (paid.length === 1) return paid[0]!
  throw chainErrors.CHECKER_UNKNOWN({ address, operators: paid.map(checker => checker.operator) })
}
