/** A real anvil whose blocks come when virtual time says so, and what each host sees of it: late, and wrong where a test wants that. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { custom, type Hex, HttpRequestError, keccak256, numberToHex, RpcRequestError, TimeoutError } from 'viem'
import type { OpenTransport } from '../../../src/core/chain/endpoint.ts'
import { startAnvil } from '../../../src/core/devnet/anvil.ts'
import { type Answer, createLyingEndpoint, type Lie } from '../../helpers/lying-endpoint.ts'
import type { VirtualHost } from './virtual-time.ts'

/** Genesis, in seconds; the same in every run, so that every block is. */
const genesisAt = 1_700_000_000

/**
 * What an endpoint does wrong. `swallow`: says a transaction was accepted and forgets it · `drop-reply`: does it, then cuts the
 * connection · `rate-limited`: HTTP 429 · `server-error`: HTTP 502 · `hang`: never answers
 */
type EndpointFault = 'swallow' | 'drop-reply' | 'rate-limited' | 'server-error' | 'hang'
export type EndpointFaultRule = {
  readonly fault: EndpointFault
  /** Requests it applies to; default all, for `swallow` those that send a transaction. */
  readonly method?: string
  /** Chance per request. */
  readonly probability: number
}

export type VirtualChain = {
  readonly rpcUrl: string
  /** Requests that each host has made, by its name. */
  readonly requests: ReadonlyMap<string, number>
  /** The same by what was asked for: a method, of a call with the selector of its function. */
  readonly calls: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** Asks the chain at once, outside of virtual time. */
  rpc(method: string, params?: readonly unknown[]): Promise<unknown>
  /** The same for a client of viem's. */
  readonly openTransport: OpenTransport
  /** Mines a block, a second after the last one. */
  mine(): Promise<void>
  /** Takes the last blocks out and puts as many others in their place; their transactions are lost. */
  reorganise(depth: number): Promise<void>
  /** What carries the requests of this host. `random` decides how long each takes, and what goes wrong. */
  transportOf(
    host: VirtualHost,
    options: {
      readonly random: () => number
      /** What it does wrong now; default nothing. */
      readonly faults?: () => readonly EndpointFaultRule[]
      /** What this URL lies about now; default nothing. */
      readonly lie?: (url: string) => Lie | null
      /** Whether this URL refuses every connection; default no. */
      readonly isAway?: (url: string) => boolean
      readonly onFault?: (fault: EndpointFault | Lie) => void
    },
  ): OpenTransport
  stop(): Promise<void>
}

/** Milliseconds from a request to its reply. */
const latencyMs = { least: 1, most: 12 }

