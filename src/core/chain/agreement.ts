/**
 * Reads that two endpoints have to agree on, where there are two. Equal answers are taken. Where answers differ, all endpoints are asked
 * again about a block that most of them have. The answer of the majority is taken, and an endpoint that answers otherwise about the
 * same block is dropped. Without a majority no answer is taken: of two endpoints that contradict each other either may lie.
 *
 * Why: docs/why/chain-reads-and-transactions.md
 */
import { HttpRequestError, LimitExceededRpcError } from 'viem'
import { type Clock, timeLimit } from '../platform/clock.ts'
import { isKaisarError } from '../platform/errors.ts'
import { revertData } from './decode-error.ts'
import type { Endpoint } from './endpoint.ts'
import { chainErrors } from './errors.ts'

export type RpcCall = { readonly method: string; readonly params?: unknown }

/**
 * The answer of an endpoint: a result, or an error. It is vague where it proves nothing, since the endpoint may only be behind or have
 * forgotten the state: "there is no such block", or an error that is not a revert.
 */
type Said = {
  readonly endpoint: Endpoint
  readonly result: unknown
  readonly error: unknown
  readonly key: string
  readonly isVague: boolean
}

/** The position of the block among a method's parameters, for methods that read at a block. */
const blockParameter: Readonly<Record<string, number>> = {
  eth_call: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getTransactionCount: 1,
  eth_getStorageAt: 2,
}
const compared = new Set([
  ...Object.keys(blockParameter),
  'eth_blockNumber',
  'eth_getBlockByHash',
  'eth_getBlockByNumber',
  'eth_getLogs',
  'eth_getTransactionByHash',
  'eth_getTransactionReceipt',
])
/**
 * Methods whose amounts differ between honest endpoints: the middle one is taken, and the higher of two. So far apart, in percent of the
 * lower, honest ones may be: what a false one adds to it costs no more than that. Of two that are further apart a third decides.
 */
const closePercents: Readonly<Record<string, bigint>> = {
  eth_estimateGas: 110n,
  eth_gasPrice: 200n,
  eth_maxPriorityFeePerGas: 200n,
}

/** Whether a call is about one block whatever the chain does meanwhile. */
const isByHash = ({ method, params }: RpcCall): boolean =>
  method === 'eth_getBlockByHash' || JSON.stringify(params ?? []).includes('"blockHash"')

const isAboutTransaction = ({ method }: RpcCall): boolean => /^eth_getTransaction(ByHash|Receipt)$/.test(method)

/** Of what waits to be mined there is no common block, and honest pools differ for a while. A mined nonce would be another answer. */
const isAboutPool = ({ method, params }: RpcCall): boolean =>
  method === 'eth_getTransactionCount' && (params as readonly unknown[] | undefined)?.[1] === 'pending'

/** Whether a call is compared between endpoints, where there are several. */
export const isCompared = ({ method }: RpcCall): boolean => compared.has(method) || method in closePercents

/**
 * @param endpoints - the endpoints that can be asked, in order of preference
 * @param given - how many there are in all: of three or more the only one that answers is not believed
 * @returns the outcome that they agree on
 * @throws RPC_DISAGREEMENT where no majority gives the same answer, RPC_ALONE, null where none of them answers, and the error that most of
 * them give
 */
