/// <reference types="@webgpu/types" />
/**
 * A device's groups on its card, walked there. Which group a step reads is known beforehand, so one submission has many steps: each binds
 * the bank and the place of its group, and the place of its state in the buffer where all states of the run come to lie. The last state
 * stays on the card for the run after; all of them come back in one piece, for their hashes, while the card works on the next run.
 *
 *     states of a run      0          K          2K               (rounded up to 256 bytes each)
 *                         ┌──────────┬──────────┬──────────┬────
 *                         │ x_s      │ x_(s+1)  │ x_(s+2)  │  …   step s reads the first of a pair and writes the second
 *                         └──────────┴──────────┴──────────┴────
 *
 * Why: docs/why/memory-job.md
 */
import { isKaisarError } from '../../platform/errors.ts'
import { jobErrors } from '../errors.ts'
import { accepted, kernelFailed, ownBuffers, readBack, reasonOf, usage, type WgslDevice } from '../webgpu-device.ts'
import { readShader, stateStride, stepShader, stepWorkgroups } from './card-shaders.ts'
import type { Memory, Walk, WalkStart } from './memory.ts'
import { groupBytes, type MemorySpec } from './memory-spec.ts'

export type CardMemory = Memory & {
  /** Reads every byte that is ready, once, and does nothing with it. The bytes that were read. */
  readAll(): Promise<number>
  /** A group as it is stored, [K rows][d layers][K bytes]. */
  readGroup(group: number): Promise<Uint8Array>
}

/** Some groups in one buffer, from `first` on. */
export type CardBank = { readonly buffer: GPUBuffer; readonly first: number; readonly groups: number }

/** A submission takes half of what a card may be held up by one program, so that one that is misjudged is still within it. */
const runMs = 25
/** The runs under way at once: the card works on one while the states of the other are read and hashed. */
const runsAtOnce = 2
/** A window, and what every seat opens of windows before it. */
const walksAtOnce = 256
/** Most of the states of one run. */
const runBytes = 16 * 2 ** 20
const computeStage = 4
const nothing = () => undefined

/** A run's states on the card, and where they are read from; `free`: when the run before has been read. It keeps no states. */
type Slot = { readonly states: GPUBuffer; readonly staging: GPUBuffer; free: Promise<unknown> }

/**
 * Memory without banks, which a fill adds. It has what walks need already, so that banks take what is left. `whenFreed`: all of it was
 * given back, and the card can be.
 *
 * @throws JOB_KERNEL_FAILED
 */
