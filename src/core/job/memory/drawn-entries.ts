/**
 * The numbers of the memory job that are drawn rather than computed. Entries of a line are drawn along the inner dimension of the
 * product that they enter ({@link import('../philox.ts')}), one byte each:
 *
 *     W_m[k, j]      c matrices K × K ({@link import('../drawn-weights.ts')})
 *     V(g, l, i)[k]  (byte k of line i, group g, layer l) mod 128, kept as x + 64        the row that the chain of products begins with
 *     g_s           ⌊word (s mod 4) of block ⌊s ÷ 4⌋ · G ÷ 2^32⌋                         the group that step s reads
 *     x_0[k]        byte k of the job seed's keystream, mod 128
 *
 * Weights are an epoch's, for everybody; a fill is an epoch's and a device's; order and first state are a round's.
 *
 * Why: docs/why/memory-job.md
 */
import type { Hex } from 'viem'
import { hexToBytes } from '../../platform/hex.ts'
import { keystream } from '../keystream.ts'
import { blockEntries, counterOf, type PhiloxKey, philox, philoxKey } from '../philox.ts'
import { type MemorySpec, memorySpecHash } from './memory-spec.ts'

export type FillIdentity = {
  readonly epochSeed: Hex
  readonly deviceId: Hex
  readonly generation: number
}

/** SHA-256('kaisar/memory-weights/v1' ‖ spec hash ‖ epoch seed). */
export const weightsKey = (spec: MemorySpec, epochSeed: Hex): PhiloxKey =>
  philoxKey('kaisar/memory-weights/v1', hexToBytes(memorySpecHash(spec), 32), hexToBytes(epochSeed, 32))

/** SHA-256('kaisar/memory-fill/v1' ‖ spec hash ‖ epoch seed ‖ device id ‖ generation u32). */
export function fillKey(spec: MemorySpec, { epochSeed, deviceId, generation }: FillIdentity): PhiloxKey {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(generation)
  const bound = [memorySpecHash(spec), epochSeed, deviceId].map(hex => hexToBytes(hex, 32))
  return philoxKey('kaisar/memory-fill/v1', ...bound, number)
}

export type FillLine = { readonly group: number; readonly layer: number; readonly row: number }

/** The first rows of these lines' chains, [lines, K] bytes x + 64. */
export function drawLines(
  { width }: Pick<MemorySpec, 'width'>,
  lines: readonly (FillLine & { readonly key: PhiloxKey })[],
): Uint8Array {
  const blocks = width / blockEntries
  const words = new Uint32Array((lines.length * width) / 4)
  lines.forEach(({ key, group, layer, row }, index) => {
    philox(key, counterOf('fill', { line: row, item: group, layer }), { blocks, words, at: (index * width) / 4 })
  })
  for (let i = 0; i < words.length; i++) words[i]! &= 0x7f7f7f7f
  return new Uint8Array(words.buffer)
}

export type StepOrder = ReturnType<typeof stepOrder>

/** The order of a round, from its job seed: nothing that a device computes changes it. */
export function stepOrder(jobSeed: Uint8Array, groups: number) {
  const key = philoxKey('kaisar/memory-order/v1', jobSeed)
  const stretch = 1024
  const words = new Uint32Array(stretch)
  let drawn = -1
  return {
    /** The group that step `step` reads, below `groups`. */
    groupOf(step: number): number {
      const at = Math.floor(step / stretch)
      if (at !== drawn) {
        philox(key, counterOf('order', { block: (at * stretch) / 4 }), { blocks: stretch / 4, words })
        drawn = at
      }
      return Math.floor((words[step % stretch]! * groups) / 2 ** 32)
    },
  }
}

/** The state that a round begins with: K bytes in [0, 127]. */
export const firstState = ({ width }: Pick<MemorySpec, 'width'>, jobSeed: Uint8Array): Uint8Array =>
  Uint8Array.from(keystream(jobSeed, 0, width), byte => byte & 127)
