import {
  type Abi,
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  encodeFunctionData,
  type Hex,
  keccak256,
  type LocalAccount,
} from 'viem'
import type { KaisarError } from '../../platform/errors.ts'
import type { Store } from '../../platform/store.ts'
import type { Chain } from '../client.ts'
import { decodeChainError } from '../decode-error.ts'
import { chainErrors } from '../errors.ts'
import { type Fee, nextFee } from './fees.ts'
import { type PlanRules, planTransactions } from './plan.ts'
import type { Receipt } from './receipt.ts'
import { settleNonces } from './settle-nonces.ts'
import { type Action, type ActionRow, type Attempt, createTransactionStore } from './transaction-store.ts'

export type SenderOptions = Partial<PlanRules> & {
  /** Blocks, its own included, after which a mined transaction counts as done; default 1. */
  readonly confirmations?: number
  /** Blocks for which a mined transaction is still watched, to send it again after a reorg; default 12. */
  readonly watchBlocks?: number
  /** Most wei per gas ever offered; default 200 gwei. */
  readonly maxFeePerGas?: bigint
  /** Most wei spent on fees in any 24 hours of block time; default 0.5 ether. */
  readonly spendCapWei?: bigint
  /** How often the chain is looked at while something is open; default 500. */
  readonly pollMs?: number
}

export type SenderDependencies = {
  readonly chain: Chain
  /** Signs; its address owns the nonces. */
  readonly account: LocalAccount
  /** Holds the tables of `transactionTables`. */
  readonly store: Store
  /** ABI items of the errors that contracts may answer with. */
  readonly errorAbi?: Abi
  /** Told about everything that keeps a transaction from going on. */
  readonly onTrouble?: (error: KaisarError) => void
  /** Called at named points between record and send; tests end the process there. */
  readonly crashPoint?: (name: `transaction.${'recorded' | 'sent'}:${string}`) => void
}

/** What must not miss its deadline, and insists until then; what anybody may do and somebody should; what only claims. */
export const priority = { deadline: 0, keeper: 1, claim: 2 } as const

export type Call<abi extends Abi, name extends ContractFunctionName<abi, 'nonpayable'>> = {
  /** Idempotency key: names this action for ever, e.g. `commit/12`. */
  readonly key: string
  readonly to: Address
  readonly abi: abi
  readonly functionName: name
  readonly args: ContractFunctionArgs<abi, 'nonpayable', name>
  /** Lower goes first; default {@link priority}.claim, or deadline where there is one. */
  readonly priority?: number
  /** Block time in seconds after which it is pointless. */
  readonly deadline?: number
}

export type TransactionSender = {
  readonly address: Address
  /**
   * Records the action and returns; it is sent from then on, also after a restart. Synchronous, so that it can be part of the
   * caller's own store transaction. Recording what was done before does nothing; what failed before is tried again.
   * @throws TRANSACTION_KEY_REUSED
   */
  enqueue<const abi extends Abi, name extends ContractFunctionName<abi, 'nonpayable'>>(call: Call<abi, name>): void
  /**
   * Records the action and resolves when it is mined and confirmed.
   * @throws CONTRACT_REVERTED, TRANSACTION_EXPIRED, TRANSACTION_KEY_REUSED
   */
  send<const abi extends Abi, name extends ContractFunctionName<abi, 'nonpayable'>>(
    call: Call<abi, name>,
  ): Promise<Receipt>
  /** Resolves with the outcome of a recorded action. */
  outcome(key: string): Promise<Receipt>
  /** Actions that are not over. */
  open(): ActionRow[]
  /** Looks at the chain and does what is due, once; runs by itself while something is open. */
  pass(): Promise<void>
  /** Stops looking; nothing is lost, a new sender on the same database goes on. */
  stop(): Promise<void>
}

/**
 * Sends an account's transactions so that none is lost and none is doubled: every signed transaction is on disk before it
 * leaves, nonces start from the mined nonce, unmined ones are sent again and made dearer, reorganised ones come back.
 */
