import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { startDevnet } from '../../src/core/devnet/start-devnet.ts'
import { systemClock } from '../../src/core/platform/clock.ts'

/** `KAISAR_SOAK_MINUTES` shortens it, to see that it works. */
const minutes = Number(process.env.KAISAR_SOAK_MINUTES ?? 10)
/** Left out of the slope: models, caches and compiled code are still being built. */
const warmUpShare = 0.2
const sampleMs = 5_000

const figures = {
  resident_memory_bytes: { name: 'memory', unit: 'MiB/h', scale: 3_600 / 2 ** 20 },
  heap_used_bytes: { name: 'heap', unit: 'MiB/h', scale: 3_600 / 2 ** 20 },
  open_resources: { name: 'handles', unit: 'handles/h', scale: 3_600 },
  event_loop_delay_seconds: { name: 'delay', unit: 'ms/h', scale: 3_600 * 1_000 },
} as const
type Metric = keyof typeof figures
const metrics = Object.keys(figures) as Metric[]
const daemons = { 'checker-1': 'checker', 'provider-1': 'provider' } as const

export const rowNames = Object.values(daemons).flatMap(role =>
  metrics.map(each => `soak.${role}.${figures[each].name}`),
)
/** Ten minutes are not spent by whoever asks for all rows. */
export const isLong = true

/**
 * A devnet of 16-second epochs, in which a daemon does in ten minutes what takes it a month at one epoch a day. Garbage is collected
 * before each sample. `value` is the slope an hour by least squares, `baseline` the median of the first half, `ratio` that median ÷
 * the one of the second half: 1 is flat.
 */
export async function* rows() {
  const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-soak-'))
  const urls = new Map<string, string>()
  const metricsFlag = ['--metrics-port', '0']
  const devnet = await startDevnet(
    { dataDir, daemonArgs: { provider: metricsFlag, checker: metricsFlag } },
    {
      onEvent(event) {
        if (event.type === 'daemon.event' && event.event.type === 'metrics.listening')
          urls.set(event.name, event.event.url as string)
      },
      prepareStart: ({ name }) => (name in daemons ? { env: { NODE_OPTIONS: '--inspect=127.0.0.1:0' } } : {}),
    },
  )
  const inspectors = new Map<string, WebSocket>()
  const samples = new Map<string, { seconds: number; values: Record<Metric, number> }[]>()
  try {
    for (const name of Object.keys(daemons)) inspectors.set(name, await inspect(join(dataDir, 'logs', `${name}.log`)))
    const startMs = performance.now()
    const lengthMs = minutes * 60_000
    for (let elapsedMs = 0; elapsedMs < lengthMs; elapsedMs = performance.now() - startMs) {
      for (const [daemon, role] of Object.entries(daemons)) {
        await collectGarbage(inspectors.get(daemon)!)
        const text = await (await fetch(`${urls.get(daemon)!.replace(/\/metrics$/, '')}/metrics`)).text()
        const values = Object.fromEntries(metrics.map(metric => [metric, read(text, `kaisar_${role}_${metric}`)]))
        if (elapsedMs < lengthMs * warmUpShare) continue
        const known = samples.get(role) ?? []
        samples.set(role, [...known, { seconds: elapsedMs / 1_000, values: values as Record<Metric, number> }])
      }
      await systemClock.sleep(sampleMs)
    }
  } finally {
    for (const inspector of inspectors.values()) inspector.terminate()
    await devnet.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
  for (const [role, taken] of samples)
    for (const metric of metrics) {
      const { name, unit, scale } = figures[metric]
      const points = taken.map(({ seconds, values }) => ({ x: seconds, y: values[metric] }))
      const half = points.length >> 1
      const baseline = median(points.slice(0, half).map(({ y }) => y))
      const ratio = baseline / median(points.slice(half).map(({ y }) => y))
      yield { name: `soak.${role}.${name}`, value: slope(points) * scale, unit, baseline, ratio }
    }
}

/** Opens the inspector of a daemon, which says in its log where it is. */
async function inspect(log: string): Promise<WebSocket> {
  const [, url] = /Debugger listening on (ws:\S+)/.exec(readFileSync(log, 'utf8'))!
  const inspector = new WebSocket(url!)
  await once(inspector, 'open')
  // One that ends is missed at the next sample.
  inspector.on('error', () => undefined)
  return inspector
}

/** Else the heap shows when it was collected last, not what is held. */
async function collectGarbage(inspector: WebSocket): Promise<void> {
  const answered = once(inspector, 'message', { signal: AbortSignal.timeout(10_000) })
  inspector.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }))
  const [answer] = await answered
  const { error } = JSON.parse(String(answer))
  if (error !== undefined) throw new Error(error.message)
}

function read(text: string, metric: string): number {
  const line = text.split('\n').find(each => each.startsWith(`${metric} `) || each.startsWith(`${metric}{`))
  const value = Number(line?.split(' ').at(-1))
  if (!Number.isFinite(value)) throw new Error(`no ${metric} in the scrape`)
  return value
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** By least squares. */
function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map(point => point.x))
  const y = mean(points.map(point => point.y))
  const covariance = points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0)
  return covariance / points.reduce((sum, point) => sum + (point.x - x) ** 2, 0)
}