/** @param folder - for the socket at which anvil answers */
export async function startVirtualChain(folder: string): Promise<VirtualChain> {
  const ipc = join(folder, 'anvil.ipc')
  const anvil = await startAnvil({ timestamp: genesisAt, hardfork: 'prague', accounts: 1, ipc })
  const line = await openLine(ipc)
  /** Replies to reads, for as long as nothing was written since: seven daemons ask for the same head. */
  const replies = new Map<string, Answer>()
  /** Blocks by number or hash, for as long as the chain has only grown since. */
  const blocks = new Map<string, Answer>()
  const requests = new Map<string, number>()
  const calls = new Map<string, Map<string, number>>()
  let coinbase = 0

  const keyOf = (method: string, params: unknown) => JSON.stringify({ method, params })
  const known = (key: string) => replies.get(key) ?? blocks.get(key)

  async function ask(method: string, params: unknown): Promise<Answer> {
    const key = keyOf(method, params)
    const isRead = reads.test(method)
    // What is sent is only in the pool until a block is mined.
    for (const old of isRead ? [] : replies.keys()) if (method !== sending || ofPool.test(old)) replies.delete(old)
    if (!isRead && !growing.test(method)) blocks.clear()
    const reply = known(key) ?? (await line.ask(key))
    if (isRead) (ofBlock.test(key) && reply.result ? blocks : replies).set(key, reply)
    return reply
  }

  const rpc = async (method: string, params: readonly unknown[] = []) => resultOf(await ask(method, params), method)
  await rpc('anvil_setBlockTimestampInterval', [1])
  return {
    rpcUrl: anvil.rpcUrl,
    requests,
    calls,
    rpc,
    openTransport: url =>
      custom(
        {
          request: async ({ method, params = [] }: { method: string; params?: readonly unknown[] }) =>
            resultOf(await line.ask(keyOf(method, params)), method, url),
        },
        { retryCount: 0 },
      ),
    mine: async () => void (await rpc('evm_mine')),
    async reorganise(depth) {
      await rpc('anvil_rollback', [depth])
      await rpc('anvil_setCoinbase', [numberToHex(++coinbase, { size: 20 })])
      for (let i = 0; i < depth; i++) await rpc('evm_mine')
    },
    transportOf(host, { random, faults = () => [], lie: lieOf = () => null, isAway, onFault = () => undefined }) {
      const half = () => (latencyMs.least + (latencyMs.most - latencyMs.least) * random()) / 2
      const choose = (called: string) =>
        faults().find(({ fault, method = fault === 'swallow' ? sending : called, probability }) => {
          return method === called && random() < probability
        })?.fault ?? null
      return (url, { timeout }) => {
        const endpoint = createLyingEndpoint(ask, random)
        return custom(
          {
            async request({ method, params }: { method: string; params?: readonly unknown[] }) {
              requests.set(host.name, (requests.get(host.name) ?? 0) + 1)
              count(calls, host.name, nameOf(method, params))
              await host.clock.sleep(half())
              if (isAway?.(url)) throw new HttpRequestError({ url, body: { method }, details: 'connection refused' })
              const fault = choose(method)
              if (fault !== null) onFault(fault)
              const body = { method }
              switch (fault) {
                case 'swallow':
                  return keccak256(params![0] as Hex)
                case 'rate-limited':
                  throw new HttpRequestError({ url, body, status: 429 })
                case 'server-error':
                  throw new HttpRequestError({ url, body, status: 502 })
                case 'hang':
                  await host.clock.sleep(timeout)
                  throw new TimeoutError({ url, body })
              }
              const lie = lieOf(url)
              if (lie === 'slow') {
                onFault(lie)
                await host.clock.sleep(4_000 * random())
              }
              const given = params ?? []
              const reply =
                (lie === null ? known(keyOf(method, given)) : undefined) ??
                (await host.exclusive(async () => {
                  const answer = await endpoint.answer(lie, method, given).catch(error => {
                    if (lie !== null) onFault(lie)
                    throw error
                  })
                  // A lie is one where it differs from the truth.
                  if (lie !== null && JSON.stringify(answer) !== JSON.stringify(await ask(method, given))) onFault(lie)
                  return answer
                }))
              await host.clock.sleep(half())
              if (fault === 'drop-reply') throw new HttpRequestError({ url, body, details: 'the connection was cut' })
              return resultOf(reply, method, url)
            },
          },
          { retryCount: 0 },
        )
      }
    },
    async stop() {
      line.close()
      await anvil.stop()
    },
  }
}

function count(calls: Map<string, Map<string, number>>, host: string, what: string) {
  const own = calls.get(host) ?? new Map<string, number>()
  calls.set(host, own.set(what, (own.get(what) ?? 0) + 1))
}

const nameOf = (method: string, params: readonly unknown[] = []): string => {
  const { data } = (params[0] ?? {}) as { readonly data?: string }
  return method === 'eth_call' && data !== undefined ? `${method} ${data.slice(0, 10)}` : method
}

const sending = 'eth_sendRawTransaction'
const reads = /^(eth_(?!send)|net_|web3_)/
const ofPool = /"pending"|_(getTransactionByHash|getTransactionCount|estimateGas)"/
/** Of one block for good, unless the chain goes back. */
const ofBlock = /"eth_getBlockBy(Hash|Number)","params":\["0x/
const growing = /^(evm_mine|eth_send\w*)$/

function resultOf({ result, error }: Answer, method: string, url = 'anvil'): unknown {
  if (error !== undefined) throw new RpcRequestError({ url, body: { method }, error })
  return result
}

/**
 * A connection for one request after the other. Over a socket of the system a request takes a quarter of what one over HTTP does, and there are
 * thousands.
 */
async function openLine(path: string) {
  const socket = connect(path).setEncoding('utf8')
  await once(socket, 'connect')
  let heard = ''
  let waiting: PromiseWithResolvers<Answer> | null = null
  let last: Promise<unknown> = Promise.resolve()
  socket.on('data', (part: unknown) => {
    heard += part
    // Whole lines are answers.
    if (!heard.endsWith('\n')) return
    const answer = heard
    heard = ''
    waiting?.resolve(JSON.parse(answer) as Answer)
  })
  const end = (error?: Error) => waiting?.reject(error ?? new Error('anvil has closed the connection'))
  socket.on('error', end).on('close', () => end())
  return {
    /** @param question - `{"method":…,"params":…}` */
    ask(question: string): Promise<Answer> {
      const answered = last.then(() => {
        if (socket.destroyed) throw new Error('anvil has closed the connection')
        waiting = Promise.withResolvers()
        socket.write(`{"jsonrpc":"2.0","id":1,${question.slice(1)}`)
        return waiting.promise
      })
      last = answered.catch(() => undefined)
      return answered
    },
    close: () => socket.destroy(),
  }
}
