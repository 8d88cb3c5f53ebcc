/**
 * Child process of gpu.bench.ts: the memory job on the default card of WebGPU, one row of JSON a line. It fills what the card has free at
 * `standard`, with every form of the products; works one window; and compares with the CPU.
 *
 * node gpu-memory.ts [spec: its name in `memorySpecs`, or JSON] [URL of the package webgpu] [groups to fill] [form of the products …]
 */
import { randomBytes } from 'node:crypto'
import { bytesToHex } from 'viem'
import { nodeHost } from '../../src/core/devices/host.ts'
import { createHostProbe } from '../../src/core/devices/host-probe.ts'
import { freeMemory } from '../../src/core/devices/probed-device.ts'
import { fillCardMemory } from '../../src/core/job/memory/card-fill.ts'
import type { CardMemory } from '../../src/core/job/memory/card-memory.ts'
import { fillKey } from '../../src/core/job/memory/drawn-entries.ts'
import { groupsOnCard } from '../../src/core/job/memory/groups-to-claim.ts'
import { fillMemory } from '../../src/core/job/memory/memory-banks.ts'
import { openSteps } from '../../src/core/job/memory/memory-openings.ts'
import { sampleSteps } from '../../src/core/job/memory/memory-sample.ts'
import { fillOperations, groupBytes, type MemorySpec, memorySpecs } from '../../src/core/job/memory/memory-spec.ts'
import {
  reworkMemoryWindow,
  runMemoryWindow,
  type WorkedMemoryWindow,
} from '../../src/core/job/memory/memory-window.ts'
import { openRowChain } from '../../src/core/job/memory/row-chain.ts'
import { verifyMemory } from '../../src/core/job/memory/verify-memory.ts'
import { threadClock as clock } from '../../src/core/job/thread-clock.ts'
import { takeDevice, type WgslDevice } from '../../src/core/job/webgpu-device.ts'
import { type WgslForm, wgslForms } from '../../src/core/job/wgsl-shader.ts'
import { endedBy, type GpuRow } from './gpu-row.ts'

const say = (row: GpuRow) => process.stdout.write(`${JSON.stringify(row)}\n`)
const epochSeed = bytesToHex(randomBytes(32))
const keyOf = (spec: MemorySpec) => fillKey(spec, { epochSeed, deviceId: epochSeed, generation: 1 })
const seed = randomBytes(32)
const beganMs = clock.monotonicMs()
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

/** As many groups as a Provider would claim. */
async function wanted(opened: WgslDevice, spec: MemorySpec): Promise<number> {
  const { devices } = await createHostProbe({}, { host: nodeHost }).probe()
  const card = devices.find(({ record }) => record.kind !== 'cpu')
  const free = card === undefined ? { freeBytes: null, display: true } : freeMemory(card)
  return groupsOnCard(spec, free, opened.device.limits)
}

async function filled(spec: MemorySpec, groups: number, form: WgslForm, opened: WgslDevice): Promise<CardMemory> {
  const began = clock.monotonicMs()
  const memory = await fillCardMemory({ spec, key: keyOf(spec), groups, epochSeed, form }, opened, { clock })
  const seconds = (clock.monotonicMs() - began) / 1_000
  say({
    ...{ name: `gpu.memory.fill.${form}`, value: (memory.ready * groupBytes(spec)) / seconds / 1e9, unit: 'GB/s' },
    ...{ top: (memory.ready * fillOperations(spec)) / seconds / 1e12, seconds },
    ...{ groups: memory.ready, wanted: groups, bytes: memory.ready * groupBytes(spec) },
  })
  return memory
}

