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
 * Methods whose amounts differ between honest endpoints: the middle one is taken. Where only two answer at all, it is the higher: what is
 * offered too much is bounded by a block's gas and by the caps, or not spent, while a transaction with too little gas fails in its block
 * and is lost, and one with too low a tip is in none. Two that are no further apart than this, in percent of the lower, need no third to
 * decide: a false one is not too low, and costs so much more at most. Tips of honest endpoints differ by more than amounts of gas.
 */
const closePercents: Readonly<Record<string, bigint>> = {
  eth_estimateGas: 110n,
  eth_gasPrice: 200n,
  eth_maxPriorityFeePerGas: 200n,
}

/** What a node that has pruned its index no longer finds: where most do not say that there is none, those decide who know it. */
const lookups = new Set(['eth_getTransactionByHash', 'eth_getTransactionReceipt'])

/** Whether a call is compared between endpoints, where there are several. */
export const isCompared = ({ method }: RpcCall): boolean => compared.has(method) || method in closePercents

/**
 * @param endpoints - the endpoints that can be asked, in order of preference
 * @param given - how many there are in all: of three or more the only one that answers is not believed
 * @param dependencies - `clock` counts what is late, default: nothing is; `onDoubt` is told who is, or answers otherwise than most
 * @returns the outcome that they agree on
 * @throws RPC_DISAGREEMENT where no majority gives the same answer, RPC_ALONE, null where none of them answers, and the error that most of
 * them give
 */
export async function agree(
  call: RpcCall,
  endpoints: readonly Endpoint[],
  given = endpoints.length,
  { clock, onDoubt = () => undefined }: AgreeDependencies = {},
): Promise<{ readonly result: unknown } | null> {
  const askAll: AskAll = (about, of, doMostAgree) => askEach(about, of, { doMostAgree, clock, onDoubt })
  const closePercent = closePercents[call.method]
  if (closePercent !== undefined) {
    // What most say is the middle. With two that are far apart either could be false: the third decides.
    const areClose = (low: bigint, high: bigint) => 100n * high <= closePercent * low
    const doMostAgree = (said: readonly Said[], of: number) => areMostClose(amountsOf(said), of, areClose)
    const options = { isMostEnough: true, doMostAgree, clock, onDoubt }
    return middleOf((await askEach(call, endpoints.slice(0, 3), options)).said)
  }
  const { said } = await askEach(call, endpoints, { count: 2, clock, onDoubt })
  if (said.length === 1 && given > 2) throw chainErrors.RPC_ALONE({ method: call.method, answered: said.length, given })
  if (said.length < 2 || said[0]!.key === said[1]!.key) return outcomeOf(said[0])
  const atBlock = await atCommonBlock(call, endpoints, askAll)
  const { said: again } = await askAll(atBlock.call, atBlock.endpoints)
  const most = majorityOf(again, atBlock.endpoints.length) ?? (lookups.has(call.method) ? majorityOfKnown(again) : null)
  if (most === null) throw disagreement(call, again.length > 1 ? again : said)
  for (const { endpoint, key, isVague } of again) {
    if (key === most.key) continue
    onDoubt(endpoint)
    if (isVague || most.isVague) continue
    const claim = `its answer to ${call.method} is ${brief(key)}, that of the others ${brief(most.key)}`
    endpoint.mark('dropped', chainErrors.RPC_FORGED({ endpoint: endpoint.name, claim }))
  }
  return call.method === 'eth_blockNumber' ? { result: (most.result as { number: string }).number } : outcomeOf(most)
}

type AgreeDependencies = {
  readonly clock?: Pick<Clock, 'sleep'> | undefined
  readonly onDoubt?: (endpoint: Endpoint) => void
}
type AskAll = (call: RpcCall, endpoints: readonly Endpoint[], doMostAgree?: AskOptions['doMostAgree']) => Promise<Asked>

/** The same call about a block that most endpoints have, and the endpoints that have it or were too late to say so. */
async function atCommonBlock(call: RpcCall, endpoints: readonly Endpoint[], askAll: AskAll) {
  const params = (call.params ?? []) as readonly unknown[]
  const place = blockParameter[call.method]
  const isAtHead =
    call.method === 'eth_blockNumber' ||
    (call.method === 'eth_getBlockByNumber' && params[0] === 'latest') ||
    (call.method === 'eth_getLogs' && [undefined, 'latest'].includes((params[0] as { toBlock?: string }).toBlock)) ||
    (place !== undefined && [undefined, 'latest', 'pending'].includes(params[place] as string | undefined))
  if (!isAtHead) return { call, endpoints }

  const latest = (number: string) => ({ method: 'eth_getBlockByNumber', params: [number, false] })
  const heads = await askAll(latest('latest'), endpoints, areHeadsClose)
  // The middle head: one endpoint cannot raise it by inventing a head, however high, nor lower it to one long past.
  const numbers = numbersOf(heads.said)
  const number = numbers[Math.floor((numbers.length - 1) / 2)]
  if (number === undefined) return { call, endpoints }
  const { said: blocks, late } = await askAll(latest(`0x${number.toString(16)}`), endpoints)
  const most = majorityOf(blocks, blocks.length)
  if (most === null || most.result === null) throw disagreement(call, blocks)
  const agreeing = [...blocks.filter(({ key }) => key === most.key).map(({ endpoint }) => endpoint), ...late]
  const { hash, number: hexNumber } = most.result as { hash: string; number: string }
  switch (call.method) {
    case 'eth_blockNumber':
    case 'eth_getBlockByNumber':
      return {
        call: { ...call, method: 'eth_getBlockByHash', params: [hash, params[1] ?? false] },
        endpoints: agreeing,
      }
    case 'eth_getLogs':
      return { call: { ...call, params: [{ ...(params[0] as object), toBlock: hexNumber }] }, endpoints: agreeing }
    default:
      return { call: { ...call, params: [...params.slice(0, place), { blockHash: hash }] }, endpoints: agreeing }
  }
}

