/**
 * Serves metrics and health over HTTP. Each daemon has one registry, which is a parameter; names are `kaisar_<role>_<what>_<unit>`.
 * The library's default metrics stay off: one of them has a name that `promtool check metrics` refuses.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { stringifyJson } from './output.ts'
import { processErrors } from './platform-errors.ts'

/** `healthy` decides between 200 and 503; the rest is shown as it is. */
export type Health = { readonly healthy: boolean } & Readonly<Record<string, unknown>>

export type MetricsServer = { readonly url: string; readonly port: number; close(): Promise<void> }

/**
 * Serves `/metrics` and `/health`.
 *
 * @param options.port - 0 for any free port
 * @param options.host - default 127.0.0.1, which other machines cannot reach
 * @throws PORT_IN_USE
 */
export async function startMetricsServer(
  options: { port: number; host?: string },
  dependencies: { registry: Registry; health: () => Health | Promise<Health> },
): Promise<MetricsServer> {
  const { port, host = '127.0.0.1' } = options
  const server = createServer(async (request, response) => {
    const answer = (status: number, type: string, body: string) =>
      response
        .writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
        .end(request.method === 'HEAD' ? '' : body)
    try {
      const path = request.url?.split('?')[0]
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'text/plain', 'only GET\n')
      if (path === '/metrics')
        return answer(200, dependencies.registry.contentType, await dependencies.registry.metrics())
      if (path === '/health') {
        const health = await dependencies.health()
        return answer(health.healthy ? 200 : 503, 'application/json', `${stringifyJson(health)}\n`)
      }
      return answer(404, 'text/plain', 'try /metrics or /health\n')
    } catch {
      return answer(500, 'text/plain', 'failed\n')
    }
  })
  server.requestTimeout = 5_000
  server.headersTimeout = 5_000
  server.maxConnections = 32
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? processErrors.PORT_IN_USE({ host, port, cause: error }) : error),
    )
    server.listen(port, host, resolve)
  })
  const { port: bound } = server.address() as AddressInfo
  return {
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
