import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Hex, keccak256, numberToHex } from 'viem'
import { askOver, type Call } from './json-rpc.ts'
import { createLyingEndpoint, forgedReceipt, type Lie, lies } from './lying-endpoint.ts'
import { seededRandom } from './seeded-random.ts'

/**
 * What an endpoint does wrong.
 * `hang`: never answers · `rate-limited`: HTTP 429 · `server-error`: HTTP 502 · `drop-reply`: does it, then cuts the connection ·
 * `vanish`: does it, and from then on cuts every connection · `swallow`: says a transaction was accepted and forgets it · `wrong-chain`: names another chain id · `forged-receipt`: shows a successful receipt for anything ·
 * `ahead`: claims a head four blocks ahead, and makes up that block · `wrong-code`: names other code at every address · and every
 * {@link Lie}, told over a real socket: `truncated` ends in the middle of its JSON, `slow` comes {@link slowMs} later
 */
type RpcFault =
  | 'hang'
  | 'rate-limited'
  | 'server-error'
  | 'drop-reply'
  | 'vanish'
  | 'swallow'
  | 'wrong-chain'
  | 'forged-receipt'
  | 'ahead'
  | 'wrong-code'
  | Lie

export type FaultRule = {
  readonly fault: RpcFault
  /** Requests it applies to; default: those that the fault is about, else all. */
  readonly method?: string
  /** Chance per request, by the seed; default 1. */
  readonly probability?: number
  /** How often; default for ever. */
  readonly times?: number
  /** How many it would apply to are let through before; default 0. */
  readonly after?: number
}

export type RpcProxy = {
  readonly url: string
  /** Adds a rule; returns a function that takes it away. */
  inject(rule: FaultRule): () => void
  /** Faults that were really injected, by kind. */
  readonly injected: Readonly<Partial<Record<RpcFault, number>>>
  /** Methods asked for, in order. */
  readonly calls: readonly string[]
  stop(): Promise<void>
}

const aboutMethod: Partial<Record<RpcFault, string>> = {
  swallow: 'eth_sendRawTransaction',
  'wrong-chain': 'eth_chainId',
  'forged-receipt': 'eth_getTransactionReceipt',
  'wrong-code': 'eth_call',
}

const slowMs = 300

/** A JSON-RPC endpoint in front of a real one that fails as told, reproducibly for a seed. */
export async function startRpcProxy(options: { readonly target: string; readonly seed?: number }): Promise<RpcProxy> {
  const random = seededRandom(options.seed ?? 1)
  const rules = new Map<FaultRule, { left: number; spared: number }>()
  const injected: Partial<Record<RpcFault, number>> = {}
  const calls: string[] = []
  const vanished = new Set<FaultRule>()

  const forward = (call: Call) => askOver(options.target, call)
  const liar = createLyingEndpoint((method, params) => forward({ id: 0, method, params }), random)

  /** @returns null where the answer was cut short */
  async function lieAbout(lie: Lie, call: Call, response: ServerResponse): Promise<unknown> {
    const { method, params = [] } = call
    if (lie === 'slow') await sleep(slowMs)
    try {
      return { ...(await liar.answer(lie, method, params)), jsonrpc: '2.0', id: call.id }
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"jsonrpc":"2.0","id":1,"resu')
      return null
    }
  }

  const result = (call: Call, value: unknown) => ({ jsonrpc: '2.0', id: call.id, result: value })

  function choose(call: Call): FaultRule | null {
    for (const [rule, state] of rules) {
      if (vanished.has(rule)) return rule
      const method = rule.method ?? aboutMethod[rule.fault]
      if (state.left <= 0 || (method !== undefined && method !== call.method)) continue
      if (rule.fault === 'ahead' && !/^eth_(blockNumber|getBlockByNumber)$/.test(call.method)) continue
      if (random() >= (rule.probability ?? 1)) continue
      if (state.spared-- > 0) continue
      state.left--
      injected[rule.fault] = (injected[rule.fault] ?? 0) + 1
      return rule
    }
    return null
  }

  /** @returns null when the connection is left hanging or was cut */
  async function answer(call: Call, response: ServerResponse): Promise<unknown> {
    calls.push(call.method)
    const rule = choose(call)
    if (rule !== null && isLie(rule.fault)) return lieAbout(rule.fault, call, response)
    switch (rule?.fault) {
      case undefined:
        return forward(call)
      case 'hang':
        return null
      case 'rate-limited':
      case 'server-error':
        response.writeHead(rule?.fault === 'rate-limited' ? 429 : 502).end('no')
        return null
      case 'drop-reply':
        await forward(call)
        response.destroy()
        return null
      case 'vanish':
        if (!vanished.has(rule!)) await forward(call)
        vanished.add(rule!)
        response.destroy()
        return null
      case 'swallow':
        return result(call, keccak256(call.params?.[0] as Hex))
      case 'wrong-chain':
        return result(call, numberToHex(666))
      case 'forged-receipt':
        return result(call, forgedReceipt(call.params?.[0]))
      case 'wrong-code': {
        const honest = await forward(call)
        // What begins with an address pushed on the stack asks for code hashes.
        const { to, data = '0x' } = (call.params?.[0] ?? {}) as { to?: Hex; data?: Hex }
        return to === undefined && data.startsWith('0x73')
          ? result(call, (honest.result as Hex).replaceAll('a', 'b') as Hex)
          : honest
      }
      case 'ahead': {
        const head = (await forward({ id: 0, method: 'eth_blockNumber', params: [] })).result as Hex
        const claimed = numberToHex(BigInt(head) + 4n)
        if (call.method === 'eth_blockNumber') return result(call, claimed)
        const block = (await forward({ ...call, params: ['latest', false] })).result as object
        return result(call, { ...block, number: call.params?.[0] === 'latest' ? claimed : call.params?.[0] })
      }
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Call | Call[]
    const answers: unknown[] = []
    for (const call of Array.isArray(body) ? body : [body]) {
      const one = await answer(call, response)
      if (one === null) return
      answers.push(one)
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(Array.isArray(body) ? answers : answers[0]))
  }

  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    inject(rule) {
      rules.set(rule, { left: rule.times ?? Number.POSITIVE_INFINITY, spared: rule.after ?? 0 })
      return () => rules.delete(rule)
    },
    injected,
    calls,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const isLie = (fault: RpcFault): fault is Lie => lies.some(lie => lie === fault)
