import { reading } from './network.ts'

/** Blocks of one request. Endpoints limit blocks and logs of a request, so a range that is refused is halved. */
const blocksPerRequest = 5_000n

/** Reads a range of blocks, oldest first, in pages small enough for any endpoint. */
export async function readBlockPages<T>(
  { fromBlock, toBlock }: { readonly fromBlock: bigint; readonly toBlock: bigint },
  read: (fromBlock: bigint, toBlock: bigint) => Promise<readonly T[]>,
): Promise<T[]> {
  const found: T[] = []
  let span = blocksPerRequest
  for (let from = fromBlock; from <= toBlock; ) {
    const to = from + span - 1n < toBlock ? from + span - 1n : toBlock
    try {
      found.push(...(await read(from, to)))
      from = to + 1n
    } catch (error) {
      if (span === 1n) return reading('eth_getLogs', Promise.reject(error))
      span /= 2n
    }
  }
  return found
}
