// Why: docs/why/chain-reads-and-transactions.md

import {
  type Address,
  type Block,
  BlockNotFoundError,
  type Hex,
  type Log,
  TransactionNotFoundError,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem'
import type { Clock } from '../../platform/clock.ts'
import { isKaisarError } from '../../platform/errors.ts'
import { stringifyJson } from '../../platform/output.ts'
import { type Chain, patiently } from '../client.ts'
import type { Endpoint } from '../endpoint.ts'
import { chainErrors } from '../errors.ts'
import { untilMost } from '../until-most.ts'

/** The outcome of a mined transaction, with the fields that are used here. */
export type Receipt = Pick<TransactionReceipt, 'blockHash' | 'blockNumber' | 'gasUsed' | 'effectiveGasPrice'> & {
  readonly hash: Hex
  readonly contractAddress: Address | null
  readonly success: boolean
  readonly logs: readonly Pick<Log<bigint, number, false>, 'address' | 'topics' | 'data'>[]
}

/**
 * The receipt of a transaction, believed only when most usable endpoints show the same, and when the block it names is canonical and
 * lists the transaction. An endpoint that contradicts itself is dropped.
 *
 * @returns null while the transaction is not mined, or not everywhere
 */
export async function confirmedReceipt(chain: Chain, hash: Hex): Promise<Receipt | null> {
  const found = await lookUpReceipt(chain, hash)
  return typeof found === 'object' ? found : null
}

/**
 * As {@link confirmedReceipt}, and where there is no receipt, the reason. `missing`: most endpoints say that there is none · `doubt`: too
 * few answered, or their answers differ. A receipt in doubt must not count as missing: the transaction would be sent a second time.
 */
export async function lookUpReceipt(chain: Chain, hash: Hex): Promise<Receipt | 'missing' | 'doubt'> {
  const usable = chain.usable()
  // Of three or more endpoints one alone is not believed.
  if (usable.length < 2 && chain.all().length > 2) return 'doubt'
  const { most } = await untilMost(
    usable.map(endpoint => ask(endpoint, hash)),
    stringifyJson,
  )
  return most === undefined || most === 'unknown' ? 'doubt' : most
}

/** `missing`: this endpoint does not know it · `unknown`: the endpoint cannot be relied on for an answer now. */
async function ask(endpoint: Endpoint, hash: Hex): Promise<Receipt | 'missing' | 'unknown'> {
  try {
    const receipt = await endpoint.client.getTransactionReceipt({ hash })
    const block = await endpoint.client.getBlock({ blockNumber: receipt.blockNumber })
    if (isInBlock(receipt, block, hash)) return toReceipt(receipt)
    // A reorg between the two answers looks the same; only a contradiction that stays is a lie.
    const [receiptAgain, blockAgain] = [
      await endpoint.client.getTransactionReceipt({ hash }),
      await endpoint.client.getBlock({ blockNumber: receipt.blockNumber }),
    ]
    if (receiptAgain.blockHash !== receipt.blockHash || blockAgain.hash !== block.hash) return 'missing'
    const claim = `transaction ${hash} is in block ${receipt.blockHash}, which its own chain does not show`
    endpoint.mark('dropped', chainErrors.RPC_FORGED({ endpoint: endpoint.name, claim }))
    return 'unknown'
  } catch (error) {
    // Where there is no block of that number, the endpoint is behind or in the middle of a reorg.
    const isMissing = error instanceof TransactionReceiptNotFoundError || error instanceof BlockNotFoundError
    return isMissing ? 'missing' : 'unknown'
  }
}

const isInBlock = (receipt: TransactionReceipt, block: Block, hash: Hex): boolean =>
  receipt.transactionHash === hash && receipt.blockHash === block.hash && block.transactions.some(tx => tx === hash)

const toReceipt = (receipt: TransactionReceipt): Receipt => ({
  hash: receipt.transactionHash,
  blockHash: receipt.blockHash,
  blockNumber: receipt.blockNumber,
  contractAddress: receipt.contractAddress ?? null,
  success: receipt.status === 'success',
  gasUsed: receipt.gasUsed,
  effectiveGasPrice: receipt.effectiveGasPrice,
  logs: receipt.logs.map(({ address, topics, data }) => ({ address, topics, data })),
})

/**
 * Gives a signed transaction to every endpoint, since one that says it took it may have forgotten it, and waits for none once one has it. An
 * endpoint that is busy or cuts the connection is given it again after short waits, for the same reason; one that took it says so then.
 *
 * @param options - `mayBeUsed` (default): the nonce may be used already, so that a refusal for that reason is none: what became of it the chain shows
 * @returns whether one has it, already or now; else why none took it, in their order, but first what endpoints say, and then which do not answer
 */
export function broadcast(
  raw: Hex,
  { mayBeUsed = true }: { readonly mayBeUsed?: boolean },
  { chain, clock }: { readonly chain: Pick<Chain, 'usable'>; readonly clock: Pick<Clock, 'sleep'> },
): Promise<{ isTaken: boolean; reasons: readonly Error[] }> {
  const isTaken = mayBeUsed ? isHeldOrUsed : isHeld
  const given = chain.usable().map(async endpoint => {
    try {
      await patiently(clock, () => endpoint.request({ method: 'eth_sendRawTransaction', params: [raw] }))
    } catch (error) {
      if (!isTaken.test((error as Error).message)) throw error
    }
  })
  return Promise.any(given).then(
    () => ({ isTaken: true, reasons: [] }),
    ({ errors }: AggregateError) => {
      // An error of ours says that an endpoint did not answer.
      const silences = errors.filter(error => isKaisarError(error))
      const refusals = errors.filter(error => !isKaisarError(error))
      return { isTaken: false, reasons: [...refusals, ...silences] }
    },
  )
}

/** Waits before an endpoint is asked for a transaction, first and then again where it does not know it. */
const knownWaitsMs = [0, 50, 200]

/**
 * Whether an endpoint knows this transaction, waiting or mined. An endpoint that cut the connection after it took it shows it so; servers behind
 * one address may be a block apart, so it is looked for more than once.
 */
export async function isKnown(
  hash: Hex,
  { chain, clock }: { readonly chain: Pick<Chain, 'usable'>; readonly clock: Pick<Clock, 'sleep'> },
): Promise<boolean> {
  const knows = async (endpoint: Endpoint): Promise<true> => {
    for (const waitMs of knownWaitsMs) {
      await clock.sleep(waitMs)
      const ask = () => endpoint.request({ method: 'eth_getTransactionByHash', params: [hash] })
      const shown = (await patiently(clock, ask)) as { readonly hash?: unknown } | null
      if (shown?.hash === hash) return true
    }
    throw new TransactionNotFoundError({ hash })
  }
  return Promise.any(chain.usable().map(knows)).catch(() => false)
}

/** The words in which nodes say that they have a transaction: geth, reth and Nethermind; OpenEthereum and Frontier; Besu and Hardhat; Erigon. */
const isHeld = /already ?(known|imported)|known transaction|existing tx with same hash/i
/** The same, and that its nonce is used. A refused replacement means that the node holds another one of that nonce. */
const isHeldOrUsed = new RegExp(
  `${isHeld.source}|nonce (is )?too low|OldNonce|InvalidTransaction::Stale|underpriced|ReplacementNotAllowed|TooLowPriority`,
  'i',
)
