import { type Address, createPublicClient, custom, type Hex, type PublicClient } from 'viem'
import { type Clock, systemClock } from '../platform/clock.ts'
import { isKaisarError, type KaisarError } from '../platform/errors.ts'
import { agree, isCompared, type RpcCall } from './agreement.ts'
import { codeHashesData, codeHashesOf } from './code-hashes.ts'
import { type ChainDependencies, createEndpoint, type Endpoint, type EndpointStatus } from './endpoint.ts'
import { chainErrors } from './errors.ts'
import { untilMost } from './until-most.ts'

/** A contract that every endpoint must show, with the keccak256 of its code where that is known. */
type ExpectedContract = { readonly name: string; readonly address: Address; readonly codeHash?: Hex }

/** An endpoint more blocks than this behind the head that most of them have reached is stale. */
const mostLagBlocks = 3n

export type ChainOptions = {
  /** One or more JSON-RPC URLs (http, https, ws, wss), in order of preference. */
  readonly rpcUrls: readonly string[]
  /** The chain that every endpoint must serve; omitted: the one that most of them name, and of two that differ the first's. */
  readonly chainId?: number
  readonly contracts?: readonly ExpectedContract[]
  /** Time limit of one request; default 5000. */
  readonly timeoutMs?: number
  /** How long an endpoint that gave a false answer is not asked, before it is checked again; default 30000. */
  readonly forgedMs?: number
}

/** The chain as all given endpoints show it. Where there are two or more, answers are compared; see agreement.ts. */
export type Chain = {
  readonly chainId: number
  readonly client: PublicClient
  /** Every endpoint, in the order given. */
  all(): readonly Endpoint[]
  /** All endpoints that were not dropped, most usable first: without a fault, and not late or odd of late. */
  usable(): Endpoint[]
  status(): EndpointStatus[]
  /** Reads so far that had no answer because the endpoints did not agree, or one alone gave one, by the error's code. */
  unagreed(): Readonly<Record<(typeof unagreedCodes)[number], number>>
  /** Checks chain id, code and head of every endpoint again; a dropped endpoint that passes is used again. */
  check(): Promise<void>
  /** Ends all connections. */
  close(): void
}

/**
 * Connects to a chain over one or more JSON-RPC URLs and verifies each of them.
 *
 * An endpoint that does not answer, serves another chain, lacks the contracts, has other code at their addresses or lags
 * is dropped with its reason; the rest are used.
 *
 * @throws RPC_URL_INVALID, and when no endpoint is left: the reason of the first one (RPC_UNREACHABLE,
 * CHAIN_ID_MISMATCH, CONTRACTS_NOT_DEPLOYED, CODE_HASH_MISMATCH)
 */