export async function agree(
  call: RpcCall,
  endpoints: readonly Endpoint[],
  given = endpoints.length,
  { clock, isLastTry = true, wasLate = () => false, onDoubt = () => undefined }: AgreeDependencies = {},
): Promise<{ readonly result: unknown } | null> {
  const late = new Set(isLastTry ? [] : endpoints.filter(wasLate))
  const waiting = {
    clock,
    late,
    onLate(endpoint: Endpoint) {
      late.add(endpoint)
      onDoubt(endpoint, 'late')
    },
  }
  const askAll: AskAll = (about, of, doContradict) => askEach(about, of, { ...waiting, doContradict })
  const closePercent = closePercents[call.method]
  if (closePercent !== undefined) {
    const doContradict = (said: readonly Said[], of: number) => areFarApart(said, of, closePercent)
    // What most say is the middle.
    return middleOf((await askEach(call, endpoints.slice(0, 3), { ...waiting, isMostEnough: true, doContradict })).said)
  }
  const { said } = await askEach(call, endpoints, { ...waiting, count: 2 })
  const refuseAlone = ({ length: answered }: readonly Said[]) => {
    if (answered === 1 && given > 2) throw chainErrors.RPC_ALONE({ method: call.method, answered, given })
  }
  refuseAlone(said)
  if (said.length < 2 || said[0]!.key === said[1]!.key) return outcomeOf(said[0])
  const atBlock = await atCommonBlock(call, endpoints, askAll)
  const doContradict = isLastTry && atBlock.isOfOneBlock ? contradictEachOther : undefined
  const { said: again } = await askAll(atBlock.call, atBlock.endpoints, doContradict)
  refuseAlone(again)
  const most = majorityOf(again, atBlock.endpoints.length)
  if (most === null) throw disagreement(call, again.length > 1 ? again : said)
  for (const { endpoint, key, isVague } of again) {
    if (key === most.key) continue
    onDoubt(endpoint, 'odd')
    // One that is on another branch shows the same transaction in another block, and one pool has what another has not yet.
    if (isVague || most.isVague || isAboutTransaction(call) || isAboutPool(call)) continue
    const claim = `its answer to ${call.method} is ${brief(key)}, that of the others ${brief(most.key)}`
    endpoint.mark('dropped', chainErrors.RPC_FORGED({ endpoint: endpoint.name, claim }))
  }
  return call.method === 'eth_blockNumber' ? { result: (most.result as { number: string }).number } : outcomeOf(most)
}

type AgreeDependencies = {
  /** Counts what is late; default: nothing is. */
  readonly clock?: Pick<Clock, 'sleep'> | undefined
  /** Whether it is not tried again where there is no agreement now; default true. Only then is a contradiction worth waiting for. */
  readonly isLastTry?: boolean
  /** Whether an endpoint kept others waiting of late: it is asked, and but for the last try not waited for once most have answered. */
  readonly wasLate?: (endpoint: Endpoint) => boolean
  /** Told who is late, and who answers otherwise than most. */
  readonly onDoubt?: (endpoint: Endpoint, why: 'late' | 'odd') => void
}
type AskAll = (
  call: RpcCall,
  endpoints: readonly Endpoint[],
  doContradict?: AskOptions['doContradict'],
) => Promise<Asked>

/**
 * The same call about a block that most endpoints have, and the endpoints that have it or were too late to say so. Of one block, named by its
 * hash or agreed on, honest endpoints say the same; a number may be that of blocks on two branches.
 */
async function atCommonBlock(call: RpcCall, endpoints: readonly Endpoint[], askAll: AskAll) {
  const params = (call.params ?? []) as readonly unknown[]
  const place = blockParameter[call.method]
  const isAtHead =
    call.method === 'eth_blockNumber' ||
    (call.method === 'eth_getBlockByNumber' && params[0] === 'latest') ||
    (call.method === 'eth_getLogs' && [undefined, 'latest'].includes((params[0] as { toBlock?: string }).toBlock)) ||
    (place !== undefined && [undefined, 'latest', 'pending'].includes(params[place] as string | undefined))
  if (!isAtHead || isAboutPool(call)) return { call, endpoints, isOfOneBlock: isByHash(call) }

  const latest = (number: string) => ({ method: 'eth_getBlockByNumber', params: [number, false] })
  const { said: heads } = await askAll(latest('latest'), endpoints)
  // The middle head: one endpoint cannot raise it by inventing a head, however high.
  const numbers = heads.flatMap(({ result }) => numberOf(result) ?? []).sort((a, b) => (a < b ? -1 : 1))
  const number = numbers[Math.floor((numbers.length - 1) / 2)]
  if (number === undefined) return { call, endpoints, isOfOneBlock: false }
  // Where fewer than three say it, the middle is the lowest, and one could name any old block, of which all say what was true then.
  if (numbers.length < 2 || (numbers.length === 2 && numbers[1]! - numbers[0]! > mostApart))
    throw disagreement(call, heads)
  const { said: blocks, unanswered } = await askAll(latest(`0x${number.toString(16)}`), endpoints)
  const most = majorityOf(blocks, blocks.length)
  if (most === null || most.result === null) throw disagreement(call, blocks)
  const agreeing = [...blocks.filter(({ key }) => key === most.key).map(({ endpoint }) => endpoint), ...unanswered]
  const { hash, number: hexNumber } = most.result as { hash: string; number: string }
  const atBlock = (changes: Partial<RpcCall>) => ({
    call: { ...call, ...changes },
    endpoints: agreeing,
    isOfOneBlock: true,
  })
  switch (call.method) {
    case 'eth_blockNumber':
    case 'eth_getBlockByNumber':
      return atBlock({ method: 'eth_getBlockByHash', params: [hash, params[1] ?? false] })
    case 'eth_getLogs':
      return atBlock({ params: [{ ...(params[0] as object), toBlock: hexNumber }] })
    default:
      return atBlock({ params: [...params.slice(0, place), { blockHash: hash }] })
  }
}

