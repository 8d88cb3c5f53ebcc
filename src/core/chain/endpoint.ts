import {
  createPublicClient,
  custom,
  HttpRequestError,
  http,
  LimitExceededRpcError,
  type PublicClient,
  ResponseBodyTooLargeError,
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
  /** The reason why it is not usable. An endpoint that was dropped for a false answer keeps its reason until it passes the next check. */
  readonly reason: KaisarError | null
}

/** Calls `onHead` with each new head, as the endpoint gives it; returns a function that ends it. */
export type WatchHeads = (onHead: (head: unknown) => void, onError: (error: unknown) => void) => () => void

/** One JSON-RPC URL and its health. */
export type Endpoint = ReturnType<typeof createEndpoint>

/** What carries requests to a URL, as viem has it. */
export type OpenTransport = (
  url: string,
  config: { readonly timeout: number; readonly retryCount: number },
) => Transport

export type ChainDependencies = {
  /** Default the system's. */
  readonly clock?: Clock
  /** Opens the transport for the requests to a URL; default http or a WebSocket, by the scheme of the URL. */
  readonly openTransport?: OpenTransport
}

/** The origin of an RPC URL, without path and query: those usually hold an API key. */
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

/** Removes what may be a key from a text that is not a URL, since it may be a URL with a typing error. */
function withoutKeys(url: string): string {
  const [, scheme = '', authority = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)(.*)$/is.exec(url) ?? []
  const host = authority.slice(authority.lastIndexOf('@') + 1)
  return `${scheme}${/^[\w-]*([.:][\w-]+)*$/.test(host) && host.length < 64 ? host : '…'}${rest === '' ? '' : '/…'}`
}

export function createEndpoint(
  url: string,
  options: { readonly timeoutMs: number },
  { clock = systemClock, openTransport }: ChainDependencies = {},
) {
  const name = endpointName(url)
  const config = { timeout: options.timeoutMs, retryCount: 0 }
  const socket = openTransport === undefined && /^ws/.test(url) ? createSocketClient(url, config, clock) : null
  const open: OpenTransport = openTransport ?? http
  const asked = socket === null ? createPublicClient({ transport: open(url, config), cacheTime: 0 }) : null
  const transport = (): PublicClient => socket?.client ?? asked!
  let status: EndpointStatus = { name, state: 'usable', reason: null }

  /** Limits the time of an answer, because viem sets no limit for a socket that never opens. */
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

  async function request(call: { method: string; params?: unknown }): Promise<unknown> {
    try {
      const answer = await inTime(transport().request(call as never), call.method)
      if (status.state === 'failing') mark('usable')
      socket?.resubscribe()
      return answer
    } catch (cause) {
      if (!isEndpointFailure(cause)) throw cause
      // A connection that broke, or on which nothing answers any more, does not come back by itself.
      if (!(cause instanceof LimitExceededRpcError)) socket?.renew()
      const reason =
        cause instanceof TimeoutError
          ? chainErrors.RPC_TIMEOUT({ endpoint: name, method: call.method, cause })
          : chainErrors.RPC_UNREACHABLE({ endpoints: `${name} (${reasonOf(cause)})`, cause })
      if (status.state !== 'dropped') mark('failing', reason)
      throw reason
    }
  }

  return {
    name,
    url,
    /** Asks it through `request`, with its limit of time. */
    client: createPublicClient({ transport: custom({ request }, { retryCount: 0 }), cacheTime: 0 }) as PublicClient,
    get status(): EndpointStatus {
      return status
    },
    mark,
    /** Closes its connection, which would otherwise keep the process alive. */
    close: (): void => socket?.close(),
    /** Null where the endpoint offers no subscriptions (http, https). */
    watchHeads: socket === null ? null : socket.watchHeads,
    /** Asks this endpoint and no other. A failure of the endpoint (not of the request) changes its state. */
    request,
  }
}

/** Whether another endpoint may answer the same request: the transport failed, or this endpoint limits our rate. */
const isEndpointFailure = (error: unknown): boolean =>
  error instanceof HttpRequestError ||
  error instanceof TimeoutError ||
  error instanceof ResponseBodyTooLargeError ||
  error instanceof LimitExceededRpcError ||
  error instanceof SyntaxError ||
  // A socket that cannot connect rejects with an event and not with an error.
  (error instanceof UnknownRpcError && !(error.cause instanceof Error)) ||
  (error instanceof Error && /WebSocket|socket/i.test(`${error.name} ${error.message}`))

const reasonOf = (error: unknown): string => {
  if (error instanceof HttpRequestError && error.status !== undefined) return `HTTP ${error.status}`
  if (error instanceof LimitExceededRpcError) return 'rate limited'
  if (error instanceof ResponseBodyTooLargeError) return 'an answer of more than 10 MiB'
  return error instanceof HttpRequestError ? 'no connection' : 'no valid answer'
}
