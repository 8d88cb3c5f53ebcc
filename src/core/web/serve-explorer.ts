// Why: docs/why/explorer-and-explanations.md

import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readExplanation } from '../explain/explain-device.ts'
import type { EvidenceSource } from '../network/epoch-facts.ts'
import { networkErrors } from '../network/errors.ts'
import { createLiveView } from '../network/live-view.ts'
import type { NetworkReader } from '../network/network-reader.ts'
import { failureReason, isKaisarError } from '../platform/errors.ts'
import { ownFile } from '../platform/own-files.ts'
import type { Models } from './device-pages.ts'
import { findPage } from './explorer-pages.ts'
import { icon, layout } from './layout.ts'

export type ExplorerDependencies = {
  readonly reader: NetworkReader
  readonly evidence?: EvidenceSource
  /** What devices are called; default: not known, as the chain does not have it. */
  readonly models?: Models
  /** Milliseconds since 1970; default Date.now. */
  readonly now?: () => number
  /** What went wrong while a page was made. */
  readonly onTrouble?: (error: unknown) => void
}

/** The page is for whoever sits at this machine; it is never bound to another address. */
const host = '127.0.0.1'

const pageHeaders = {
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
}

const asset = (path: string) => readFileSync(ownFile(`core/web/${path}`))

/**
 * Serves the explorer on this machine's loopback interface: read-only pages about a network, kept true while they are open.
 *
 * @param options.port - default 0: a free one
 * @throws EXPLORER_PORT_UNUSABLE
 */
export async function serveExplorer(
  { port = 0 }: { readonly port?: number },
  { reader, evidence, models, now = Date.now, onTrouble = () => {} }: ExplorerDependencies,
) {
  const live = createLiveView({}, { read: () => reader.read(), now: () => performance.now() })
  const assets = new Map([
    ['/explorer.css', { type: 'text/css; charset=utf-8', body: asset('explorer.css') }],
    ['/live.js', { type: 'text/javascript; charset=utf-8', body: asset('browser/live.js') }],
    ['/icon.svg', { type: 'image/svg+xml', body: Buffer.from(icon) }],
  ])
  const explain = (device: `0x${string}`, epoch: number | undefined) =>
    readExplanation({ device, epoch }, { reader, evidence })

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const send = (status: number, type: string, body: string | Buffer, more: Record<string, string> = {}) => {
      response.writeHead(status, {
        ...pageHeaders,
        'content-type': type,
        'content-length': Buffer.byteLength(body),
        ...more,
      })
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(405, 'text/plain', 'This explorer only reads: GET.\n', { allow: 'GET, HEAD' })
    // A page of another site that makes its name point here must not read the answers.
    if (!isLoopback(request.headers.host)) return send(421, 'text/plain', 'Open the explorer by its own address.\n')
    const url = new URL(request.url ?? '/', 'http://explorer')
    const file = assets.get(url.pathname)
    if (file !== undefined) return send(200, file.type, file.body, { 'cache-control': 'no-cache' })
    if (url.pathname === '/live') return stream(request, response)
    const { view, trouble } = await live.get()
    const found = await findPage(view, url, { explain, ...(models && { models }) })
    if (found.status === 303) return send(303, 'text/plain', '', { location: found.location })
    const { markup } = layout(view, found.page, { now: now() / 1000, trouble })
    return send(found.status, 'text/html; charset=utf-8', markup)
  }

  /** Server-sent events: one `view` for each new head; the page then fetches itself. */
  function stream(request: IncomingMessage, response: ServerResponse) {
    response.writeHead(200, { ...pageHeaders, 'content-type': 'text/event-stream' })
    response.write('retry: 1000\n\n')
    const stop = live.watch(({ view }) => response.write(`event: view\ndata: ${view.head.number}\n\n`))
    request.on('close', stop)
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(error => {
      onTrouble(error)
      if (response.headersSent) return response.destroy()
      const text = isKaisarError(error) ? `${error.message}\n${error.fix}\n` : 'The page could not be made.\n'
      response.writeHead(503, { ...pageHeaders, 'content-type': 'text/plain; charset=utf-8' }).end(text)
    })
  })
  const bound = await new Promise<number>((resolve, reject) => {
    server.once('error', error =>
      reject(networkErrors.EXPLORER_PORT_UNUSABLE({ port, reason: failureReason(error), cause: error })),
    )
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
  return {
    url: `http://${host}:${bound}`,
    /** Ends every connection and the reading of the chain. */
    async close(): Promise<void> {
      live.close()
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

const isLoopback = (header: string | undefined): boolean =>
  /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(header ?? '')
