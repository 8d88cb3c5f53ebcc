/** JSON-RPC over HTTP for what tests ask of a node on this machine. */
import { Agent, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { custom, RpcRequestError } from 'viem'

export type Call = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] }
type Reply = Record<string, unknown>

// Not fetch, which takes several times as long, and a file asks thousands of times.
const agent = new Agent({ keepAlive: true })

export function askOver(url: string, call: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const asked = request(url, { method: 'POST', headers, agent, timeout: 60_000 }, response =>
      resolve(json(response) as Promise<Reply>),
    )
    asked.on('timeout', () => asked.destroy(new Error(`no answer to ${call.method} from ${url}`)))
    asked.on('error', reject)
    asked.end(JSON.stringify({ jsonrpc: '2.0', ...call }))
  })
}

/** For a client of viem's. */
export const transportOver = (url: string) =>
  custom(
    {
      async request(call: { readonly method: string; readonly params?: readonly unknown[] }) {
        const { result, error } = await askOver(url, { id: 1, ...call })
        if (error) throw new RpcRequestError({ body: call, url, error: error as { code: number; message: string } })
        return result
      },
    },
    { retryCount: 0 },
  )
