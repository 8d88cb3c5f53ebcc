/** Checks, signs, sends and awaits one transaction of an interactive command. Daemons use the transaction sender. */
import type { Abi, Address, Hex, LocalAccount } from 'viem'
import type { Clock } from '../../platform/clock.ts'
import { keccak256 } from '../../platform/keccak.ts'
import { type Chain, describeEndpoints } from '../client.ts'
import { decodeChainError } from '../decode-error.ts'
import { chainErrors } from '../errors.ts'
import { defaultFeeCaps, type Fee, type FeeCaps, min, nextFee, readFeeMarket } from './fees.ts'
import { broadcast, confirmedReceipt, isKnown, type Receipt } from './receipt.ts'

export type Call = {
  /** The name of the call in errors: the function, or a few words. */
  readonly what: string
  /** The contract or wallet that is called; absent where a contract is created. */
  readonly to?: Address
  readonly data?: Hex
  /** Wei of the chain's own coin. */
  readonly value?: bigint
  /** Decodes errors beside those of our contracts. */
  readonly abi?: Abi
}

/** The most that a call may cost. */
export type CostLimits = {
  /** Default: those of {@link defaultFeeCaps}. */
  readonly caps?: FeeCaps | undefined
  /** Most wei for its gas, such as a person agreed to; default: as much as the caps allow. */
  readonly mostWei?: bigint | undefined
}

export type TransactOptions = CostLimits & {
  /** Default: the account's next one. */
  readonly nonce?: number
  /** How long its receipt is waited for, in ms; default ten minutes. */
  readonly timeoutMs?: number
}

export type TransactDependencies = {
  readonly chain: Chain
  readonly account: LocalAccount
  readonly clock: Clock
  /** Called with the hash before anything is sent. */
  readonly onSigned?: (hash: Hex) => void
}

/** Milliseconds between two looks for a receipt. */
const pollMs = 100

/** The present cost of a call, in wei of the chain's own coin; `most` leaves a fifth of the gas to spare. */
export type Cost = Fee & {
  readonly gas: bigint
  readonly most: bigint
  /** The tip per gas that the endpoints ask for; above the one that is offered where the caps are lower. */
  readonly tipAsked: bigint
}

/**
 * Tries a call without a signature.
 *
 * @throws CONTRACT_REVERTED, FUNDS_INSUFFICIENT where `from` cannot pay it, TRANSACTION_FEE_CAP, RPC_FAILED
 */
export async function tryCall(
  chain: Chain,
  from: Address,
  call: Call,
  { caps = defaultFeeCaps, mostWei }: CostLimits = {},
): Promise<Cost> {
  const { to, data, value = 0n, what, abi } = call
  try {
    const [balanceWei, market] = await Promise.all([chain.client.getBalance({ address: from }), readFeeMarket(chain)])
    const short = (neededWei: bigint) => chainErrors.FUNDS_INSUFFICIENT({ account: from, balanceWei, neededWei })
    // A call that moves more than `from` holds cannot be tried.
    if (value > 0n && balanceWei <= value) throw short(value + 21_000n * (market.baseFeePerGas + 1n))
    const estimated = await chain.client.estimateGas({
      account: from,
      value,
      ...(data === undefined ? {} : { data }),
      ...(to === undefined ? {} : { to }),
    })
    // A plain transfer always needs the same gas; a contract may take another path by the time it is mined.
    const gas = data === undefined ? estimated : estimated + estimated / 5n
    const fee = nextFee(market, [], {
      ...caps,
      feePerGas: min(caps.feePerGas, (mostWei ?? gas * caps.feePerGas) / gas),
    })
    if (fee === null) {
      const neededWei = gas * market.baseFeePerGas
      throw chainErrors.TRANSACTION_FEE_CAP({ key: what, neededWei, capWei: mostWei ?? gas * caps.feePerGas })
    }
    const most = gas * fee.maxFeePerGas
    if (balanceWei < value + most) throw short(value + most)
    return { gas, most, ...fee, tipAsked: market.tipPerGas }
  } catch (error) {
    throw decodeChainError(error, what, abi)
  }
}

/** Runs a call as if `from` had sent it, whatever `from` holds. @throws CONTRACT_REVERTED, RPC_FAILED */
export async function simulateCall(
  chain: Chain,
  from: Address | undefined,
  { to, data, value, what, abi }: Call,
): Promise<void> {
  const given = { account: from, to, data, value }
  try {
    await chain.client.call(Object.fromEntries(Object.entries(given).filter(([, each]) => each !== undefined)))
  } catch (error) {
    throw decodeChainError(error, what, abi)
  }
}

/** Signs, sends and waits for the receipt. @throws what {@link tryCall} throws, TRANSACTION_UNCONFIRMED */
export async function transact(
  call: Call,
  { nonce, timeoutMs = 600_000, ...limits }: TransactOptions,
  { chain, account, clock, onSigned }: TransactDependencies,
): Promise<Receipt> {
  const { to, data, value = 0n, what, abi } = call
  const [{ gas, maxFeePerGas, maxPriorityFeePerGas }, nextNonce] = await Promise.all([
    tryCall(chain, account.address, call, limits),
    nonce ?? chain.client.getTransactionCount({ address: account.address, blockTag: 'pending' }),
  ])
  try {
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: chain.chainId,
      nonce: nextNonce,
      gas,
      maxFeePerGas,
      maxPriorityFeePerGas,
      value,
      ...(data === undefined ? {} : { data }),
      ...(to === undefined ? {} : { to }),
    })
    const hash = keccak256(raw)
    onSigned?.(hash)
    const { isTaken, reasons } = await broadcast(raw, { mayBeUsed: false }, { chain, clock })
    // An endpoint may have taken it although none said so. Once it is mined its own nonce is used, and whoever is given it again refuses it.
    if (!isTaken && !(await isKnown(hash, { chain, clock })))
      throw reasons[0] ?? chainErrors.RPC_UNREACHABLE({ endpoints: describeEndpoints(chain.all()) })
    return await awaitReceipt({ hash, what, timeoutMs }, { chain, clock })
  } catch (error) {
    throw decodeChainError(error, what, abi)
  }
}

/** @throws CONTRACT_REVERTED, TRANSACTION_UNCONFIRMED */
export async function awaitReceipt(
  { hash, what, timeoutMs }: { readonly hash: Hex; readonly what: string; readonly timeoutMs: number },
  { chain, clock }: Pick<TransactDependencies, 'chain' | 'clock'>,
): Promise<Receipt> {
  const until = clock.monotonicMs() + timeoutMs
  for (;;) {
    const receipt = await confirmedReceipt(chain, hash)
    if (receipt?.success === true) return receipt
    if (receipt !== null)
      throw chainErrors.CONTRACT_REVERTED({
        functionName: what,
        reason: `transaction ${hash} reverted in its block`,
        errorName: '',
      })
    if (clock.monotonicMs() > until) throw chainErrors.TRANSACTION_UNCONFIRMED({ what, hash })
    await clock.sleep(pollMs)
  }
}