export function createTransactionSender(options: SenderOptions, dependencies: SenderDependencies): TransactionSender {
  const { chain, account, errorAbi = [], onTrouble = () => {}, crashPoint = () => {} } = dependencies
  const { confirmations = 1, watchBlocks = 12, pollMs = 500 } = options
  const { maxFeePerGas: feeCap = 200_000_000_000n, spendCapWei = 500_000_000_000_000_000n } = options
  const rules: PlanRules = { bumpAfterBlocks: options.bumpAfterBlocks ?? 3, maxInFlight: options.maxInFlight ?? 8 }
  const address = account.address.toLowerCase() as Address
  const store = createTransactionStore(dependencies.store, address)
  const waiters = new Map<string, Set<{ resolve: (receipt: Receipt) => void; reject: (error: KaisarError) => void }>>()
  /** The head at which the chain last refused an action: asked again only at another one. */
  const refusedAt = new Map<string, bigint>()
  /** The head at which each transaction was last sent by this process. */
  const broadcastAt = new Map<Hex, bigint>()
  let headNumber = 0n
  let lastHead: Hex | null = null
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let passing: Promise<void> | null = null
  let again = false

  function enqueue<const abi extends Abi, name extends ContractFunctionName<abi, 'nonpayable'>>(call: Call<abi, name>) {
    const { key, to, abi, functionName, args } = call
    const action: Action = {
      key,
      to,
      data: encodeFunctionData({ abi, functionName, args } as Parameters<typeof encodeFunctionData>[0]),
      functionName,
      priority: call.priority ?? (call.deadline === undefined ? priority.claim : priority.deadline),
      deadline: call.deadline ?? null,
    }
    const known = store.find(key)
    if (known === null || isOver(known)) {
      store.queue(action)
      refusedAt.delete(key)
    } else if (known.data !== action.data || known.to !== action.to) throw chainErrors.TRANSACTION_KEY_REUSED({ key })
    wake(0)
  }

  function outcome(key: string): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const group = waiters.get(key) ?? new Set()
      waiters.set(key, group.add({ resolve, reject }))
      tell()
    })
  }

  /** Resolves or rejects who waits for actions that are decided. */
  function tell() {
    for (const [key, group] of waiters) {
      const action = store.find(key)
      const decided = action === null ? null : decide(action)
      if (decided === null) continue
      waiters.delete(key)
      for (const { resolve, reject } of group) decided instanceof Error ? reject(decided) : resolve(decided)
    }
  }

  function decide({ key, state, receipt, failure, functionName, deadline }: ActionRow): Receipt | KaisarError | null {
    if (failure !== null && (state === 'failed' || state === 'expired'))
      return chainErrors.CONTRACT_REVERTED({ functionName, reason: failure.message, errorName: failure.code })
    if (state === 'expired') return chainErrors.TRANSACTION_EXPIRED({ key, deadline: deadline ?? 0 })
    if (receipt === null || (state !== 'mined' && state !== 'final')) return null
    if (state === 'mined' && headNumber - receipt.blockNumber + 1n < BigInt(confirmations)) return null
    if (receipt.success) return receipt
    return chainErrors.CONTRACT_REVERTED({ functionName, reason: 'it reverted in its block', errorName: '' })
  }

  async function pass() {
    const { hash, number, timestamp, baseFeePerGas } = await chain.client.getBlock()
    const waits = ({ state }: ActionRow) => state === 'mined'
    if (hash === lastHead && store.open().every(waits)) return
    lastHead = hash
    headNumber = number
    const minedNonce = await settleNonces({
      chain,
      store,
      address,
      headNumber,
      watchBlocks,
      timestamp,
    })
    const market = { baseFeePerGas: baseFeePerGas ?? 0n, tipPerGas: await tipPerGas(chain) }
    const plan = planTransactions(
      { actions: store.open(), attempts: store.attempts(), minedNonce, headNumber, headTimestamp: Number(timestamp) },
      rules,
    )
    store.atomically(() => {
      for (const { key, nonce, failure } of plan.expire) store.update(key, { state: 'expired', nonce, failure })
      for (const { key, nonce } of plan.displace) store.update(key, { state: 'displaced', nonce })
    })
    tell()
    const offered = (nonce: number): Fee[] => store.attempts().filter(attempt => attempt.nonce === nonce)
    const capReached = (key: string, nonce: number, gas: bigint) =>
      onTrouble(
        chainErrors.TRANSACTION_FEE_CAP({
          key: key || `nonce ${nonce}`,
          neededWei: gas * market.baseFeePerGas,
          capWei: gas * feeCap,
        }),
      )

    const nonces = plan.sign.map(({ nonce }) => nonce)
    for (const { action } of plan.sign) {
      const gas = action === null ? 21_000n : await estimate(action)
      // What the chain refuses now is not sent; the nonce goes to the next action.
      if (gas === null) continue
      const nonce = nonces.shift()!
      await signAndSend({ nonce, action, gas, fee: nextFee(market, offered(nonce), feeCap) })
    }
    for (const attempt of plan.bump) {
      const { nonce, key, gas } = attempt
      const fee = nextFee(market, offered(nonce), feeCap)
      if (fee === null) await sendAgain(attempt)
      else await signAndSend({ nonce, action: key === '' ? null : store.find(key), gas, fee })
    }
    // Once per block, and at once where it has not left us yet: a crash kept it from being sent, or nobody took it.
    for (const attempt of plan.rebroadcast) if (broadcastAt.get(attempt.hash) !== headNumber) await sendAgain(attempt)

    async function sendAgain({ key, nonce, gas, maxFeePerGas, raw }: Attempt) {
      if (maxFeePerGas < market.baseFeePerGas) capReached(key, nonce, gas)
      else await broadcast(raw)
    }

    async function signAndSend(wanted: { nonce: number; action: ActionRow | null; gas: bigint; fee: Fee | null }) {
      const { nonce, action, gas, fee } = wanted
      const key = action?.key ?? ''
      if (fee === null) return capReached(key, nonce, gas)
      const waitingWei = store
        .attempts()
        .filter(attempt => attempt.nonce >= minedNonce && attempt.nonce !== nonce)
        .reduce((sum, attempt) => sum + attempt.gas * attempt.maxFeePerGas, 0n)
      const spentWei = store.spentSince(Number(timestamp) - 86_400) + waitingWei + gas * fee.maxFeePerGas
      if (spentWei > spendCapWei) return onTrouble(chainErrors.TRANSACTION_SPEND_CAP({ spentWei, capWei: spendCapWei }))
      const { to, data } = action ?? { to: address, data: '0x' as Hex }
      const raw = await account.signTransaction({
        type: 'eip1559',
        chainId: chain.chainId,
        nonce,
        to,
        data,
        gas,
        ...fee,
      })
      const attempt: Attempt = { hash: keccak256(raw), key, nonce, raw, gas, ...fee, atBlock: headNumber }
      store.atomically(() => {
        store.addAttempt(attempt)
        if (action !== null) store.update(key, { state: 'pending', nonce })
      })
      const what = action?.functionName ?? 'nothing'
      crashPoint(`transaction.recorded:${what}`)
      await broadcast(raw)
      crashPoint(`transaction.sent:${what}`)
    }
  }

  /**
   * Gas with a quarter to spare, or null when the chain refuses the call in its present state. An action of the highest
   * priority is tried again at each block until its deadline; another one is given up, for whoever wants it to ask again.
   */
  async function estimate({ key, to, data, functionName, ...action }: ActionRow): Promise<bigint | null> {
    if (refusedAt.get(key) === headNumber) return null
    try {
      const gas = await chain.client.estimateGas({ account: address, to, data })
      return gas + gas / 4n
    } catch (error) {
      const refusal = decodeChainError(error, functionName, errorAbi)
      if (refusal.code !== 'CONTRACT_REVERTED') throw refusal
      const { errorName: code, reason: message } = refusal.context as { errorName: string; reason: string }
      refusedAt.set(key, headNumber)
      const insists = action.priority === priority.deadline && action.deadline !== null
      store.update(key, { state: insists ? 'queued' : 'failed', failure: { code, message } })
      tell()
      return null
    }
  }

  /** To every endpoint; that one of them already has it, or the nonce is taken, the next pass sees on the chain. */
  async function broadcast(raw: Hex) {
    const request = { method: 'eth_sendRawTransaction', params: [raw] }
    const outcomes = await Promise.allSettled(chain.usable().map(endpoint => endpoint.request(request)))
    if (outcomes.some(({ status }) => status === 'fulfilled')) {
      broadcastAt.set(keccak256(raw), headNumber)
      return
    }
    for (const outcome of outcomes) {
      if (outcome.status !== 'rejected') continue
      const error = await explain(outcome.reason, 'eth_sendRawTransaction')
      if (!/already (known|imported)|nonce too low|underpriced/i.test(error.message)) onTrouble(error)
    }
  }

  /** Nodes word an empty account in many ways; its balance says it plainly. */
  async function explain(reason: unknown, action: string): Promise<KaisarError> {
    const error = decodeChainError(reason, action)
    if (error.code !== 'RPC_FAILED') return error
    const [balanceWei, gasPrice] = await Promise.all([chain.client.getBalance({ address }), chain.client.getGasPrice()])
    const least = 21_000n * gasPrice
    return balanceWei < least ? chainErrors.FUNDS_INSUFFICIENT({ account: address, balanceWei, cause: reason }) : error
  }

  const run = (): Promise<void> => {
    passing ??= (async () => {
      try {
        do {
          again = false
          await pass()
        } while (again && !stopped)
      } finally {
        passing = null
      }
      tell()
    })()
    return passing
  }

  /** One timer; it goes on while something is open. */
  function wake(ms: number) {
    if (stopped) return
    if (ms === 0) again = true
    if (timer !== null && ms > 0) return
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(async () => {
      timer = null
      try {
        await run()
      } catch (error) {
        await explain(error, 'Looking after transactions').then(onTrouble, onTrouble)
      }
      if (store.open().length > 0 || store.attempts().length > 0) wake(pollMs)
    }, ms)
  }

  wake(0)
  return {
    address,
    enqueue,
    send(call) {
      enqueue(call)
      return outcome(call.key)
    },
    outcome,
    open: store.open,
    pass: run,
    async stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      await passing?.catch(() => {})
    },
  }
}

/** Whether recording the same key again means to try again. */
const isOver = ({ state, receipt }: ActionRow): boolean =>
  state === 'failed' || state === 'expired' || receipt?.success === false

const tipPerGas = (chain: Chain): Promise<bigint> =>
  chain.client.estimateMaxPriorityFeePerGas().catch(() => 1_000_000_000n)