type AskOptions = {
  readonly count?: number
  /** Whether the others need not be waited for once more than half say the same. */
  readonly isMostEnough?: boolean
  /** Whether more than half of `of` endpoints agree; default: where they say the same. */
  readonly doMostAgree?: ((said: readonly Said[], of: number) => boolean) | undefined
  readonly clock: Pick<Clock, 'sleep'> | undefined
  readonly onDoubt: (endpoint: Endpoint) => void
}

/** What came of asking, in the order of preference: the answers, and who had not answered by then. */
type Asked = { readonly said: Said[]; readonly late: readonly Endpoint[] }

/** After this long without an answer another endpoint is asked beside the slow one, in ms. */
const soonMs = 500
/** Once more than half agree, the others have this long, in ms. Until then any of them may be the one that decides. */
const lateMs = 1_000

/**
 * Asks `count` endpoints at once, by default all, and one more for each that does not answer, or where not all have answered soon. Where all
 * are asked, none holds up for long what most agree on.
 *
 * @throws RPC_DISAGREEMENT where a single endpoint answers while two others limit us: one answer is not enough
 */
async function askEach(
  call: RpcCall,
  endpoints: readonly Endpoint[],
  { count = endpoints.length, isMostEnough = false, doMostAgree = saySame, clock, onDoubt }: AskOptions,
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
    let isLate = false
    function end() {
      inTime()
      resolve()
    }
    const doubtUnanswered = () => unanswered().forEach(onDoubt)
    function askNext() {
      const endpoint = endpoints[asked]
      if (endpoint === undefined) return
      asked++
      void ask(call, endpoint).then(answer => {
        answers.push({ endpoint, answer })
        const now = said()
        if (now.length >= count || (isMostEnough && saySame(now, count))) return end()
        if (typeof answer !== 'object') askNext()
        if (answers.length === asked) return end()
        if (clock === undefined || isLate || count < endpoints.length || !doMostAgree(now, count)) return
        isLate = true
        inTime = timeLimit(clock, lateMs, () => {
          doubtUnanswered()
          end()
        })
      })
    }
    if (clock !== undefined && count < endpoints.length)
      inTime = timeLimit(clock, soonMs, () => {
        doubtUnanswered()
        askNext()
      })
    for (let i = 0; i < count; i++) askNext()
    if (asked === 0) end()
  })
  if (said().length === 1 && answers.filter(({ answer }) => answer === 'busy').length > 1)
    throw disagreement(call, said())
  return { said: said(), late: unanswered() }
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

/** The answer of most of those that gave one at all. */
function majorityOfKnown(said: readonly Said[]): Said | null {
  const known = said.filter(({ isVague }) => !isVague)
  return majorityOf(known, known.length)
}

const saySame = (said: readonly Said[], of: number) => majorityOf(said, of) !== null

/** Whether more than half of `of` endpoints name amounts that lie close together, given in ascending order. */
function areMostClose(amounts: readonly bigint[], of: number, isClose: (low: bigint, high: bigint) => boolean) {
  const more = Math.floor(of / 2)
  return amounts.slice(more).some((high, i) => isClose(amounts[i]!, high))
}

/** Heads of honest endpoints are rarely further apart, in blocks. */
const closeBlocks = 3n
const areHeadsClose: AskOptions['doMostAgree'] = (said, of) =>
  areMostClose(numbersOf(said), of, (low, high) => high - low <= closeBlocks)

const ascending = (a: bigint, b: bigint) => (a < b ? -1 : 1)

const amountsOf = (said: readonly Said[]): bigint[] =>
  said
    .flatMap(({ result }) => (typeof result === 'string' && /^0x[0-9a-f]{1,64}$/.test(result) ? BigInt(result) : []))
    .sort(ascending)

function middleOf(said: readonly Said[]) {
  const amounts = amountsOf(said)
  const refusals = said.filter(({ error }) => error !== null)
  const middle = amounts[Math.floor(amounts.length / 2)]
  if (middle === undefined || refusals.length > amounts.length)
    return outcomeOf(majorityOf(refusals, said.length) ?? refusals[0])
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
    return [fields.transactionHash, fields.blockHash, fields.status, keyOf(loggedOf(fields))].join(' ').toLowerCase()
  const named = Object.keys(fields).filter(name => !/^(blockTimestamp|removed)$/.test(name))
  return `{${named.sort().map(name => `${name}:${keyOf(fields[name])}`)}}`
}

/** Nodes number the logs of a receipt in their own ways. */
const loggedOf = ({ logs }: { readonly logs?: unknown }) =>
  (logs as readonly Record<string, unknown>[]).map(({ address, topics, data }) => ({ address, topics, data }))

const brief = (key: string) => (key.length > 80 ? `${key.slice(0, 80)}…` : key)

/** The numbers of blocks, in ascending order. */
const numbersOf = (said: readonly Said[]): bigint[] =>
  said
    .flatMap(({ result }) => {
      const number = (result as { number?: unknown } | null)?.number
      return typeof number === 'string' && /^0x[0-9a-f]+$/.test(number) ? BigInt(number) : []
    })
    .sort(ascending)

/** Whether the contract refused the call. Not every node gives the data of a revert. */
function isRevert(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if ((cause as { code?: unknown }).code === 3 || /revert/i.test(cause.message)) return true
  return revertData(error) !== null
}

const isRateLimit = (cause: unknown): boolean =>
  cause instanceof LimitExceededRpcError || (cause instanceof HttpRequestError && cause.status === 429)