export async function connectChain(
  options: ChainOptions,
  { clock = systemClock, openTransport }: ChainDependencies = {},
): Promise<Chain> {
  const { rpcUrls, contracts = [], timeoutMs = 5_000, forgedMs = 30_000 } = options
  const endpoints = rpcUrls.map(url => createEndpoint(url, { timeoutMs }, { clock, openTransport }))
  const forgedSince = new WeakMap<KaisarError, number>()
  let chainId = options.chainId
  let connected = false
  const ask: Ask = (endpoint, call) => patiently(clock, () => endpoint.request(call))

  const askId = async (endpoint: Endpoint) => Number(await ask(endpoint, { method: 'eth_chainId' }))

  /** @returns the endpoint's head; null when it names a head whose block it does not show, so that others are not measured by it */
  async function checkEndpoint(endpoint: Endpoint, id: Promise<number>): Promise<bigint | null> {
    const actual = await id
    if (actual !== chainId) throw chainErrors.CHAIN_ID_MISMATCH({ endpoint: endpoint.name, expected: chainId!, actual })
    await checkCode(ask, endpoint, contracts)
    const head = (await ask(endpoint, { method: 'eth_blockNumber' })) as Hex
    const shown = await ask(endpoint, { method: 'eth_getBlockByNumber', params: [head, false] })
    return (shown as { number: Hex } | null)?.number === head ? BigInt(head) : null
  }

  /** Whether an endpoint is not asked for now. Two servers behind one address can look like a lie, so it is asked again after a while. */
  function sitsOut(endpoint: Endpoint): boolean {
    const reason = forgedReason(endpoint)
    if (reason === null) return false
    const since = forgedSince.get(reason) ?? clock.monotonicMs()
    forgedSince.set(reason, since)
    return clock.monotonicMs() - since < forgedMs
  }

  /** @param ids - what each endpoint says to the question for its chain id, where it was asked already */
  async function check(ids?: ReadonlyMap<Endpoint, Promise<number>>) {
    const heads = new Map<Endpoint, bigint | null>()
    for (const outcome of await Promise.allSettled(
      endpoints.map(async endpoint => {
        if (sitsOut(endpoint)) return
        try {
          heads.set(endpoint, await checkEndpoint(endpoint, ids?.get(endpoint) ?? askId(endpoint)))
        } catch (error) {
          const reason = asReason(endpoint, error)
          // An endpoint that passed its checks and is silent now has shown nothing false: the next request tries it again.
          const isSilent = isKaisarError(reason, 'RPC_UNREACHABLE') || isKaisarError(reason, 'RPC_TIMEOUT')
          endpoint.mark(isSilent && connected && endpoint.status.state !== 'dropped' ? 'failing' : 'dropped', reason)
        }
      }),
    ))
      if (outcome.status === 'rejected') throw outcome.reason
    // An endpoint that runs ahead of the others, or claims to, must not make any of them stale.
    const reached = [...heads.values()].filter(head => head !== null).sort((a, b) => (a < b ? -1 : 1))
    const best = reached[Math.ceil(reached.length / 2) - 1] ?? 0n
    for (const [endpoint, head] of heads) {
      // Of two endpoints neither can show that the other one is behind.
      if (head !== null && head + mostLagBlocks < best)
        endpoint.mark('dropped', chainErrors.RPC_STALE({ endpoint: endpoint.name, head, best }))
      else endpoint.mark('usable', forgedReason(endpoint))
    }
  }

  /** When an endpoint was last late, or said otherwise than most: it is asked last for a while, also where nothing of it is proven. */
  const doubtedAtMs = { late: new Map<Endpoint, number>(), odd: new Map<Endpoint, number>() }
  const onDoubt = (endpoint: Endpoint, why: 'late' | 'odd') => void doubtedAtMs[why].set(endpoint, clock.monotonicMs())
  const isDoubted = (endpoint: Endpoint, why: 'late' | 'odd') =>
    clock.monotonicMs() - (doubtedAtMs[why].get(endpoint) ?? Number.NEGATIVE_INFINITY) < forgedMs
  /** One that has let a request time out is late until it answers again. */
  const wasLate = (endpoint: Endpoint) => endpoint.status.state === 'failing' || isDoubted(endpoint, 'late')
  const rankOf = (endpoint: Endpoint) =>
    2 * Number(endpoint.status.reason !== null) + Number(isDoubted(endpoint, 'late') || isDoubted(endpoint, 'odd'))
  const usable = () =>
    endpoints.filter(endpoint => endpoint.status.state !== 'dropped').sort((a, b) => rankOf(a) - rankOf(b))

  const unagreed = { RPC_DISAGREEMENT: 0, RPC_ALONE: 0 }

  async function request(call: RpcCall): Promise<unknown> {
    let timedOut = false
    const compared = async (endpoints: readonly Endpoint[], isLastTry: boolean) => {
      const beganAtMs = clock.monotonicMs()
      try {
        const agreed = await agree(call, endpoints, rpcUrls.length, { clock, isLastTry, wasLate, onDoubt })
        if (agreed !== null) return agreed.result
        throw chainErrors.RPC_UNREACHABLE({ endpoints: describeEndpoints(endpoints) })
      } finally {
        timedOut ||= clock.monotonicMs() - beganAtMs >= timeoutMs
      }
    }
    const askAll = async (isLastTry: boolean) => {
      const endpoints = usable()
      if (endpoints.length > 0 && rpcUrls.length > 1 && isCompared(call)) return compared(endpoints, isLastTry)
      for (const endpoint of endpoints) {
        try {
          return await endpoint.request(call)
        } catch (error) {
          if (!isKaisarError(error)) throw error
          timedOut ||= isKaisarError(error, 'RPC_TIMEOUT')
        }
      }
      throw chainErrors.RPC_UNREACHABLE({ endpoints: describeEndpoints(endpoints) })
    }
    try {
      return await patiently(clock, askAll, () => !timedOut)
    } catch (error) {
      for (const code of unagreedCodes) if (isKaisarError(error, code)) unagreed[code]++
      throw error
    }
  }

  const close = () => {
    for (const endpoint of endpoints) endpoint.close()
  }

  const ids = new Map(endpoints.map(endpoint => [endpoint, askId(endpoint)]))
  if (chainId === undefined) {
    const { most, answers } = await untilMost([...ids.values()], id => id)
    chainId = most ?? answers[0]
  }
  await check(ids)
  connected = true
  if (usable().length === 0) {
    close()
    throw endpoints.length === 1 && endpoints[0]!.status.reason !== null
      ? endpoints[0]!.status.reason
      : chainErrors.RPC_UNREACHABLE({ endpoints: describeEndpoints(endpoints), cause: endpoints[0]?.status.reason })
  }
  return {
    chainId: chainId!,
    client: createPublicClient({ transport: custom({ request }, { retryCount: 0 }), cacheTime: 0 }),
    all: () => endpoints,
    usable,
    status: () => endpoints.map(endpoint => endpoint.status),
    unagreed: () => unagreed,
    check: () => check(),
    close,
  }
}

