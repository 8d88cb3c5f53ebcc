/** A real anvil whose blocks come when virtual time says so, and what each host sees of it: late, and wrong where a test wants that. */
import { Agent, request as httpRequest } from 'node:http'
import { json } from 'node:stream/consumers'
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

export async function startVirtualChain(): Promise<VirtualChain> {
  const anvil = await startAnvil({ timestamp: genesisAt, hardfork: 'prague', accounts: 1 })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  /** Replies to reads, for as long as nothing was written since: seven daemons ask for the same head. */
  const replies = new Map<string, Answer>()
  const requests = new Map<string, number>()
  const calls = new Map<string, Map<string, number>>()
  let coinbase = 0

  async function ask(method: string, params: unknown): Promise<Answer> {
    const key = JSON.stringify({ method, params })
    const isRead = reads.test(method)
    // What is sent is only in the pool until a block is mined.
    for (const known of isRead ? [] : replies.keys())
      if (method !== sending || ofPool.test(known)) replies.delete(known)
    const reply = replies.get(key) ?? (await post(anvil.rpcUrl, agent, `{"jsonrpc":"2.0","id":1,${key.slice(1)}`))
    if (isRead) replies.set(key, reply)
    return reply
  }

  const rpc = async (method: string, params: readonly unknown[] = []) => resultOf(await ask(method, params), method)
  await rpc('anvil_setBlockTimestampInterval', [1])
  return {
    rpcUrl: anvil.rpcUrl,
    requests,
    calls,
    rpc,
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
              const reply = await host.exclusive(async () => {
                const given = params ?? []
                const answer = await endpoint.answer(lie, method, given).catch(error => {
                  if (lie !== null) onFault(lie)
                  throw error
                })
                // A lie is one where it differs from the truth.
                if (lie !== null && JSON.stringify(answer) !== JSON.stringify(await ask(method, given))) onFault(lie)
                return answer
              })
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
      agent.destroy()
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

function resultOf({ result, error }: Answer, method: string, url = 'anvil'): unknown {
  if (error !== undefined) throw new RpcRequestError({ url, body: { method }, error })
  return result
}

function post(url: string, agent: Agent, body: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const request = httpRequest(url, { method: 'POST', headers, agent }, response =>
      json(response).then(reply => resolve(reply as Answer), reject),
    )
    request.on('error', reject)
    request.end(body)
  })
}
