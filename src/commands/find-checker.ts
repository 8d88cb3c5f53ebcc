import type { BondedChecker } from '../core/chain/checkers.ts'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import { addressFlag } from './input-values.ts'
import { calldataFlags, sendingFlags } from './sending-command.ts'

type Address = `0x${string}`

export const checkerFlags = {
  ...sendingFlags,
  ...calldataFlags,
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
  const { chainErrors } = await import('../core/chain/errors.ts')
  const address = operator ?? (await keyAddress())
  const own = await getChecker(network, address)
  if (own !== null) return own
  const paid = operator === undefined ? (await getCheckers(network)).filter(({ payout }) => payout === address) : []
  if (paid.length === 1) return paid[0]!
  throw chainErrors.CHECKER_UNKNOWN({ address, operators: paid.map(checker => checker.operator) })
}
