import type { Address, Hex, LocalAccount } from 'viem'
import { type Clock, systemClock } from '../../platform/clock.ts'
import { isKaisarError, type KaisarError } from '../../platform/errors.ts'
import { keccak256 } from '../../platform/keccak.ts'
import type { Store } from '../../platform/store.ts'
import type { Chain } from '../client.ts'
import { decodeChainError, explainRefusal } from '../decode-error.ts'
import { chainErrors } from '../errors.ts'
import type { ContractCall } from '../read.ts'
import { defaultFeeCaps, type Fee, firstTip, mostWei, nextFee, tipPerGas } from './fees.ts'
import { type Plan, type PlanRules, planTransactions } from './plan.ts'
import { broadcast, type Receipt } from './receipt.ts'
import { settleNonces } from './settle-nonces.ts'
import { type Action, type ActionRow, type Attempt, createTransactionStore, isOver } from './transaction-store.ts'

export type SenderOptions = Partial<PlanRules> & {
  /** Blocks, its own included, after which a mined transaction counts as done; default 1. */
  readonly confirmations?: number
  /** Blocks for which a mined transaction is still watched, to send it again after a reorg; default 12, at least `confirmations`. */
  readonly watchBlocks?: number
  /** Most wei per gas ever offered as a tip, a quarter of it at first; default 10 gwei. */
  readonly maxTipPerGas?: bigint
  /** Most wei per gas ever offered; default 200 gwei. */
  readonly maxFeePerGas?: bigint
  /** Most wei spent on fees in any 24 hours of block time, a quarter of it on what has a deadline alone; default 0.5 ether. */
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
  /** Default the system's. */
  readonly clock?: Clock
  /** Called with everything that holds a transaction up, once per head. */
  readonly onTrouble?: (error: KaisarError) => void
  /** Called at named points between record and send; tests end the process there. */
  readonly crashPoint?: (name: `transaction.${'recorded' | 'sent'}:${string}`) => void
}

/** `deadline`: must be mined in time, and is tried until then · `keeper`: a call that anybody may make · `claim`: can wait. */
export const priority = { deadline: 0, keeper: 1, claim: 2 } as const

/** A call, as {@link import('../read.ts').callOf} makes it, that is to be mined once. */
type SentCall = Pick<ContractCall, 'what' | 'to' | 'data'> & {
  /**
   * Idempotency key: names this action for ever, e.g. `commit/12`. Once it is done, asking again sends nothing and gives the
   * former receipt. An action that the chain may undo or use up has the state it starts from in its key, e.g. `register/<device>/<generation>`.
   */
  readonly key: string
  /** Lower goes first; default {@link priority}.claim, or deadline where there is one. */
  readonly priority?: number
  /** Block time in seconds after which the action is pointless. */
  readonly deadline?: number
}

export type TransactionSender = ReturnType<typeof createTransactionSender>

/**
 * Sends an account's transactions so that none is lost and none is doubled: every signed transaction is on disk before it
 * leaves, nonces start from the mined nonce, unmined ones are sent again and made dearer, reorganised ones come back.
 */
