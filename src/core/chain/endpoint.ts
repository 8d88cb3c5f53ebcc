import {
  createPublicClient,
  HttpRequestError,
  http,
  LimitExceededRpcError,
  type PublicClient,
  TimeoutError,
  type Transport,
  UnknownRpcError,
} from 'viem'
import { type Clock, systemClock, timeLimit } from '../platform/clock.ts'
import type { KaisarError } from '../platform/errors.ts'
import { chainErrors } from './errors.ts'
import { createSocketClient } from './socket-client.ts'

/** `usable`: answers and agrees. `failing`: last request failed, tried last. `dropped`: not asked until it passes a check. */
type EndpointState = 'usable' | 'failing' | 'dropped'

export type EndpointStatus = {
  /** Origin of the URL; path and query may hold an API key and are never shown. */
  readonly name: string
  readonly state: EndpointState
  /** Why it is not usable; kept until the next check when it was dropped for a false answer and is asked again. */
  readonly reason: KaisarError | null
}

/** Calls back for each new head, as the endpoint tells it; returns a function that ends it. */
export type WatchHeads = (onHead: (head: unknown) => void, onError: (error: unknown) => void) => () => void

/** One JSON-RPC URL with what we know of its health. */
export type Endpoint = {
  readonly name: string
  readonly url: string
  readonly client: PublicClient
  readonly status: EndpointStatus
  /** Asks this endpoint alone; a failure of the endpoint (not of the request) changes its state. */
  request(call: { method: string; params?: unknown }): Promise<unknown>
  mark(state: EndpointState, reason?: KaisarError | null): void
  /** Ends its connection, which would keep the process. */
  close(): void
  /** Null where the endpoint offers no subscriptions (http, https). */
  readonly watchHeads: WatchHeads | null
}

/** What carries requests to a URL, as viem has it. */
export type OpenTransport = (
  url: string,
  config: { readonly timeout: number; readonly retryCount: number },
) => Transport

export type EndpointDependencies = {
  readonly clock?: Clock | undefined
  readonly openTransport?: OpenTransport | undefined
}

/** Path and query of an RPC URL usually are the API key. */
export function endpointName(url: string): string {
  const { protocol, host } = parseUrl(url)
  return `${protocol}//${host}`
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^(https?|wss?):$/.test(parsed.protocol))
    throw chainErrors.RPC_URL_INVALID({ url: withoutKeys(url) })
  return parsed
}

/** What is no URL may be one with a typing error, key and all. */
function withoutKeys(url: string): string {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)(.*)$/is.exec(url) ?? []
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  return `${scheme}${/^[\w-]*([.:][\w-]+)*$/.test(host) && host.length < 64 ? host : '…'}${rest === '' ? '' : '/…'}`
}

export function createEndpoint(
  url: string,
  options: { readonly timeoutMs: number },
  { clock = systemClock, openTransport }: EndpointDependencies = {},
): Endpoint {
  const name = endpointName(url)
  const config = { timeout: options.timeoutMs, retryCount: 0 }
  const socket = openTransport === undefined && /^ws/.test(url) ? createSocketClient(url, config, clock) : null
  const open: OpenTransport = openTransport ?? http
  const asked = socket === null ? createPublicClient({ transport: open(url, config), cacheTime: 0 }) : null
  const client = (): PublicClient => socket?.client ?? asked!
  let status: EndpointStatus = { name, state: 'usable', reason: null }

  /** A socket that is never opened has no limit of its own. */
  function inTime<T>(answer: Promise<T>, method: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const onLate = () => reject(new TimeoutError({ url, body: { method } }))
      const answered = timeLimit(clock, 2 * options.timeoutMs, onLate)
      answer.finally(answered).then(resolve, reject)
    })
  }
  const mark = (state: EndpointState, reason: KaisarError | null = null) => {
    status = { name, state, reason }
  }
  return {
    name,
    url,
    get client() {
      return client()
    },
    get status() {
      return status
    },
    mark,
    close: () => socket?.close(),
    watchHeads: socket === null ? null : socket.watchHeads,
    async request(call) {
      try {
        const answer = await inTime(client().request(call as never), call.method)
        if (status.state === 'failing') mark('usable')
        socket?.resubscribe()
        return answer
      } catch (cause) {
        if (!isEndpointFailure(cause)) throw cause
        // A connection that broke, or that nobody answers on any more, does not come back by itself.
        if (!(cause instanceof LimitExceededRpcError)) socket?.renew()
        const reason =
          cause instanceof TimeoutError
            ? chainErrors.RPC_TIMEOUT({ endpoint: name, method: call.method, cause })
            : chainErrors.RPC_UNREACHABLE({ endpoints: `${name} (${reasonOf(cause)})`, cause })
        if (status.state !== 'dropped') mark('failing', reason)
        throw reason
      }
    },
  }
}

/** Whether another endpoint may well answer the same request: the transport failed, or this one limits us. */
const isEndpointFailure = (error: unknown): boolean =>
  error instanceof HttpRequestError ||
  error instanceof TimeoutError ||
  error instanceof LimitExceededRpcError ||
  error instanceof SyntaxError ||
  // What a socket that cannot connect is rejected with is an event.
  (error instanceof UnknownRpcError && !(error.cause instanceof Error)) ||
  (error instanceof Error && /WebSocket|socket/i.test(`${error.name} ${error.message}`))

const reasonOf = (error: unknown): string => {
  if (error instanceof HttpRequestError && error.status !== undefined) return `HTTP ${error.status}`
  if (error instanceof LimitExceededRpcError) return 'rate limited'
  return error instanceof HttpRequestError ? 'no connection' : 'no valid answer'
}