export async function openCardMemory(spec: MemorySpec, opened: WgslDevice, whenFreed: () => void = () => undefined) {
  const { device, orLost } = opened
  const bytes = groupBytes(spec)
  const stride = stateStride(spec)
  const mostSteps = Math.floor(runBytes / stride)
  const { layout, pipeline, slots, ends, giveBack } = await openWalks(spec, opened, mostSteps)
  /** Of `ends`, those that no walk has. */
  const places = Array.from({ length: walksAtOnce }, (_, place) => place)
  /** Each with its bind groups, one a slot, and its last group + 1. */
  const banks: (CardBank & { readonly bindings: readonly GPUBindGroup[]; readonly end: number })[] = []
  let ready = 0
  let isFreed = false
  let runCount = 0
  /** Runs are submitted one after the other. */
  let submitting: Promise<unknown> = Promise.resolve()

  /** Whatever failed on the card, what it held is not to be relied on. */
  const failed = (cause: unknown) => {
    const error = isKaisarError(cause) ? cause : kernelFailed(reasonOf(cause), cause)
    if (error.code === 'JOB_KERNEL_FAILED') ready = 0
    return error
  }
  const stopHearing = opened.whenLost(failed)

  const bankOf = (group: number) => {
    const bank = banks.find(({ end }) => group < end)
    if (bank === undefined || group >= ready) throw jobErrors.JOB_MEMORY_LOST({ groups: group + 1, ready })
    return bank
  }

  function encodeSteps({ order, step }: Pick<WalkStart, 'order' | 'step'>, steps: number, slot: number, place: number) {
    const { states, staging } = slots[slot]!
    const encoder = device.createCommandEncoder()
    encoder.copyBufferToBuffer(ends, place * stride, states, 0, stride)
    const pass = encoder.beginComputePass()
    pass.setPipeline(pipeline)
    for (let at = 0; at < steps; at++) {
      const group = order.groupOf(step + at)
      const { bindings, first } = bankOf(group)
      pass.setBindGroup(0, bindings[slot]!, [(group - first) * bytes, at * stride])
      pass.dispatchWorkgroups(stepWorkgroups(spec))
    }
    pass.end()
    encoder.copyBufferToBuffer(states, steps * stride, ends, place * stride, stride)
    encoder.copyBufferToBuffer(states, stride, staging, 0, steps * stride)
    return encoder.finish()
  }

  /** Resolves once the run is submitted, with the promise of its states in a box, which would be waited for otherwise. */
  async function submit(
    from: Pick<WalkStart, 'order' | 'step'>,
    steps: number,
    walked: { readonly place: number; readonly hasEnded: boolean },
  ): Promise<{ readonly states: Promise<Uint8Array> }> {
    const slot = runCount++ % slots.length
    const { staging, free } = slots[slot]!
    await orLost(free)
    if (walked.hasEnded) throw jobErrors.JOB_WINDOW_CANCELLED()
    const acceptance = accepted(opened, () => device.queue.submit([encodeSteps(from, steps, slot, walked.place)]))
    const reading = (async () => {
      await acceptance
      return unpadded(await orLost(readBack(staging, steps * stride)), spec.width, stride)
    })()
    slots[slot]!.free = reading.then(nothing, nothing)
    return { states: reading }
  }

  function walk({ order, step: at, state }: WalkStart): Walk {
    const place = places.pop()
    if (place === undefined) throw new RangeError(`more than ${walksAtOnce} walks at once`)
    const walked = { place, hasEnded: false }
    // In the order of the queue: after whatever a walk that had this place before has left to do.
    device.queue.writeBuffer(ends, place * stride, Uint8Array.from(state))
    return {
      async run(steps) {
        if (steps > mostSteps) throw new RangeError(`${steps} steps in one run, at most ${mostSteps}`)
        const from = { order, step: at }
        at += steps
        const submitted = submitting.then(() => submit(from, steps, walked))
        submitting = submitted.then(nothing, nothing)
        try {
          return await (await submitted).states
        } catch (cause) {
          throw failed(cause)
        }
      },
      end() {
        if (!walked.hasEnded) places.push(place)
        walked.hasEnded = true
      },
    }
  }

  const memory: CardMemory = {
    spec,
    pace: { runsAtOnce, runMs, mostSteps },
    get ready() {
      return ready
    },
    walk,
    shrink(groups) {
      ready = Math.max(0, Math.min(ready, groups))
      while (banks.length > 0 && banks.at(-1)!.first >= ready) banks.pop()!.buffer.destroy()
      if (ready > 0 || isFreed) return
      isFreed = true
      stopHearing()
      giveBack()
      whenFreed()
    },
    async readAll() {
      const read = await opened.pipeline(readShader(spec), 'readAll')
      const said = await opened.buffer(4, usage.storage)
      const { maxStorageBufferBindingSize, maxComputeWorkgroupsPerDimension } = device.limits
      const most = Math.min(Math.floor(maxStorageBufferBindingSize / bytes), maxComputeWorkgroupsPerDimension)
      await accepted(opened, () => {
        const encoder = device.createCommandEncoder()
        const pass = encoder.beginComputePass()
        pass.setPipeline(read)
        for (const { buffer, first, end } of banks)
          for (let from = first; from < Math.min(end, ready); from += most) {
            const count = Math.min(most, Math.min(end, ready) - from)
            const groups = { buffer, offset: (from - first) * bytes, size: count * bytes }
            const entries = [groups, { buffer: said }].map((resource, binding) => ({ binding, resource }))
            pass.setBindGroup(0, device.createBindGroup({ layout: read.getBindGroupLayout(0), entries }))
            pass.dispatchWorkgroups(stepWorkgroups(spec), count)
          }
        pass.end()
        device.queue.submit([encoder.finish()])
      })
      await orLost(device.queue.onSubmittedWorkDone())
      said.destroy()
      return ready * bytes
    },
    async readGroup(group) {
      const { buffer, first } = bankOf(group)
      const staging = await opened.buffer(bytes, usage.mapRead | usage.copyTarget)
      await accepted(opened, () => {
        const encoder = device.createCommandEncoder()
        encoder.copyBufferToBuffer(buffer, (group - first) * bytes, staging, 0, bytes)
        device.queue.submit([encoder.finish()])
      })
      const read = await orLost(readBack(staging))
      staging.destroy()
      return read
    },
  }

  return {
    memory,
    /** Adds a bank whose groups follow those before; they are ready when they are said to be. */
    add(bank: CardBank) {
      const bind = ({ states }: Slot) => {
        const resources = [
          { buffer: bank.buffer, size: bytes },
          { buffer: states, size: 2 * stride },
        ]
        const entries = resources.map((resource, binding) => ({ binding, resource }))
        return device.createBindGroup({ layout, entries })
      }
      banks.push({ ...bank, end: bank.first + bank.groups, bindings: slots.map(bind) })
    },
    /** Says how many groups are filled. */
    filled(groups: number) {
      ready = groups
    },
  }
}

/** What walks need beside the banks; `ends`: the last state of each. Of buffers that are refused nothing is left. */
async function openWalks(spec: MemorySpec, opened: WgslDevice, mostSteps: number) {
  const { device } = opened
  const stride = stateStride(spec)
  const entry = (binding: number, type: GPUBufferBindingType, minBindingSize: number) => ({
    ...{ binding, visibility: computeStage },
    buffer: { type, minBindingSize, hasDynamicOffset: true },
  })
  const layout = device.createBindGroupLayout({
    entries: [entry(0, 'read-only-storage', groupBytes(spec)), entry(1, 'storage', 2 * stride)],
  })
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] })
  const pipeline = await opened.pipeline(stepShader(spec), 'step', pipelineLayout)
  const { keep, giveBack } = ownBuffers(opened)
  const newSlot = async (): Promise<Slot> => ({
    states: await keep((mostSteps + 1) * stride, usage.storage | usage.copySource | usage.copyTarget),
    staging: await keep(mostSteps * stride, usage.mapRead | usage.copyTarget),
    free: Promise.resolve(),
  })
  try {
    const slots = [await newSlot(), await newSlot()]
    const ends = await keep(walksAtOnce * stride, usage.copySource | usage.copyTarget)
    return { layout, pipeline, slots, ends, giveBack }
  } catch (error) {
    giveBack()
    throw error
  }
}

/** States without what lies between them on the card. */
function unpadded(states: Uint8Array, width: number, stride: number): Uint8Array {
  if (width === stride) return states
  const packed = new Uint8Array((states.length / stride) * width)
  for (let from = 0, to = 0; from < states.length; from += stride, to += width)
    packed.set(states.subarray(from, from + width), to)
  return packed
}