const forgedReason = ({ status: { state, reason } }: Endpoint): KaisarError | null =>
  state === 'dropped' && isKaisarError(reason, 'RPC_FORGED') ? reason : null

type Ask = (endpoint: Endpoint, call: RpcCall) => Promise<unknown>

/** Codes of reads to which the endpoints gave no common answer. */
const unagreedCodes = ['RPC_DISAGREEMENT', 'RPC_ALONE'] as const
/** Codes of troubles that may be over in a moment. */
const mayPass = ['RPC_UNREACHABLE', ...unagreedCodes]
/** Waits before a request is repeated. */
const retryWaitsMs = [50, 200]

/**
 * Repeats an attempt after short waits, since a rate limit or a restarting proxy passes soon. A request that timed out is not repeated, nor is a
 * read that took as long.
 */
export async function patiently<T>(
  clock: Pick<Clock, 'sleep'>,
  attempt: (isLastTry: boolean) => Promise<T>,
  mayWait = () => true,
): Promise<T> {
  for (const waitMs of retryWaitsMs) {
    try {
      return await attempt(false)
    } catch (error) {
      if (!mayPass.some(code => isKaisarError(error, code)) || !mayWait()) throw error
    }
    await clock.sleep(waitMs)
  }
  return attempt(true)
}

async function checkCode(ask: Ask, endpoint: Endpoint, contracts: readonly ExpectedContract[]) {
  if (contracts.length === 0) return
  const data = codeHashesData(contracts.map(({ address }) => address))
  const answer = await ask(endpoint, { method: 'eth_call', params: [{ data }, 'latest'] })
  const hashes = codeHashesOf(answer, contracts.length)
  for (const [i, { name, address, codeHash }] of contracts.entries()) {
    const hash = hashes?.[i] ?? null
    if (hash === null) throw chainErrors.CONTRACTS_NOT_DEPLOYED({ contract: name, address, endpoint: endpoint.name })
    if (codeHash !== undefined && hash !== codeHash)
      throw chainErrors.CODE_HASH_MISMATCH({ contract: name, endpoint: endpoint.name })
  }
}

const asReason = (endpoint: Endpoint, error: unknown): KaisarError =>
  isKaisarError(error)
    ? error
    : chainErrors.RPC_FAILED({ action: `Checking ${endpoint.name}`, reason: String(error), cause: error })

/** Their names, each with why it is not used. */
export const describeEndpoints = (endpoints: readonly Endpoint[]) =>
  endpoints
    .map(({ status: { name, reason } }) => (reason === null ? name : `${name}: ${reason.message.replace(/\.$/, '')}`))
    .join(' · ') || 'none given'
