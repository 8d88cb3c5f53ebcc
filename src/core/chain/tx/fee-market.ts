/** Reads the fees that the endpoints name for the next block. */
import type { Chain } from '../client.ts'
import type { FeeMarket } from './fees.ts'

/** The tip in wei per gas as the endpoints name it: the middle one, of two the higher. */
export const tipPerGas = (chain: Chain): Promise<bigint> =>
  chain.client.estimateMaxPriorityFeePerGas().catch(() => 1_000_000_000n)

export async function readFeeMarket(chain: Chain): Promise<FeeMarket> {
  const [{ baseFeePerGas }, tip] = await Promise.all([chain.client.getBlock(), tipPerGas(chain)])
  return { baseFeePerGas: baseFeePerGas ?? 0n, tipPerGas: tip }
}
