/// <reference types="@webgpu/types" />
/**
 * Fills a card's memory: matrices and first rows are drawn on the card, chains of products follow each other there, and the last one writes
 * into the bank. Nothing but keys goes to the card. Lines are worked in pieces, two under way at once, sized by what they take.
 */
import type { Hex } from 'viem'
import { isKaisarError } from '../../platform/errors.ts'
import { jobErrors } from '../errors.ts'
import type { MonotonicClock } from '../thread-clock.ts'
import {
  accepted,
  isNotTheCard,
  kernelFailed,
  type MeantCard,
  ownBuffers,
  reasonOf,
  reasonUnreached,
  takeDevice,
  usage,
  type WgslDevice,
} from '../webgpu-device.ts'
import { layerShader, tileSide, type WgslForm } from '../wgsl-shader.ts'
import { type CardMemory, openCardMemory } from './card-memory.ts'
import { drawSide, linesShader, weightsShader } from './card-shaders.ts'
import { weightsKey } from './drawn-entries.ts'
import { checkGroups, type FillOptions } from './memory-banks.ts'
import { groupBytes, type MemorySpec } from './memory-spec.ts'

export type CardFillOptions = FillOptions & {
  readonly epochSeed: Hex
  /** Of the products; default `wgsl-8`. What is fastest is found by the self-test of the tensor job. */
  readonly form?: WgslForm
  /** Resolves when the card may be used: what can wait lets windows go first. */
  readonly giveWay?: () => Promise<void>
}

const wordBytes = 4
/** Lines of the first piece, and of every piece a multiple: their bytes in a bank begin where a binding may. */
const firstLines = 256
/** Most bytes of one piece's rows. */
const mostPieceBytes = 16 * 2 ** 20
/** What a piece should take at least and at most: shorter ones leave the card waiting, longer ones hold others up. */
const pieceMs = { least: 8, most: 25 }
const piecesAtOnce = 2
/** What a place within a bank is counted in. */
const mostBankBytes = 2 ** 32

/**
 * Fills the card of this process, which is given back with the memory: when it is shrunk to nothing.
 *
 * @param options - `groups`: how many, or what says so by the card's limits. `webgpuModule`: URL of the file of the package `webgpu`;
 * default: as Node finds it. `card`: default: whatever WebGPU reaches
 * @throws as {@link fillCardMemory}, JOB_PROVIDER_UNAVAILABLE, JOB_MEMORY_NOT_ON_CARD
 */
export async function fillOnCard(
  given: Omit<CardFillOptions, 'groups'> & {
    readonly groups: number | ((limits: GPUSupportedLimits) => number)
    readonly webgpuModule?: string | undefined
    readonly card?: MeantCard | undefined
  },
  dependencies: { readonly clock: MonotonicClock },
): Promise<CardMemory> {
  const { webgpuModule, card, groups, ...options } = given
  const opened = await takeDevice(webgpuModule, card).catch(error => {
    if (!isNotTheCard(error)) throw error
    throw jobErrors.JOB_MEMORY_NOT_ON_CARD({ reason: reasonUnreached(error) })
  })
  let isHeld = true
  const giveBack = () => {
    if (isHeld) opened.release()
    isHeld = false
  }
  try {
    const count = typeof groups === 'number' ? groups : groups(opened.device.limits)
    return await fillCardMemory({ ...options, groups: count }, opened, { ...dependencies, whenFreed: giveBack })
  } catch (error) {
    giveBack()
    throw error
  }
}

/**
 * As {@link import('./memory-banks.ts').fillMemory}, on a card. Where the card gives less than was wanted there are as many groups as it
 * gave; `bankBytes` is its limit of a buffer unless less is asked for.
 *
 * @throws JOB_MEMORY_TOO_SMALL below the spec's least, JOB_FILL_CANCELLED, JOB_KERNEL_FAILED
 */
