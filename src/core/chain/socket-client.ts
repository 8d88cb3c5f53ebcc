/**
 * A client over a WebSocket that is opened again for as long as requests come. viem's own reconnection gives up too soon.
 *
 * Why: docs/why/chain-reads-and-transactions.md
 */
import { createPublicClient, type PublicClient, type WebSocketTransport, webSocket } from 'viem'
import type { Clock } from '../platform/clock.ts'
import type { WatchHeads } from './endpoint.ts'

const betweenRenewalsMs = 1_000

export function createSocketClient(url: string, config: { readonly timeout: number }, clock: Clock) {
  const open = () =>
    createPublicClient({
      transport: webSocket(url, { ...config, retryCount: 0, reconnect: false }),
      cacheTime: 0,
    })
  let client: PublicClient<WebSocketTransport> = open()
  let renewing = false
  let renewedAtMs = Number.NEGATIVE_INFINITY
  const lost = new Set<() => void>()

  /** Closes the socket: viem would give the same one to the next client of this URL. Where it never connected there is nothing to close. */
  const end = () =>
    client.transport
      .getRpcClient()
      .then(rpcClient => rpcClient.close())
      .catch(() => {})

  async function reopen() {
    await Promise.race([end(), clock.sleep(betweenRenewalsMs)])
    client = open()
    renewedAtMs = clock.monotonicMs()
    renewing = false
  }

  return {
    /** The present client; another one after `renew`. */
    get client(): PublicClient {
      return client
    },
    /** Opens a new connection with the next request; at most once a second. */
    renew(): void {
      if (renewing || clock.monotonicMs() - renewedAtMs < betweenRenewalsMs) return
      renewing = true
      void reopen()
    },
    /** Makes lost subscriptions again; called when a request was answered. */
    resubscribe(): void {
      const again = [...lost]
      lost.clear()
      for (const watch of again) watch()
    },
    watchHeads(...[onHead, onError]: Parameters<WatchHeads>): () => void {
      let end = () => {}
      const watch = () => {
        end()
        end = subscribe(client, onHead, error => {
          lost.add(watch)
          onError(error)
        })
      }
      watch()
      return () => {
        lost.delete(watch)
        end()
      }
    },
    close: (): void => void end(),
  }
}

/** Subscribes to heads. viem's `watchBlocks` would read each block again, and give `undefined` where that fails. */
function subscribe({ transport }: PublicClient<WebSocketTransport>, ...[onHead, onError]: Parameters<WatchHeads>) {
  let ended = false
  const fail = (error: unknown) => {
    if (!ended) onError(error)
    ended = true
  }
  const subscribed = transport.subscribe({
    params: ['newHeads'],
    onData: ({ result }: { readonly result?: unknown }) => {
      if (!ended) onHead(result)
    },
    onError: fail,
  })
  subscribed.catch(fail)
  return () => {
    ended = true
    subscribed.then(({ unsubscribe }) => unsubscribe()).catch(() => {})
  }
}
