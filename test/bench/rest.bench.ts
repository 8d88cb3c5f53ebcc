import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { startDevnet } from '../../src/core/devnet/start-devnet.ts'
import { type JobsName, jobSets, jobsHash, windowMsOf } from '../../src/core/job/jobs.ts'
import { systemClock } from '../../src/core/platform/clock.ts'
import { samplingDelaySeconds } from '../../src/core/protocol/network-parameters.ts'

/** `KAISAR_REST_EPOCHS`, `_EPOCH_SECONDS` and `_SPEC` change what is measured; `_SPEC=standard` works with the model of production. */
const epochs = Number(process.env.KAISAR_REST_EPOCHS ?? 2)
const epochSeconds = Number(process.env.KAISAR_REST_EPOCH_SECONDS ?? 128)
const jobs = jobSets[(process.env.KAISAR_REST_SPEC ?? 'devnet') as JobsName]
const sampleMs = 250
const clockTicks = 100

export const rowNames = ['checker.rest.memory', 'checker.rest.peak', 'checker.rest.cpu']
/** Minutes of a network that does little are not spent by whoever asks for all rows. */
export const isLong = true

/**
 * What `kaisar checker run` takes that judges two devices, with all processes that it starts: memory in RAM (median and most after the
 * start, MiB) and CPU (percent of a core), over whole epochs of a devnet of five Checkers and two Providers. Up to four rounds in 128
 * seconds and a block a second are hundreds of times what a network with eight rounds a day asks for. The baseline is the target, the
 * ratio target ÷ value: at least 1 is met. Read from /proc, so on Linux only.
 */
export async function* rows() {
  const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-rest-'))
  const preset = devnetParameters(jobsHash(jobs), epochSeconds)
  const windowMs = windowMsOf(jobs)
  const rounds = { ...preset.rounds, windowMs, samplingSeconds: samplingDelaySeconds({ ...preset.rounds, windowMs }) }
  const devnet = await startDevnet({ dataDir, epochSeconds, parameters: { ...preset, rounds } })
  const rss: number[] = []
  let [fromTicks, fromMs, ticks, endMs] = [0, 0, 0, 0]
  try {
    const root = devnet.daemon('checker-1').pid!
    const startMs = (devnet.firstEpochAt + epochSeconds) * 1_000
    await systemClock.sleep(startMs - systemClock.now())
    fromMs = systemClock.monotonicMs()
    fromTicks = treeOf(root).reduce((sum, pid) => sum + ticksOf(pid), 0)
    while (endMs - fromMs < epochs * epochSeconds * 1_000) {
      rss.push(treeOf(root).reduce((sum, pid) => sum + residentMiB(pid), 0))
      await systemClock.sleep(sampleMs)
      endMs = systemClock.monotonicMs()
    }
    ticks = treeOf(root).reduce((sum, pid) => sum + ticksOf(pid), 0) - fromTicks
  } finally {
    await devnet.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
  const sorted = rss.toSorted((a, b) => a - b)
  const row = (what: string, value: number, unit: string, baseline: number) => {
    return { name: `checker.rest.${what}`, value, unit, baseline, ratio: baseline / value }
  }
  yield row('memory', sorted[sorted.length >> 1]!, 'MiB', 200)
  yield row('peak', sorted.at(-1)!, 'MiB', 200)
  yield row('cpu', (ticks / clockTicks / ((endMs - fromMs) / 1_000)) * 100, '%', 2)
}

/** A process and all that it started. What has ended meanwhile is left out; its CPU is its parent's then. */
function treeOf(root: number): number[] {
  const children = readdirSync(`/proc/${root}/task`).flatMap(task =>
    read(`/proc/${root}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  )
  return [root, ...children.flatMap(treeOf)]
}

const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1_024

/** User and system, of its own and of children that it has waited for: fields 14 to 17, counted behind the name. */
const ticksOf = (pid: number): number =>
  (read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ').slice(11, 15) ?? []).reduce(
    (sum, field) => sum + Number(field),
    0,
  )

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