export function createTransactionSender(options: SenderOptions, dependencies: SenderDependencies) {
  const { chain, account, clock = systemClock, onTrouble = () => {}, crashPoint = () => {} } = dependencies
  const { confirmations = 1, pollMs = 500, spendCapWei = 500_000_000_000_000_000n } = options
  const { maxFeePerGas = defaultFeeCaps.feePerGas, maxTipPerGas = defaultFeeCaps.tipPerGas } = options
  const { watchBlocks: given = 12, bumpAfterBlocks = 3, maxInFlight = 8 } = options
  const watchBlocks = Math.max(given, confirmations)
  const caps = { feePerGas: maxFeePerGas, tipPerGas: maxTipPerGas }
  const rules: PlanRules = { bumpAfterBlocks, maxInFlight }
  const address = account.address.toLowerCase() as Address
  const store = createTransactionStore(dependencies.store, address)
  const waiters = new Map<string, Set<{ resolve: (receipt: Receipt) => void; reject: (error: KaisarError) => void }>>()
  let atHead = seenAt(null)
  /** The head that the record agrees with, and the used nonces of which it is not known what was mined. */
  let headNumber = 0n
  let undecided: ReadonlySet<number> = new Set()
  const recorded = new Map<number, Hex>()
  let stopped = false
  let timer: AbortController | null = null
  let looking: Promise<void> | null = null
  let passing: Promise<void> | null = null
  let again = false
  /** The account's balance when it was last reported as too low; reported again when the balance has changed. */
  let saidShortOf: unknown = null

  function complain(error: KaisarError, about = error.message) {
    if (error.code === 'FUNDS_INSUFFICIENT') {
      if (error.context.balanceWei === saidShortOf) return
      saidShortOf = error.context.balanceWei
    }
    const what = `${error.code}/${about}`
    if (!atHead.told.has(what)) onTrouble(error)
    atHead.told.add(what)
  }

  function enqueue({ key, what: functionName, to, data, ...call }: SentCall) {
    const { deadline = null, priority: given = deadline === null ? priority.claim : priority.deadline } = call
    const action: Action = { key, to, data, functionName, priority: given, deadline }
    const known = store.find(key)
    if (known !== null && !isOver(known)) {
      if (known.data !== action.data || known.to !== action.to) throw chainErrors.TRANSACTION_KEY_REUSED({ key })
      return
    }
    store.queue(action)
    atHead.gas.delete(key)
    wake(0)
  }

  function outcome(key: string): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const group = waiters.get(key) ?? new Set()
      waiters.set(key, group.add({ resolve, reject }))
      tell()
    })
  }

  /** Resolves or rejects the promises of actions that are decided. */
  function tell() {
    for (const [key, group] of waiters) {
      const action = store.find(key)
      const decided = action === null ? null : decide(action)
      if (decided === null) continue
      waiters.delete(key)
      for (const { resolve, reject } of group) decided instanceof Error ? reject(decided) : resolve(decided)
    }
  }

  function decide(action: ActionRow): Receipt | KaisarError | null {
    const { key, state, nonce, receipt, failure, functionName, deadline } = action
    if (failure !== null && refusedBySigner.has(failure.code))
      return chainErrors.TRANSACTION_UNSIGNED({ key, reason: failure.message })
    if (failure !== null && (state === 'failed' || state === 'expired'))
      return chainErrors.CONTRACT_REVERTED({ functionName, reason: failure.message, errorName: failure.code })
    if (state === 'expired') return chainErrors.TRANSACTION_EXPIRED({ key, deadline: deadline ?? 0 })
    if (receipt === null || (state !== 'mined' && state !== 'final')) return null
    const isConfirmed = !undecided.has(nonce!) && headNumber - receipt.blockNumber + 1n >= BigInt(confirmations)
    if (state === 'mined' && !isConfirmed) return null
    if (receipt.success) return receipt
    return chainErrors.CONTRACT_REVERTED({ functionName, reason: 'it reverted in its block', errorName: '' })
  }

  async function pass() {
    const { hash, number, timestamp, baseFeePerGas, gasLimit } = await chain.client.getBlock()
    if (atHead.hash !== hash) atHead = seenAt(hash, gasLimit)
    if (atHead.settled && !store.hasUnmined()) return
    const head = { number, timestamp, decided: atHead.decided }
    const settled = await settleNonces({ chain, store, address, head, recorded, watchBlocks })
    const { minedNonce } = settled
    headNumber = number
    undecided = settled.undecided
    atHead.settled = true
    const baseFee = baseFeePerGas ?? 0n
    const plan = await planWhatIsAccepted(minedNonce, Number(timestamp), baseFee)
    store.atomically(() => {
      for (const { key, nonce, failure } of plan.expire) store.update(key, { state: 'expired', nonce, failure })
    })
    tell()
    // What has a deadline can only be mined after every lower nonce.
    const wanted = [
      ...store.waiting(),
      ...plan.sign.map(({ nonce, action }) => ({ priority: action?.priority, nonce })),
    ]
    const isUrgent = (each: (typeof wanted)[number]) => each.priority === priority.deadline
    const lastUrgent = Math.max(-1, ...wanted.filter(isUrgent).map(({ nonce }) => nonce ?? -1))
    const unmined = () => store.attemptsFrom(minedNonce)
    // What only waits to be mined asks for no prices.
    const isSigning = plan.sign.length + plan.bump.length > 0
    const market = { baseFeePerGas: baseFee, tipPerGas: isSigning ? await tipPerGas(chain) : 0n }
    const minedWei = isSigning ? store.spentSince(Number(timestamp) - 86_400) : 0n

    // A transaction above a nonce for which nothing was signed could not be mined.
    for (const wanted of plan.sign) if (!(await sign(wanted)) && offered(wanted.nonce).length === 0) break
    for (const { nonce, key, gas } of plan.bump)
      await sign({ nonce, action: key === '' ? null : store.find(key), displaces: null }, gas)
    // Sent once per block, and at once where it has not left us yet because of a crash or because no endpoint took it.
    for (const attempt of new Map(unmined().map(attempt => [attempt.nonce, attempt])).values())
      if (!atHead.sent.has(attempt.hash) && attempt.maxFeePerGas >= market.baseFeePerGas) await offer(attempt)

    function offered(nonce: number): Fee[] {
      return unmined().filter(attempt => attempt.nonce === nonce)
    }

    /** Records the signed transaction, unless a cap forbids it; the nonce then stays with what was signed for it before. */
    async function sign(wanted: Plan['sign'][number], gas = gasOf(wanted.action)): Promise<boolean> {
      const { nonce, action, displaces } = wanted
      const key = action?.key ?? ''
      const fee = nextFee(market, offered(nonce), caps)
      const first = firstTip(market, caps)
      if (first < market.tipPerGas)
        complain(chainErrors.TRANSACTION_TIP_CAP({ askedWei: market.tipPerGas, offeredWei: first }), '')
      if (fee === null) {
        const needed = { neededWei: gas * market.baseFeePerGas, capWei: gas * caps.feePerGas }
        if (offered(nonce).every(({ maxFeePerGas }) => maxFeePerGas < market.baseFeePerGas))
          complain(chainErrors.TRANSACTION_FEE_CAP({ key: key || `nonce ${nonce}`, ...needed }), `${nonce}`)
        return false
      }
      const waitingWei = mostWei([...unmined(), { nonce, gas, ...fee }])
      const spentWei = minedWei + waitingWei
      const capWei = nonce <= lastUrgent ? spendCapWei : spendCapWei - spendCapWei / urgentShare
      if (spentWei > capWei) {
        complain(chainErrors.TRANSACTION_SPEND_CAP({ spentWei, capWei }), `${capWei}`)
        return false
      }
      const { to, data } = action ?? { to: address, data: '0x' as Hex }
      const { chainId } = chain
      let raw: Hex
      try {
        raw = await account.signTransaction({ type: 'eip1559', chainId, nonce, to, data, gas, ...fee })
      } catch (error) {
        if (!isKaisarError(error)) throw error
        complain(error, key)
        if (action !== null && refusedBySigner.has(error.code)) {
          store.update(key, { state: 'failed', failure: { code: error.code, message: error.message } })
          tell()
          again = true
        }
        return false
      }
      store.atomically(() => {
        store.addAttempt({ hash: keccak256(raw), key, nonce, raw, gas, ...fee, atBlock: headNumber })
        if (displaces !== null) store.update(displaces.key, { state: 'displaced', nonce })
        if (action !== null) store.update(key, { state: 'pending', nonce })
      })
      crashPoint(`transaction.recorded:${action?.functionName ?? 'nothing'}`)
      return true
    }
  }

  const gasOf = (action: ActionRow | null): bigint => (action === null ? 21_000n : atHead.gas.get(action.key)!)

  /** The plan without the actions that the chain refuses now or cannot be asked about, so that they do not hold up the others. */
  async function planWhatIsAccepted(minedNonce: number, headTimestamp: number, baseFeePerGas: bigint): Promise<Plan> {
    const unanswered = new Set<string>()
    for (;;) {
      const isHeldBack = ({ key, state }: ActionRow) =>
        state === 'queued' && (unanswered.has(key) || atHead.gas.get(key) === null)
      const actions = store.waiting().filter(action => !isHeldBack(action))
      const plan = planTransactions(
        { actions, attempts: store.attemptsFrom(minedNonce), minedNonce, headNumber, headTimestamp, baseFeePerGas },
        rules,
      )
      const unasked = plan.sign.flatMap(({ action }) => (action === null || atHead.gas.has(action.key) ? [] : [action]))
      if (unasked.length === 0) return plan
      await Promise.all(unasked.map(estimate))
      for (const { key } of unasked) if (!atHead.gas.has(key)) unanswered.add(key)
    }
  }

  /**
   * Estimates the gas, with a quarter to spare, or finds that the chain refuses the call in its present state. An action of the highest
   * priority is tried again at each block until its deadline. Another one is given up; its caller may ask again.
   */
  async function estimate({ key, to, data, functionName, ...action }: ActionRow): Promise<void> {
    try {
      const gas = await chain.client.estimateGas({ account: address, to, data })
      const { gasLimit } = atHead
      if (gas > gasLimit) return complain(chainErrors.RPC_GAS_IMPLAUSIBLE({ functionName, gas, gasLimit }))
      const withSpare = gas + gas / 4n
      atHead.gas.set(key, withSpare < gasLimit ? withSpare : gasLimit)
    } catch (error) {
      const refusal = decodeChainError(error, functionName)
      if (refusal.code !== 'CONTRACT_REVERTED')
        return complain(await explainRefusal(chain, address, error, functionName))
      const { errorName: code, reason: message } = refusal.context as { errorName: string; reason: string }
      atHead.gas.set(key, null)
      const insists = action.priority === priority.deadline && action.deadline !== null
      store.update(key, { state: insists ? 'queued' : 'failed', failure: { code, message } })
      tell()
    }
  }

  async function offer({ hash, key, raw }: Attempt) {
    const { isTaken, reasons } = await broadcast(raw, {}, { chain, clock })
    if (isTaken) {
      atHead.sent.add(hash)
      crashPoint(`transaction.sent:${store.find(key)?.functionName ?? 'nothing'}`)
    } else
      for (const reason of reasons) complain(await explainRefusal(chain, address, reason, 'eth_sendRawTransaction'))
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

  /** Starts the one timer, which goes on while an action is open, also after failures. */
  function wake(ms: number) {
    if (ms === 0) again = true
    if (stopped || looking !== null || (timer !== null && ms > 0)) return
    timer?.abort()
    const waiting = new AbortController()
    timer = waiting
    clock.sleep(ms, waiting.signal).then(
      () => {
        if (timer !== waiting) return
        timer = null
        looking = look()
      },
      () => undefined,
    )
  }

  async function look() {
    let goesOn = true
    try {
      await run()
      goesOn = !stopped && store.hasOpen()
    } catch (error) {
      complain(await explainRefusal(chain, address, error, 'Looking after transactions'))
    }
    looking = null
    if (again) wake(0)
    else if (goesOn) wake(pollMs)
  }

  wake(0)
  return {
    address,
    /**
     * Records the action and returns; it is sent from then on, also after a restart. Synchronous, so that it can be part of the
     * caller's own store transaction. An action that was done before is not done again; one that failed before is tried again.
     * @throws TRANSACTION_KEY_REUSED
     */
    enqueue,
    /**
     * Records the action and resolves when it is mined and confirmed.
     * @throws CONTRACT_REVERTED, TRANSACTION_EXPIRED, TRANSACTION_KEY_REUSED
     */
    send(call: SentCall): Promise<Receipt> {
      enqueue(call)
      return outcome(call.key)
    },
    /** Resolves with the outcome of a recorded action. */
    outcome,
    /** Actions that are not over. */
    open: store.open,
    /** Whether this action waits to be mined, or is mined and still watched; not where it failed. */
    isOpen(key: string): boolean {
      const action = store.find(key)
      return action !== null && action.state !== 'final' && !isOver(action)
    },
    // One that has begun may have looked before what the caller wants seen.
    /** Looks at the chain from now on once and does what is due. It is called by itself while an action is open. */
    pass: (): Promise<void> => (passing ?? Promise.resolve()).catch(() => undefined).then(run),
    /** Stops looking at the chain. Nothing is lost: a new sender on the same database goes on. */
    async stop(): Promise<void> {
      stopped = true
      timer?.abort()
      await looking
      await passing?.catch(() => {})
    },
  }
}

/**
 * One part of so many of the spend cap is for what must be mined in time alone, and for what has to be mined before it: steps that anybody may take,
 * and claims, never use up what a commitment or an opening needs.
 */
const urgentShare = 4n

/** What was learnt and done at one head, so that nothing is repeated before the next one; `gas` is null where the chain refused. */
const seenAt = (hash: Hex | null, gasLimit = 0n) => ({
  hash,
  gasLimit,
  settled: false,
  decided: new Set<number>(),
  gas: new Map<string, bigint | null>(),
  sent: new Set<Hex>(),
  told: new Set<string>(),
})

/** What a signer elsewhere would say of this transaction again. Where it is away, it is asked again; neither holds up what is signed. */
const refusedBySigner: ReadonlySet<string> = new Set(['SIGNER_REFUSED', 'SIGNER_TRANSACTION_ALTERED'])
