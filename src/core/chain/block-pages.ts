import { reading } from './network.ts'

/** Endpoints limit the blocks and the logs of one request; a range that is refused is halved. */
const blocksPerRequest = 5_000n

/** Reads something of every block of a range, oldest first, in pages that any endpoint grants. */
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
