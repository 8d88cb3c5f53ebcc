/** The openings that seats revealed on chain for a cohort, read back from their transactions: finalize needs exactly these. */
import { decodeFunctionData, type Hex } from 'viem'
import { epochConsensusAbi } from './abi/epoch-consensus.ts'
import { getEpoch } from './epochs.ts'
import { getEvents } from './events.ts'
import type { ConnectedNetwork } from './network.ts'

type Words = readonly [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint]
export type RevealedOpening = {
  readonly seat: number
  readonly salt: Hex
  readonly words: Words
  readonly proof: readonly Hex[]
}

/** In seat order; null where a revealed seat's transaction was not a plain call of `reveal`. */
export async function revealedOpenings(
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
): Promise<RevealedOpening[] | null> {
  const { client } = network.chain
  const { revealAt } = await getEpoch(network, epoch)
  const head = await client.getBlock()
  const events = await getEvents(
    network,
    'EpochConsensus',
    'Revealed',
    // A block is at least a second: no more blocks than seconds have passed since REVEAL began.
    { fromBlock: maximum(0n, head.number - maximum(0n, head.timestamp - BigInt(revealAt)) - 1n) },
    { epoch: BigInt(epoch), cohort },
  )
  const bySeat = new Map<number, RevealedOpening>()
  let revealed = 0
  for (const { transactionHash, args } of events) {
    revealed |= args.seats
    const { input } = await client.getTransaction({ hash: transactionHash })
    const call = decode(input)
    if (call === null || call[0] !== BigInt(epoch) || call[1] !== cohort) continue
    for (const opening of call[2]) bySeat.set(opening.seat, opening)
  }
  const openings = [...bySeat.values()].sort((a, b) => a.seat - b.seat)
  const found = openings.reduce((mask, { seat }) => mask | (1 << seat), 0)
  return openings.length > 0 && found === revealed ? openings : null
}

function decode(input: Hex) {
  try {
    const call = decodeFunctionData({ abi: epochConsensusAbi, data: input })
    return call.functionName === 'reveal' ? call.args : null
  } catch {
    return null
  }
}

const maximum = (a: bigint, b: bigint): bigint => (a > b ? a : b)
