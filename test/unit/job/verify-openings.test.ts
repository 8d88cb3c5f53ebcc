import fc from 'fast-check'
import { bytesToHex, hexToBytes } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { referenceDigests } from '../../../src/core/job/tensor/reference-digests.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { type OpeningsClaim, verifyOpenings } from '../../../src/core/job/tensor/verify-rows.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import { commitTo, epochSeed, smallCore, smallSpec } from './small-spec.ts'

const limits = { sampleLimit: smallSpec.samples, batchRows: 7 }
const weights = createWeights(smallSpec, epochSeed)
const compute = async (inputs: Uint8Array) => referenceDigests(weights, inputs)

/** A device's claim; `spoil` changes the digests it commits to. */
function claimOf(device: number, rows: number, sample: number[], spoil = (_: Uint8Array) => {}): OpeningsClaim {
  const seed = new Uint8Array(32).fill(device)
  const digests = referenceDigests(weights, rowInput(seed, 0, rows))
  spoil(digests)
  const { tree, open } = commitTo(digests)
  return { seed, rows, root: tree.root, sample, openings: open(sample) }
}
const honest = claimOf(1, 150, [0, 64, 149])

const spoiled: Record<string, OpeningsClaim> = {
  ROW_WRONG: claimOf(2, 150, [0, 64, 149], digests => digests.set([digests[64 * 32]! ^ 1], 64 * 32)),
  OPENINGS_NOT_IN_ROOT: { ...honest, root: hexToBytes(`0x${'77'.repeat(32)}`) },
  OPENINGS_MALFORMED: { ...honest, openings: honest.openings.slice(1) },
  COMMITMENT_INVALID: { ...honest, rows: 2 ** 41 },
}
const claims = [honest, ...Object.values(spoiled), claimOf(3, 1, [0]), claimOf(4, 64, [63])]

describe('verifyOpenings', () => {
  let core: WorkCore
  beforeAll(async () => {
    core = await smallCore()
  })
  afterAll(() => core.close())

  it('an honest window is accepted, and the fault of each other one is named', async () => {
    const answers = await verifyOpenings(claims, compute, limits)
    const steps = answers.map(answer => (answer.ok ? 'OK' : answer.step))
    expect(steps).toEqual(['OK', ...Object.keys(spoiled), 'OK', 'OK'])
    expect(answers[1]).toMatchObject({ wrong: { place: 64 } })
  })

  it('openings are read wherever they lie: off a socket, or in the middle of a buffer', async () => {
    for (const lead of [0, 1, 200]) {
      const received = Buffer.concat([Buffer.alloc(lead, 0xff), honest.openings]).subarray(lead)
      expect(await verifyOpenings([{ ...honest, openings: received }], compute, limits)).toMatchObject([{ ok: true }])
    }
  })

  it('the openings of a wrong row alone are given, and prove it by themselves', async () => {
    const [answer] = await verifyOpenings([spoiled.ROW_WRONG!], compute, limits)
    if (answer!.ok || answer!.wrong === null) throw new Error('expected a wrong row')
    const { place: row, openings } = answer!.wrong
    const alone = { ...spoiled.ROW_WRONG!, sample: [row], openings }
    expect(await verifyOpenings([alone], compute, limits)).toMatchObject([{ ok: false, step: 'ROW_WRONG' }])
  })

  it('a batch of devices gets the same answers as each device alone, on the real kernel', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...claims), { maxLength: 12 }), async chosen => {
        const device = { deviceId: `0x${'d1'.repeat(32)}`, generation: 1 } as const
        const items = chosen.map(({ rows, root, ...claim }) => ({
          ...claim,
          device,
          units: rows,
          root: bytesToHex(root),
        }))
        const together = await core.kinds.tensor.verify({ epochSeed, items })
        const alone = await Promise.all(items.map(item => core.kinds.tensor.verify({ epochSeed, items: [item] })))
        expect(together).toEqual(alone.flat())
      }),
      { numRuns: 200 },
    )
  })

  it('every message of a device gets an answer, and none makes verification throw', async () => {
    const hostile = fc.record({
      seed: fc.constant(honest.seed),
      rows: fc.oneof(fc.nat(300), fc.constantFrom(-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 40)),
      root: fc.oneof(fc.constant(honest.root), fc.uint8Array({ minLength: 32, maxLength: 32 })),
      sample: fc.oneof(fc.constant([0, 64, 149]), fc.array(fc.integer({ min: -2, max: 200 }), { maxLength: 12 })),
      openings: fc.oneof(fc.constant(honest.openings), fc.uint8Array({ maxLength: 5000 })),
      flip: fc.nat(honest.openings.length - 1),
    })
    await fc.assert(
      fc.asyncProperty(hostile, async ({ flip, ...claim }) => {
        const openings = claim.openings.map((byte, i) => (i === flip ? byte ^ 64 : byte))
        const [answer] = await verifyOpenings([{ ...claim, openings }], compute, limits)
        // With no row sampled there is nothing to open; every other claim has one byte changed or worse.
        if (claim.sample.length > 0) expect(answer).toMatchObject({ ok: false })
      }),
      { numRuns: 1000 },
    )
  })

  it('a root without rows is refused', async () => {
    const none = { seed: honest.seed, rows: 0, sample: [], openings: Uint8Array.of(1) }
    const answers = await verifyOpenings(
      [
        { ...none, root: new Uint8Array(32) },
        { ...none, root: honest.root },
      ],
      compute,
      limits,
    )
    expect(answers).toMatchObject([{ ok: true }, { ok: false, step: 'COMMITMENT_INVALID' }])
  })
})
