import { Counter, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { startMetricsServer } from '../../../src/core/platform/metrics.ts'

it('the metrics server serves metrics and health, and nothing else, on loopback', async () => {
  const registry = new Registry()
  registry.setDefaultLabels({ role: 'checker' })
  new Counter({
    name: 'kaisar_checker_verdicts_total',
    help: 'Verdicts by kind.',
    labelNames: ['verdict'],
    registers: [registry],
  }).inc({ verdict: 'VALID' }, 3)
  let healthy = true
  const server = await startMetricsServer({ port: 0 }, { registry, health: () => ({ healthy, epoch: 7n }) })
  expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(server.url + path, init)
    return { status: response.status, body: await response.text() }
  }
  expect((await get('/metrics')).body).toContain('kaisar_checker_verdicts_total{verdict="VALID",role="checker"} 3')
  expect(await get('/health?x=1')).toEqual({ status: 200, body: '{"healthy":true,"epoch":"7"}\n' })
  healthy = false
  expect((await get('/health')).status).toBe(503)
  expect((await get('/other')).status).toBe(404)
  expect((await get('/metrics', { method: 'POST' })).status).toBe(405)

  await expect(
    startMetricsServer({ port: server.port }, { registry, health: () => ({ healthy }) }),
  ).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    exit: 3,
  })
  await server.close()
  await expect(fetch(`${server.url}/health`)).rejects.toThrow()
})
