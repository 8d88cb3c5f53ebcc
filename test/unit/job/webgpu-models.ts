/** What webgpu.test.ts and its child both compute: as small as every path of the shaders allows. */

import { rowBytes } from '../../../src/core/job/tensor/tensor-spec.ts'
import { smallSpec } from './small-spec.ts'

export const childSeed = new Uint8Array(32).fill(9)
/** One and a half tiles of `wgsl-4`, and a part of one of `wgsl-8`. */
export const childRows = 96
/** `wgsl-4` with several tiles along each side; the wide one, which is slow without a card, on its smallest model. */
export const childSpecs = { 'wgsl-4': { ...smallSpec, width: 128 }, 'wgsl-8': { ...smallSpec, layers: 1, weights: 1 } }

export const alone = (inputs: Uint8Array): Uint8Array => inputs.slice(0, rowBytes)
