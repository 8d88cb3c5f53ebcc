/**
 * Sends KAI and coin to many, several transactions at once. It looks at the chain and does what is open, so that a run after an
 * interruption goes on: what was signed keeps its nonce, of which the chain takes one transaction. What is mined is looked at again until
 * its block is decided: by the run that saw it mined, and by the next one.
 *
 * Why: docs/why/commands.md
 */
import type { Address, Hex, LocalAccount } from 'viem'
import type { Clock } from '../../platform/clock.ts'
import { keccak256 } from '../../platform/keccak.ts'
import { mapSome } from '../../platform/map-some.ts'
import { blockAt } from '../blocks.ts'
import { describeEndpoints } from '../client.ts'
import { decodeChainError, explainRefusal } from '../decode-error.ts'
import { chainErrors } from '../errors.ts'
import { assertFunds } from '../funds.ts'
import { kaiBalance } from '../kai.ts'
import { type ConnectedNetwork, lowerCase } from '../network.ts'
import { callOf, reading } from '../read.ts'
import { type Fee, type FeeCaps, firstFee, nextFee, readFeeMarket } from '../tx/fees.ts'
import { broadcast } from '../tx/receipt.ts'
import { type ListedTransfer, totalsOf } from './transfer-list.ts'
import { isDue, isInFlight, isYoung, lookAt, readCounts, transferText } from './transfer-outcomes.ts'
import { type RecordedTransfer, slotOf, type TransferRecord } from './transfer-record.ts'

/** Transactions that wait to be mined at the same time; nodes take 16 of an account for certain. */
const mostInFlight = 16
const pollMs = 500
/** After so long without a block, what waits is offered again, for a higher fee where the cap allows. */
const offerAgainMs = 60_000
const giveUpMs = 600_000

/** The cost of what is not mined yet; wei of the chain's own coin. */
export type TransferCost = Fee & {
  /** Gas of each transfer that is not signed yet, by its slot. */
  readonly gas: ReadonlyMap<string, bigint>
  /** The fees at the highest price that is offered now. */
  readonly most: bigint
  readonly balances: { readonly KAI: bigint; readonly coin: bigint }
}

/**
 * What the transfers that are not signed cost, from balances that are shown whether they are enough or not.
 *
 * @throws TRANSACTION_FEE_CAP, CONTRACT_REVERTED for a recipient that takes no coin, RPC_FAILED
 */
export async function costOfTransfers(
  network: ConnectedNetwork,
  { from, transfers }: Pick<TransferRecord, 'from' | 'transfers'>,
  caps: FeeCaps,
): Promise<TransferCost> {
  const { chain } = network
  const [market, KAI, coin] = await Promise.all([
    readFeeMarket(chain),
    kaiBalance(network, from),
    reading('eth_getBalance', chain.client.getBalance({ address: from })),
  ])
  const unsigned = transfers.filter(({ nonce }) => nonce === null)
  const needed = totalsOf(unsigned)
  const canTry = KAI >= needed.KAI && coin > needed.coin
  // Where there is too little of either, nothing can be tried: the usual amount stands for it.
  const gas = new Map(
    await mapSome(mostInFlight, unsigned, async each => {
      return [slotOf(each), canTry ? await gasOf(network, from, each) : usualGas[each.unit]] as const
    }),
  )
  const sum = gas.values().reduce((total, each) => total + each, 0n)
  const fee = firstFee(market, caps, { key: `${unsigned.length} transfers`, gas: sum })
  return { ...fee, gas, most: sum * fee.maxFeePerGas, balances: { KAI, coin } }
}

const usualGas = { KAI: 65_000n, coin: 21_000n } as const

async function gasOf(network: ConnectedNetwork, from: Address, transfer: ListedTransfer): Promise<bigint> {
  try {
    const gas = await network.chain.client.estimateGas({ account: from, ...fieldsOf(network, transfer) })
    // A plain transfer always needs the same; code may take another path by the time it is mined.
    return gas === 21_000n ? gas : gas + gas / 5n
  } catch (error) {
    throw decodeChainError(error, transferText(transfer))
  }
}

const fieldsOf = ({ contracts }: ConnectedNetwork, { to, unit, amount }: ListedTransfer) =>
  unit === 'coin'
    ? { to, value: amount }
    : { to: contracts.KaisarToken, value: 0n, data: callOf(contracts, 'KaisarToken', 'transfer', to, amount).data }

/** @throws as {@link assertFunds} where `from` does not hold all that is not signed yet, and its fees */
export function assertHolds({ from, transfers }: TransferRecord, { most, balances }: TransferCost): void {
  const needed = totalsOf(transfers.filter(({ nonce }) => nonce === null))
  assertFunds(from, { balances, needed: { KAI: needed.KAI, coin: needed.coin + most } })
}

export type SendTransfersDependencies = {
  readonly network: ConnectedNetwork
  readonly account: LocalAccount
  readonly clock: Clock
  /** Called with what is signed before any of it is sent, and with what is mined; it is on disk when it returns. */
  readonly save: (record: TransferRecord) => void
  readonly onMined?: (transfer: RecordedTransfer) => void
}

/**
 * Sends what is not mined, and what a reorganisation took out again, and waits until all of it is in a block.
 *
 * @param caps - the most that is offered; with what a person agreed to, that
 * @returns the record, with every transfer mined
 * @throws CONTRACT_REVERTED where one reverted in its block, TRANSACTION_FEE_CAP, TRANSACTION_UNCONFIRMED, TRANSFER_DISPLACED,
 * FUNDS_INSUFFICIENT, RPC_UNREACHABLE, RPC_FAILED; the same call with the saved record goes on
 */
