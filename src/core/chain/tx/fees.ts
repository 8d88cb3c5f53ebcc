import type { Chain } from '../client.ts'
import { chainErrors } from '../errors.ts'

/** The fee that one attempt offers, in wei per gas. */
export type Fee = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

/** The fee that the next block asks for, in wei per gas. */
export type FeeMarket = { readonly baseFeePerGas: bigint; readonly tipPerGas: bigint }

/** Nodes refuse a replacement that raises both fees by less than 10%; 20% leaves no doubt. */
const bumpPercent = 120n

/** The highest fee that this installation offers, in wei per gas. */
export type FeeCaps = { readonly feePerGas: bigint; readonly tipPerGas: bigint }

/** The caps where the user names none. */
export const defaultFeeCaps: FeeCaps = { feePerGas: 200_000_000_000n, tipPerGas: 10_000_000_000n }

/** The first attempt offers at most a quarter of the tip's cap, so that seven replacements can raise it. */
const firstTipShare = 4n
export const firstTip = (market: Pick<FeeMarket, 'tipPerGas'>, caps: Pick<FeeCaps, 'tipPerGas'>): bigint =>
  min(market.tipPerGas, caps.tipPerGas / firstTipShare)

const bumped = (value: bigint) => (value * bumpPercent + 99n) / 100n
const max = (a: bigint, b: bigint) => (a > b ? a : b)
export const min = (a: bigint, b: bigint) => (a < b ? a : b)

/**
 * The fee of the next attempt at a nonce: the market's, and at least 20% above what was offered for that nonce before. The chain sets the base
 * fee; the tip is only the word of the endpoints and therefore has a cap of its own.
 *
 * @returns null when that is above the caps, or when the cap is below the fee of the next block
 */
export function nextFee(market: FeeMarket, offered: readonly Fee[], caps: FeeCaps): Fee | null {
  const { feePerGas: capPerGas } = caps
  const tip = firstTip(market, caps)
  const floorFee = bumped(offered.reduce((top, fee) => max(top, fee.maxFeePerGas), 0n))
  const floorTip = bumped(offered.reduce((top, fee) => max(top, fee.maxPriorityFeePerGas), 0n))
  if (floorFee > capPerGas || market.baseFeePerGas > capPerGas) return null
  // With room for the base fee to double before the transaction has to be replaced.
  const maxFeePerGas = min(max(market.baseFeePerGas * 2n + tip, floorFee), capPerGas)
  const maxPriorityFeePerGas = min(max(tip, floorTip), maxFeePerGas)
  return maxPriorityFeePerGas < floorTip || maxPriorityFeePerGas > caps.tipPerGas
    ? null
    : { maxFeePerGas, maxPriorityFeePerGas }
}

/** As {@link nextFee} where nothing was offered yet, for what is called `key`. @throws TRANSACTION_FEE_CAP */
export function firstFee(market: FeeMarket, caps: FeeCaps, { key, gas }: { key: string; gas: bigint }): Fee {
  const fee = nextFee(market, [], caps)
  if (fee !== null) return fee
  throw chainErrors.TRANSACTION_FEE_CAP({ key, neededWei: gas * market.baseFeePerGas, capWei: gas * caps.feePerGas })
}

/** Most wei that these attempts can cost together: of all attempts at one nonce only one is mined. */
export function mostWei(
  attempts: readonly { readonly nonce: number; readonly gas: bigint; readonly maxFeePerGas: bigint }[],
): bigint {
  const dearest = new Map<number, bigint>()
  for (const { nonce, gas, maxFeePerGas } of attempts)
    dearest.set(nonce, max(dearest.get(nonce) ?? 0n, gas * maxFeePerGas))
  return dearest.values().reduce((sum, wei) => sum + wei, 0n)
}

/** The tip in wei per gas as the endpoints name it: the middle one, of two the higher. */
export const tipPerGas = (chain: Chain): Promise<bigint> =>
  chain.client.estimateMaxPriorityFeePerGas().catch(() => 1_000_000_000n)

export async function readFeeMarket(chain: Chain): Promise<FeeMarket> {
  const [{ baseFeePerGas }, tip] = await Promise.all([chain.client.getBlock(), tipPerGas(chain)])
  return { baseFeePerGas: baseFeePerGas ?? 0n, tipPerGas: tip }
}