/** So many blocks apart the heads of two endpoints may be for a read at the lower one, when there is no third. */
const mostApart = 64n

type AskOptions = {
  readonly count?: number
  /** Whether the others need not be waited for once more than half say the same. */
  readonly isMostEnough?: boolean
  /** Whether what was said, by some of `of` endpoints, cannot all be true: then the others may take as long as they need. Default never. */
  readonly doContradict?: ((said: readonly Said[], of: number) => boolean) | undefined
  readonly clock: Pick<Clock, 'sleep'> | undefined
  /** Those that were late before: a read waits for each of them once. */
  readonly late: ReadonlySet<Endpoint>
  readonly onLate: (endpoint: Endpoint) => void
}

/** What came of asking: the answers in the order of preference, and who had not answered by then. */
type Asked = { readonly said: Said[]; readonly unanswered: readonly Endpoint[] }

/** After this long without an answer another endpoint is asked beside the slow one, in ms. */
const soonMs = 500
/** Once more than half have answered and do not contradict each other, the others have this long, in ms. */
const lateMs = 1_000

/**
 * Asks `count` endpoints at once, by default all, and one more for each that does not answer, or where not all have answered soon. Where all
 * are asked, none holds up the answers of most for long, and one that was late before does not at all, unless these contradict each other.
 *
 * @throws RPC_DISAGREEMENT where a single endpoint answers while two others limit us: one answer is not enough
 */
async function askEach(
  call: RpcCall,
  endpoints: readonly Endpoint[],
  { count = endpoints.length, isMostEnough = false, doContradict = () => false, clock, late, onLate }: AskOptions,
): Promise<Asked> {
  const answers: { readonly endpoint: Endpoint; readonly answer: Awaited<ReturnType<typeof ask>> }[] = []
  const said = () =>
    answers
      .flatMap(({ answer }) => (typeof answer === 'object' ? [answer] : []))
      .sort((one, other) => endpoints.indexOf(one.endpoint) - endpoints.indexOf(other.endpoint))
  let asked = 0
  const unanswered = () =>
    endpoints.slice(0, asked).filter(endpoint => answers.every(answered => answered.endpoint !== endpoint))
  await new Promise<void>(resolve => {
    let inTime = () => {}
    let isWaiting = false
    function end() {
      inTime()
      resolve()
    }
    /** Whoever is still silent may be the one that decides; its request has a limit of its own. */
    function endUnlessContradicted() {
      if (!doContradict(said(), count)) end()
    }
    function askNext() {
      const endpoint = endpoints[asked]
      if (endpoint === undefined) return
      asked++
      void ask(call, endpoint).then(answer => {
        answers.push({ endpoint, answer })
        const { length } = said()
        if (length >= count || (isMostEnough && majorityOf(said(), count) !== null)) return end()
        if (typeof answer !== 'object') askNext()
        if (answers.length === asked) return end()
        if (clock === undefined || count < endpoints.length || 2 * length <= count) return
        if (unanswered().every(other => late.has(other))) return endUnlessContradicted()
        if (isWaiting) return
        isWaiting = true
        inTime = timeLimit(clock, lateMs, () => {
          unanswered().forEach(onLate)
          endUnlessContradicted()
        })
      })
    }
    if (clock !== undefined && count < endpoints.length)
      inTime = timeLimit(clock, soonMs, () => {
        unanswered().forEach(onLate)
        askNext()
      })
    for (let i = 0; i < count; i++) askNext()
    if (asked === 0) end()
  })
  if (said().length === 1 && answers.filter(({ answer }) => answer === 'busy').length > 1)
    throw disagreement(call, said())
  return { said: said(), unanswered: unanswered() }
}

/** `silent`: the endpoint does not answer · `busy`: it limits our rate */
async function ask(call: RpcCall, endpoint: Endpoint): Promise<Said | 'silent' | 'busy'> {
  try {
    const result = await endpoint.request(call as { method: string; params?: unknown })
    return { endpoint, result, error: null, key: keyOf(result), isVague: result === null || result === undefined }
  } catch (error) {
    if (isKaisarError(error)) return isRateLimit(error.cause) ? 'busy' : 'silent'
    return { endpoint, result: null, error, key: `error ${revertData(error) ?? ''}`, isVague: !isRevert(error) }
  }
}