export async function fillCardMemory(
  options: CardFillOptions,
  opened: WgslDevice,
  { clock, whenFreed }: { readonly clock: MonotonicClock; readonly whenFreed?: () => void },
): Promise<CardMemory> {
  const { spec, groups, signal, onProgress, giveWay, bankBytes = mostBankBytes } = options
  checkGroups(spec, groups)
  const { memory, add, filled } = await openCardMemory(spec, opened, whenFreed)
  const { keep, giveBack } = ownBuffers(opened)
  try {
    const chain = await openChain(options, opened, keep)
    const pieces = createPieces(opened, clock)
    const bytes = groupBytes(spec)
    const lineCount = spec.width * spec.layers
    const allocate = allocator(spec, opened, bankBytes)
    for (let first = 0; first < groups; ) {
      const bank = await allocate(first, groups - first)
      if (bank === null) break
      add(bank)
      for (let group = first; group < first + bank.groups; group++)
        for (let line = 0; line < lineCount; ) {
          await giveWay?.()
          if (signal?.aborted) throw jobErrors.JOB_FILL_CANCELLED()
          const lines = Math.min(chain.mostLines, pieces.size(), lineCount - line)
          const target = {
            buffer: bank.buffer,
            offset: (group - first) * bytes + line * spec.width,
            size: lines * spec.width,
          }
          const isLast = line + lines === lineCount
          await pieces.submit(lines, chain.encode({ group, line, lines }, target), () => {
            if (!isLast) return
            filled(group + 1)
            onProgress?.(group + 1)
          })
          line += lines
        }
      first += bank.groups
    }
    await pieces.finish()
    checkGroups(spec, memory.ready)
    return memory
  } catch (error) {
    memory.shrink(0)
    throw isKaisarError(error) ? error : kernelFailed(reasonOf(error), error)
  } finally {
    giveBack()
  }
}

/** Banks of as many groups as one buffer holds, or half as many as were refused, down to one; null when there is no room for that. */
function allocator(spec: MemorySpec, opened: WgslDevice, bankBytes: number) {
  const bytes = groupBytes(spec)
  const limits = [bankBytes, opened.device.limits.maxBufferSize, mostBankBytes]
  let most = Math.max(1, Math.floor(Math.min(...limits) / bytes))
  return async (first: number, wanted: number) => {
    for (let groups = Math.min(most, wanted); groups >= 1; groups = Math.floor(groups / 2)) {
      most = groups
      try {
        const buffer = await opened.buffer(groups * bytes, usage.storage | usage.copySource)
        return { buffer, first, groups }
      } catch {
        // Refused: whether the card itself is lost is seen by the next thing that is asked of it.
      }
    }
    return null
  }
}

/** Pieces of the fill that are under way, oldest first, and the lines of the next. */
function createPieces(opened: WgslDevice, clock: MonotonicClock) {
  const { device, orLost } = opened
  const asked: { readonly lines: number; readonly atMs: number; readonly ended: Promise<unknown>; done(): void }[] = []
  let endedAtMs = 0
  let lines = firstLines
  async function finishOne() {
    const { atMs, lines: own, ended, done } = asked.shift()!
    await ended
    const nowMs = clock.monotonicMs()
    const tookMs = nowMs - Math.max(atMs, endedAtMs)
    endedAtMs = nowMs
    if (tookMs < pieceMs.least && own === lines) lines *= 2
    else if (tookMs > pieceMs.most) lines = Math.max(firstLines, lines / 2)
    done()
  }
  return {
    size: () => lines,
    async submit(count: number, encode: () => void, done: () => void) {
      if (asked.length === piecesAtOnce) await finishOne()
      const acceptance = accepted(opened, encode)
      const ended = orLost(Promise.all([acceptance, device.queue.onSubmittedWorkDone()]))
      ended.catch(() => undefined)
      asked.push({ lines: count, atMs: clock.monotonicMs(), ended, done })
    },
    async finish() {
      while (asked.length > 0) await finishOne()
    },
  }
}

type Keep = ReturnType<typeof ownBuffers>['keep']
type Piece = { readonly group: number; readonly line: number; readonly lines: number }

