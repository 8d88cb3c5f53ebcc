import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { devnetParameters, presetParameters } from '../../src/core/chain/network-presets.ts'
import { startDevnet } from '../../src/core/devnet/start-devnet.ts'
import { type JobsName, jobSets, jobsHash, windowMsOf } from '../../src/core/job/jobs.ts'
import { systemClock } from '../../src/core/platform/clock.ts'
import { samplingDelaySeconds } from '../../src/core/protocol/network-parameters.ts'

/** `KAISAR_REST_SECONDS`, `_EPOCHS`, `_EPOCH_SECONDS` and `_SPEC` change what is measured; `_SPEC=standard` works with the model of production. */
const restSeconds = Number(process.env.KAISAR_REST_SECONDS ?? 180)
const epochs = Number(process.env.KAISAR_REST_EPOCHS ?? 1)
const epochSeconds = Number(process.env.KAISAR_REST_EPOCH_SECONDS ?? 128)
const jobs = jobSets[(process.env.KAISAR_REST_SPEC ?? 'devnet') as JobsName]
const specHash = jobsHash(jobs)
const windowMs = windowMsOf(jobs)
const sampleMs = 250
const clockTicks = 100
/** What is done once at the start of a daemon and of an epoch is over then. */
const settledSeconds = 45

const measured = { rest: ['memory', 'cpu'], rounds: ['memory', 'peak', 'cpu'] } as const
const units = { memory: 'MiB', peak: 'MiB', cpu: '%' } as const
type Figures = Record<keyof typeof units, number>
/** Of a Checker. */
const targets: Figures = { memory: 200, peak: 200, cpu: 2 }
const roles = ['checker', 'provider'] as const
type Role = (typeof roles)[number]

export const rowNames = Object.entries(measured).flatMap(([when, figures]) =>
  roles.flatMap(role => figures.map(figure => `${role}.${when}.${figure}`)),
)
/** Minutes of a network that does little are not spent by whoever asks for all rows. */
export const isLong = true

/**
 * What `kaisar checker run` takes that judges two devices, and `kaisar provider run` that works with one of them, each with all processes
 * that it starts: memory in RAM (MiB) and CPU (percent of a core, from the CPU seconds that the kernel counts, so that the load of the
 * machine is not in it). On a devnet of five Checkers and two Providers with a block a second, by two timelines:
 *
 * `rest`: that of production, epochs of a day with eight rounds, for some minutes in which there is none: median memory, and CPU ·
 * `rounds`: whole epochs of 128 seconds with up to four rounds each, hundreds of times what a day asks for: median and most memory, and CPU.
 *
 * A Checker's baseline is the target, a Provider's the Checker of the same seconds; the ratio is baseline ÷ value: at least 1 is met, or no
 * more than a Checker takes. The device is a CPU with one thread and 64 MiB of filled memory, whose windows are work of the Provider itself.
 * Read from /proc, so on Linux only.
 */
export async function* rows() {
  const preset = devnetParameters(specHash, epochSeconds)
  const day = presetParameters('peaq', { devnet: specHash, standard: specHash })
  yield* rowsOf(
    'rest',
    await measure({ ...preset, timeline: day.timeline, rounds: day.rounds }, settledSeconds, restSeconds),
  )
  yield* rowsOf('rounds', await measure(preset, epochSeconds, epochs * epochSeconds))
}

function* rowsOf(when: keyof typeof measured, taken: Record<Role, Figures>) {
  const baselines: Record<Role, Figures> = { checker: targets, provider: taken.checker }
  for (const role of roles)
    for (const figure of measured[when]) {
      const [value, baseline] = [taken[role][figure], baselines[role][figure]]
      yield { name: `${role}.${when}.${figure}`, value, unit: units[figure], baseline, ratio: baseline / value }
    }
}

/** @param from - seconds after the first epoch's start */
async function measure(
  parameters: ReturnType<typeof devnetParameters>,
  from: number,
  seconds: number,
): Promise<Record<Role, Figures>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-rest-'))
  const { epochSeconds } = parameters.timeline
  const rules = { ...parameters.rounds, windowMs, beatWindowMs: jobs.beat.windowMs }
  const rounds = { ...rules, samplingSeconds: samplingDelaySeconds(rules) }
  const devnet = await startDevnet({ dataDir, epochSeconds, parameters: { ...parameters, rounds } })
  try {
    const pids = { checker: devnet.daemon('checker-1').pid!, provider: devnet.daemon('provider-1').pid! }
    await systemClock.sleep((devnet.firstEpochAt + from) * 1_000 - systemClock.now())
    const [checker, provider] = [watch(pids.checker), watch(pids.provider)]
    const fromMs = systemClock.monotonicMs()
    while (systemClock.monotonicMs() - fromMs < seconds * 1_000) {
      checker.sample()
      provider.sample()
      await systemClock.sleep(sampleMs)
    }
    return { checker: checker.figures(), provider: provider.figures() }
  } finally {
    await devnet.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** What a process takes from now on, with all that it started. */
function watch(root: number) {
  const memory: number[] = []
  const [fromMs, fromTicks] = [systemClock.monotonicMs(), ticksOf(treeOf(root))]
  return {
    sample: () => void memory.push(memoryMiB(treeOf(root))),
    figures(): Figures {
      const cpuSeconds = (ticksOf(treeOf(root)) - fromTicks) / clockTicks
      const cpu = (100_000 * cpuSeconds) / (systemClock.monotonicMs() - fromMs)
      return { memory: memory.toSorted((a, b) => a - b)[memory.length >> 1]!, peak: Math.max(...memory), cpu }
    },
  }
}

/** A process and all that it started. What has ended meanwhile is left out; its CPU is its parent's then. */
function treeOf(root: number): number[] {
  const children = tasksOf(root).flatMap(task =>
    read(`/proc/${root}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  )
  return [root, ...children.flatMap(treeOf)]
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** Pages of files that all of them map, Node above all, are in RAM once. */
function memoryMiB(pids: readonly number[]): number {
  const resident = pids.map(pid => {
    const status = read(`/proc/${pid}/status`)
    const kibibytes = (what: string) => Number(new RegExp(`${what}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
    return { own: kibibytes('RssAnon') + kibibytes('RssShmem'), files: kibibytes('RssFile') }
  })
  const own = resident.reduce((sum, each) => sum + each.own, 0)
  return (own + Math.max(...resident.map(({ files }) => files))) / 1_024
}

/** User and system, of its own and of children that it has waited for: fields 14 to 17, counted behind the name. */
const ticksOf = (pids: readonly number[]): number =>
  pids
    .flatMap(pid => read(`/proc/${pid}/stat`).split(') ')[1]?.split(' ').slice(11, 15) ?? [])
    .reduce((sum, field) => sum + Number(field), 0)

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
