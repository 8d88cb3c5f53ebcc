/** What an account lacks is said at once: KAI, the chain's own coin that pays for gas, or both. */
import type { Address } from 'viem'
import { exactUnits } from '../platform/exact-units.ts'
import type { Chain } from './client.ts'
import { chainErrors } from './errors.ts'

/** Wei of either. */
export type Funds = { readonly KAI: bigint; readonly coin: bigint }

/** @throws KAI_INSUFFICIENT, FUNDS_INSUFFICIENT, KAI_AND_COIN_INSUFFICIENT */
export function assertFunds(
  account: Address,
  { balances, needed }: { readonly balances: Funds; readonly needed: Funds },
): void {
  const lacks = { KAI: balances.KAI < needed.KAI, coin: balances.coin < needed.coin }
  if (lacks.KAI && lacks.coin) throw chainErrors.KAI_AND_COIN_INSUFFICIENT({ account, balances, needed })
  if (lacks.KAI) throw chainErrors.KAI_INSUFFICIENT({ account, balance: balances.KAI, needed: needed.KAI })
  if (lacks.coin) throw chainErrors.FUNDS_INSUFFICIENT({ account, balanceWei: balances.coin, neededWei: needed.coin })
}

/** Gas for the few transactions with which a role begins. */
export const comfortableGas = 2_000_000n

/** The chain's own coin of an account, and as much as some gas costs now. */
export async function coinFor(
  { client }: Pick<Chain, 'client'>,
  account: Address,
  gas = comfortableGas,
): Promise<{ readonly balance: bigint; readonly needed: bigint }> {
  const [balance, gasPrice] = await Promise.all([client.getBalance({ address: account }), client.getGasPrice()])
  return { balance, needed: gas * gasPrice }
}

/** How much of the coin has to come as well; nothing where there is enough. */
const coinToo = ({ balance, needed }: { readonly balance: bigint; readonly needed: bigint }): string =>
  balance >= needed
    ? ''
    : `; and ${exactUnits(needed - balance)} of the chain’s own coin for gas, of which it holds ${exactUnits(balance)}`

/** An account with less KAI than it needs, in wei, and how it stands with the coin for gas. */
export type Shortage = {
  readonly account: Address
  readonly needed: bigint
  readonly balance: bigint
  readonly coin: Awaited<ReturnType<typeof coinFor>>
}

/** What an operator needs, holds, and has to be sent, as the end of a sentence. */
export const shortageText = ({ account, needed, balance, coin }: Shortage): string =>
  `${exactUnits(needed)} KAI, and the operator ${account} holds ${exactUnits(balance)}: send it ${exactUnits(needed - balance)} KAI or more${coinToo(coin)}.`