/** The epoch's matrices on the card, and how a piece of a group is made with them. `keep` gives buffers that last as long as the fill. */
async function openChain({ spec, key, epochSeed, form = 'wgsl-8' }: CardFillOptions, opened: WgslDevice, keep: Keep) {
  const { device } = opened
  const { width, layers, products } = spec
  const mostLines = Math.min(
    width * layers,
    Math.max(firstLines, Math.floor(mostPieceBytes / width / firstLines) * firstLines),
  )
  const uniform = () => keep(8 * wordBytes, usage.uniform | usage.copyTarget)
  const [draw, size] = [await uniform(), await uniform()]
  const rows = [await keep(mostLines * width, usage.storage), await keep(mostLines * width, usage.storage)] as const
  const linesPipeline = await opened.pipeline(linesShader(spec), 'lines')
  const layer = (to: 'signed' | 'stored') =>
    opened.pipeline(layerShader(form, { fromBytes: false, to }, opened.matrix), 'layer')
  const last = await layer('stored')
  // Of one product there is none before the last, and compiling takes its time.
  const middle = products > 1 ? await layer('signed') : last
  const matrices = await drawMatrices(spec, epochSeed, opened, keep)
  const bind = (pipeline: GPUComputePipeline, resources: readonly GPUBufferBinding[]) =>
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    })
  const drawn = bind(linesPipeline, [{ buffer: rows[0] }, { buffer: draw }])

  /** Submits a piece: its rows are drawn, multiplied with one matrix after the other, and written to the target. */
  const encode =
    ({ group, line, lines }: Piece, target: GPUBufferBinding) =>
    () => {
      device.queue.writeBuffer(draw, 0, Uint32Array.of(...key, group, line, lines, 0, 0, 0))
      device.queue.writeBuffer(size, 0, Uint32Array.of(lines, width / wordBytes, width, 0))
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      pass.setPipeline(linesPipeline)
      pass.setBindGroup(0, drawn)
      pass.dispatchWorkgroups(Math.ceil(width / 16 / drawSide), Math.ceil(lines / drawSide))
      for (const [product, matrix] of matrices.entries()) {
        const isLast = product === products - 1
        const pipeline = isLast ? last : middle
        const [from, to] = [rows[product % 2]!, rows[(product + 1) % 2]!]
        pass.setPipeline(pipeline)
        const output = isLast ? target : { buffer: to }
        pass.setBindGroup(0, bind(pipeline, [{ buffer: from }, { buffer: matrix }, output, { buffer: size }]))
        pass.dispatchWorkgroups(Math.ceil(width / tileSide(form)), Math.ceil(lines / tileSide(form)))
      }
      pass.end()
      device.queue.submit([encoder.finish()])
    }
  return { mostLines, encode }
}

async function drawMatrices(spec: MemorySpec, epochSeed: Hex, opened: WgslDevice, keep: Keep): Promise<GPUBuffer[]> {
  const { device } = opened
  const { width, products } = spec
  const pipeline = await opened.pipeline(weightsShader(spec), 'weights')
  const draw = await keep(4 * wordBytes, usage.uniform | usage.copyTarget)
  const matrices: GPUBuffer[] = []
  for (let matrix = 0; matrix < products; matrix++) {
    const buffer = await keep(width * width, usage.storage)
    await accepted(opened, () => {
      device.queue.writeBuffer(draw, 0, Uint32Array.of(...weightsKey(spec, epochSeed), matrix, 0))
      const encoder = device.createCommandEncoder()
      const pass = encoder.beginComputePass()
      const entries = [buffer, draw].map((buffer, binding) => ({ binding, resource: { buffer } }))
      pass.setPipeline(pipeline)
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }))
      pass.dispatchWorkgroups(Math.ceil(width / drawSide), Math.ceil(width / 16 / drawSide))
      pass.end()
      device.queue.submit([encoder.finish()])
    })
    matrices.push(buffer)
  }
  return matrices
}