/** The answer that more than half of `of` endpoints gave; null where there is none. */
function majorityOf(said: readonly Said[], of: number): Said | null {
  for (const one of said) if (2 * said.filter(({ key }) => key === one.key).length > of) return one
  return null
}

/** Vague answers contradict nothing: who does not know is behind. */
function contradictEachOther(said: readonly Said[], of: number): boolean {
  const clear = said.filter(({ isVague }) => !isVague)
  return new Set(clear.map(({ key }) => key)).size > 1 && majorityOf(said, of) === null
}

/** Whether no amounts of more than half of `of` endpoints lie close together, nor so many refuse the call. */
function areFarApart(said: readonly Said[], of: number, closePercent: bigint): boolean {
  const amounts = amountsOf(said)
  const refusals = said.filter(({ error }) => isRevert(error)).length
  if (amounts.length + refusals < 2 || 2 * refusals > of) return false
  return !amounts.slice(Math.floor(of / 2)).some((high, i) => 100n * high <= closePercent * amounts[i]!)
}

/** In ascending order. */
const amountsOf = (said: readonly Said[]): bigint[] =>
  said
    .flatMap(({ result }) => (typeof result === 'string' && /^0x[0-9a-f]{1,64}$/.test(result) ? BigInt(result) : []))
    .sort((a, b) => (a < b ? -1 : 1))

function middleOf(said: readonly Said[]) {
  const amounts = amountsOf(said)
  const refusals = said.filter(({ error }) => error !== null)
  const middle = amounts[Math.floor(amounts.length / 2)]
  if (middle === undefined || refusals.length > amounts.length) return outcomeOf(refusals[0])
  return { result: `0x${middle.toString(16)}` }
}

function outcomeOf(said: Said | undefined) {
  if (said === undefined) return null
  if (said.error !== null) throw said.error
  return { result: said.result }
}

const disagreement = ({ method }: RpcCall, said: readonly Said[]) =>
  chainErrors.RPC_DISAGREEMENT({
    method,
    answers: said.map(({ endpoint, key }) => `${endpoint.name}: ${brief(key)}`).join(' · '),
  })

/** The text by which answers are compared. Where nodes differ in fields that we do not read, it holds those that we do. */
function keyOf(result: unknown): string {
  if (Array.isArray(result)) return `[${result.map(keyOf).join(',')}]`
  if (typeof result !== 'object' || result === null) return String(result).toLowerCase()
  const fields = result as Record<string, unknown>
  if (typeof fields.hash === 'string' && 'parentHash' in fields) {
    const { hash, number, parentHash, timestamp, baseFeePerGas, gasLimit, transactions } = fields
    const hashes = Array.isArray(transactions) ? transactions.map(each => (each as { hash?: string }).hash ?? each) : []
    return [hash, number, parentHash, timestamp, baseFeePerGas, gasLimit, ...hashes].join(' ')
  }
  if (typeof fields.hash === 'string' && 'input' in fields)
    return [fields.hash, fields.to, fields.input].join(' ').toLowerCase()
  if (typeof fields.transactionHash === 'string' && 'logs' in fields)
    return [fields.transactionHash, fields.blockHash, fields.status, keyOf(fields.logs)].join(' ').toLowerCase()
  if (Array.isArray(fields.topics) && 'data' in fields) {
    const { address, topics, data, blockHash, transactionHash, logIndex } = fields
    return [address, ...topics, data, blockHash, transactionHash, logIndex].join(' ').toLowerCase()
  }
  const named = Object.keys(fields)
  return `{${named.sort().map(name => `${name}:${keyOf(fields[name])}`)}}`
}

const brief = (key: string) => (key.length > 80 ? `${key.slice(0, 80)}…` : key)

function numberOf(block: unknown): bigint | null {
  const number = (block as { number?: unknown } | null)?.number
  return typeof number === 'string' && /^0x[0-9a-f]+$/.test(number) ? BigInt(number) : null
}

/** Whether the contract refused the call. Not every node gives the data of a revert. */
function isRevert(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if ((cause as { code?: unknown }).code === 3 || /revert/i.test(cause.message)) return true
  return revertData(error) !== null
}

const isRateLimit = (cause: unknown): boolean =>
  cause instanceof LimitExceededRpcError || (cause instanceof HttpRequestError && cause.status === 429)