/** A window, with plain reads of all of the memory before and after it. */
async function stepped(memory: CardMemory): Promise<WorkedMemoryWindow> {
  // The first read compiles its shader.
  const reads: number[] = []
  const read = async () => {
    const began = clock.monotonicMs()
    const bytes = await memory.readAll()
    reads.push(bytes / (clock.monotonicMs() - began) / 1e6)
  }
  for (let i = 0; i < 4; i++) await read()
  // So does the first step.
  await reworkMemoryWindow(memory, { seed, groups: memory.ready, markSteps: [1] })
  const worked = await runMemoryWindow(memory, { seed, startedAtMs: clock.monotonicMs() }, { clock })
  for (let i = 0; i < 4; i++) await read()
  const { spec } = memory
  const value = (worked.steps * groupBytes(spec)) / spec.windowMs / 1e6
  const plain = median(reads.slice(1))
  const marks = worked.marks.map(({ steps }, k) => steps - (worked.marks[k - 1]?.steps ?? 0))
  say({
    ...{ name: 'gpu.memory.step', value, unit: 'GB/s', baseline: plain, ratio: value / plain },
    ...{ steps: worked.steps, least: Math.min(...marks), most: Math.max(...marks) },
  })
  return worked
}

/** The window's sample as a seat verifies it, and all of a small memory against the CPU's. */
async function exactness(memory: CardMemory, worked: WorkedMemoryWindow, opened: WgslDevice): Promise<void> {
  const { spec } = memory
  const { groups, steps, root } = worked
  const claim = { seed, key: keyOf(spec), groups, steps, root }
  const sample = sampleSteps(spec, steps, { secret: epochSeed, root: bytesToHex(root), samplingBlockHash: epochSeed })
  const chain = await openRowChain(spec, epochSeed, { threads: 0 })
  const began = clock.monotonicMs()
  const claims = [{ ...claim, sample, openings: await openSteps(memory, worked, sample) }]
  const openMs = clock.monotonicMs() - began
  const answers = await verifyMemory(spec, claims, chain)
  await chain.release()
  const exact = answers.length > 0 && answers.every(({ ok }) => ok)
  say({
    name: 'gpu.memory.openings',
    value: openMs,
    unit: 'ms to open a sample',
    samples: sample.length,
    exact,
    ok: exact,
  })
  memory.shrink(0)

  const small = spec === memorySpecs.standard ? memorySpecs.devnet : spec
  const markSteps = [16 * small.leastGroups]
  const whole = { spec: small, key: keyOf(small), groups: small.leastGroups }
  const smallChain = await openRowChain(small, epochSeed, { threads: 0 })
  const cpu = await reworkMemoryWindow(await fillMemory(whole, smallChain), { seed, groups: whole.groups, markSteps })
  await smallChain.release()
  const card = await fillCardMemory({ ...whole, epochSeed, form: 'wgsl-4' }, opened, { clock })
  const own = await reworkMemoryWindow(card, { seed, groups: whole.groups, markSteps })
  const same = own.root.equals(cpu.root)
  say({ name: 'gpu.memory.exact', groups: whole.groups, steps: own.steps, exact: same, ok: same })
}

try {
  const [, , named = 'standard', webgpuModule, asked, ...forms] = process.argv
  const spec: MemorySpec = memorySpecs[named as keyof typeof memorySpecs] ?? JSON.parse(named)
  const opened = await takeDevice(webgpuModule)
  const groups = asked === undefined ? await wanted(opened, spec) : Number(asked)
  let memory: CardMemory | null = null
  const tried = wgslForms.filter(form => forms.length === 0 || forms.includes(form))
  for (const form of tried.filter(form => form !== 'wgsl-matrix' || opened.matrix !== null)) {
    memory?.shrink(0)
    memory = await filled(spec, groups, form, opened)
  }
  await exactness(memory!, await stepped(memory!), opened)
} catch (error) {
  say(endedBy('gpu.memory', error))
}
say({ name: 'gpu.memory.done', value: (clock.monotonicMs() - beganMs) / 1_000, unit: 's' })
// GPU drivers may crash in their exit handlers; what was measured is out.
process.stdout.write('', () => process.kill(process.pid, 'SIGKILL'))
