/** A client over a WebSocket that is opened again for as long as somebody asks: what viem reconnects by itself it gives up too soon. */
import { createPublicClient, type PublicClient, type WebSocketTransport, webSocket } from 'viem'
import type { MinedBlock } from './endpoint.ts'

export type SocketClient = {
  /** The present one; another after {@link SocketClient.renew}. */
  readonly client: PublicClient
  /** Opens a new connection with the next request; at most once a second. */
  renew(): void
  /** Something was answered: subscriptions that were lost are made again. */
  resubscribe(): void
  watchHeads(onHead: (head: MinedBlock) => void, onError: (error: Error) => void): () => void
  close(): void
}

const betweenRenewalsMs = 1_000

export function createSocketClient(url: string, config: { readonly timeout: number }): SocketClient {
  const open = () =>
    createPublicClient({
      transport: webSocket(url, { ...config, retryCount: 0, reconnect: false }),
      cacheTime: 0,
    })
  let client: PublicClient<WebSocketTransport> = open()
  let renewing = false
  let renewedAtMs = Number.NEGATIVE_INFINITY
  const lost = new Set<() => void>()

  /** viem gives the socket of a URL to whoever asks next, until it is closed. */
  const end = async () => {
    try {
      const rpcClient = await client.transport.getRpcClient()
      rpcClient.close()
    } catch {
      // It never came to a connection.
    }
  }

  async function reopen() {
    await end()
    client = open()
    renewedAtMs = performance.now()
    renewing = false
  }

  return {
    get client() {
      return client
    },
    renew() {
      if (renewing || performance.now() - renewedAtMs < betweenRenewalsMs) return
      renewing = true
      void reopen()
    },
    resubscribe() {
      const again = [...lost]
      lost.clear()
      for (const watch of again) watch()
    },
    watchHeads(onHead, onError) {
      let unsubscribe = () => {}
      const watch = () => {
        unsubscribe()
        unsubscribe = client.watchBlocks({
          poll: false,
          onBlock: onHead,
          onError(error) {
            lost.add(watch)
            onError(error)
          },
        })
      }
      watch()
      return () => {
        lost.delete(watch)
        unsubscribe()
      }
    },
    close: () => void end(),
  }
}