export async function sendTransfers(
  given: TransferRecord,
  { gas, caps }: { readonly gas: ReadonlyMap<string, bigint>; readonly caps: FeeCaps },
  { network, account, clock, save, onMined = () => {} }: SendTransfersDependencies,
): Promise<TransferRecord> {
  const { chain } = network
  const from = lowerCase(account.address)
  const offeredAt = new Map<Hex, number>()
  let transfers: readonly RecordedTransfer[] = given.transfers
  let progressAt = clock.monotonicMs()
  let seenHead: Hex | null = null
  let sinceCount: number | null = null

  /** Replaces some of them, on disk too. */
  const change = (changed: ReadonlyMap<RecordedTransfer, RecordedTransfer>) => {
    if (changed.size === 0) return
    transfers = transfers.map(each => changed.get(each) ?? each)
    save({ ...given, transfers: [...transfers] })
  }

  const signed = async (transfer: RecordedTransfer, nonce: number, fee: Fee): Promise<RecordedTransfer> => {
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: chain.chainId,
      nonce,
      gas: gas.get(slotOf(transfer)) ?? (await gasOf(network, from, transfer)),
      ...fee,
      ...fieldsOf(network, transfer),
    })
    return { ...transfer, nonce, attempts: [...transfer.attempts, { hash: keccak256(raw), raw, ...fee }] }
  }

  const inFlight = () => transfers.filter(isInFlight)
  const isSent = () => transfers.every(({ block }) => block !== null)

  /**
   * Finds out what became of those that wait, once for each block, and of those that were mined: where they are gone or decided.
   *
   * @param isThorough - look at every one that is not decided, whatever the account's count says
   */
  async function settle(isThorough: boolean): Promise<void> {
    const { number: head, hash: headHash } = await blockAt(network)
    if (headHash === seenHead && !isThorough) return
    seenHead = headHash
    const counts = await readCounts(chain, from, head)
    sinceCount ??= counts.decidedCount
    const due = transfers.filter(each => isInFlight(each) || (isThorough ? isYoung(each) : isDue(each, counts)))
    const looks = await lookAt(chain, due, { counts, sinceCount })
    const news = looks.filter(({ before, after }) => after !== before)
    if (news.length > 0) progressAt = clock.monotonicMs()
    change(new Map(news.map(({ before, after }) => [before, after])))
    for (const { before, after } of news) {
      if (before.block === null && after.block !== null) onMined(after)
      // A reorganisation took it out, and maybe what waits behind it: all of that is offered at once, however lately it was.
      if (before.block !== null && after.block === null) offeredAt.clear()
    }
    for (const { before, reverted } of looks)
      if (reverted !== null)
        throw chainErrors.CONTRACT_REVERTED({
          functionName: transferText(before),
          reason: `transaction ${reverted.hash} reverted in its block`,
          errorName: '',
        })
  }

  async function sign(): Promise<void> {
    const now = clock.monotonicMs()
    const waiting = inFlight()
    const fresh = transfers.filter(({ nonce }) => nonce === null).slice(0, mostInFlight - waiting.length)
    const stuck = waiting.filter(({ attempts }) => now - (offeredAt.get(attempts.at(-1)!.hash) ?? now) >= offerAgainMs)
    if (fresh.length + stuck.length === 0) return
    const [market, pending] = await Promise.all([
      readFeeMarket(chain),
      reading('eth_getTransactionCount', chain.client.getTransactionCount({ address: from, blockTag: 'pending' })),
    ])
    const [first] = fresh
    const fee = first && firstFee(market, caps, { key: transferText(first), gas: 21_000n })
    const changed = new Map<RecordedTransfer, RecordedTransfer>()
    // Also above what is mined and not decided: taken out, it needs its nonce again, and would be lost to one that has it.
    const taken = transfers.filter(each => isInFlight(each) || isYoung(each))
    let next = taken.reduce((top, { nonce }) => Math.max(top, nonce! + 1), pending)
    for (const each of fresh) changed.set(each, await signed(each, next++, fee!))
    for (const each of stuck) {
      const higher = nextFee(market, each.attempts, caps)
      if (higher !== null) changed.set(each, await signed(each, each.nonce!, higher))
    }
    change(changed)
  }

  async function offer(transfer: RecordedTransfer): Promise<void> {
    const { hash, raw } = transfer.attempts.at(-1)!
    const now = clock.monotonicMs()
    if (now - (offeredAt.get(hash) ?? Number.NEGATIVE_INFINITY) < offerAgainMs) return
    const { isTaken, reasons } = await broadcast(raw, {}, { chain, clock })
    if (!isTaken && reasons.length === 0)
      throw chainErrors.RPC_UNREACHABLE({ endpoints: describeEndpoints(chain.all()) })
    if (!isTaken) throw await explainRefusal(chain, from, reasons[0], transferText(transfer))
    offeredAt.set(hash, now)
  }

  await settle(true)
  for (;;) {
    await settle(false)
    // Once more at the end: meanwhile a reorganisation may have taken out what was mined first.
    if (isSent()) await settle(true)
    if (isSent()) return { ...given, transfers: [...transfers] }
    await sign()
    for (const each of inFlight()) await offer(each)
    if (clock.monotonicMs() - progressAt > giveUpMs) {
      const [first] = inFlight()
      throw chainErrors.TRANSACTION_UNCONFIRMED({ what: transferText(first!), hash: first!.attempts.at(-1)!.hash })
    }
    await clock.sleep(pollMs)
  }
}
