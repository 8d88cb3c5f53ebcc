/**
 * The form of subgroup matrices without a card: which shape it is written for, that Dawn's compiler takes it, and what it computes where the
 * products are written out in plain WGSL on a software Vulkan device.
 */
import { describe, expect, it } from 'vitest'
import { referenceDigests } from '../../../src/core/job/tensor/reference-digests.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { matrixShape } from '../../../src/core/job/wgsl-matrix-shader.ts'
import { layerShader } from '../../../src/core/job/wgsl-shader.ts'
import { runOnSwiftshader, skipReason, swiftshaderMissing } from '../../helpers/swiftshader.ts'
import { installWebgpuPackage } from '../../helpers/webgpu-package.ts'
import { epochSeed } from './small-spec.ts'
import { childRows, childSeed } from './webgpu-models.ts'
import { adapters, writtenOutCards, writtenOutSpec } from './wgsl-matrix-shapes.ts'

type ChildAnswer = {
  /** By adapter, what Dawn has against the shader of each kind of layer. */
  readonly compiled: Record<string, readonly string[]>
  readonly refused: string
  readonly digests: Record<string, string>
}

describe('subgroup matrices', () => {
  it.each([
    ['nvidia', { M: 16, N: 16, K: 32, lanes: 32 }],
    ['amd', { M: 16, N: 16, K: 16, lanes: 64 }],
    ['intel', { M: 8, N: 16, K: 32, lanes: 32 }],
    ['apple', null],
    ['one that sums in bytes', null],
    ['software', null],
    ['one of odd sides', null],
    ['one whose sums find no room', null],
    ['one of wide subgroups', null],
    ['one that names none', null],
  ] as const)('of %s are taken in the largest shape that is exact: %o', (adapter, shape) => {
    expect(matrixShape(adapters[adapter])).toEqual(shape)
  })

  it('are refused where the adapter has none', () => {
    const refused = expect.objectContaining({ code: 'JOB_PROVIDER_UNAVAILABLE' })
    expect(() => layerShader('wgsl-matrix', { fromBytes: true, to: 'signed' }, null)).toThrow(refused)
  })

  it.skipIf(swiftshaderMissing !== null)(
    `are WGSL that Dawn compiles, and exact when their products are written out${skipReason}`,
    async () => {
      const answer = await runOnSwiftshader<ChildAnswer>(['test/unit/job/wgsl-matrix-child.ts', installWebgpuPackage()])
      const cards = ['nvidia', 'amd', 'intel']
      expect(answer.compiled).toEqual(Object.fromEntries(cards.map(each => [each, ['', '', '', '']])))
      expect(answer.refused).toMatch(/no matching call to 'subgroupMatrixMultiplyAccumulate/)
      const inputs = rowInput(childSeed, 0, childRows)
      const expected = Buffer.from(referenceDigests(createWeights(writtenOutSpec, epochSeed), inputs)).toString('hex')
      expect(answer.digests).toEqual(Object.fromEntries(writtenOutCards.map(each => [each, expected])))
    },
    300_000,
  )
})
