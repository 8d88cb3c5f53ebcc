import fc from 'fast-check'
import { bytesToHex, keccak256 } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { referenceDigests } from '../../../src/core/job/tensor/reference-digests.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import type { WorkCore } from '../../../src/core/job/work-core.ts'
import { checkSampleRequest, commitmentHash, seedOf } from '../../../src/core/report/commitment.ts'
import { signMessage } from '../../../src/core/report/signer.ts'
import { encodeWrongWork, judgeWrongWork } from '../../../src/core/report/wrong-work.ts'
import { commitTo, epochSeed, smallCore, smallJobs, smallSpec } from '../job/small-spec.ts'
import { checker, makeReport, provider, word } from './sample-report.ts'
import { network } from './signed-messages.ts'

let core: WorkCore
let report: Awaited<ReturnType<typeof makeReport>>
beforeAll(async () => {
  core = await smallCore()
  report = await makeReport(core, smallJobs)
})
afterAll(() => core.close())

describe('checkSampleRequest', () => {
  it('the request of the seat that made the offer is accepted, and every other is refused', () => {
    const offer = report.offer.message
    const commitment = report.commitment.message
    const request = report.request!.message
    const check =
      (changes: object, offered: object = {}) =>
      () =>
        checkSampleRequest(network, {
          offer: { ...offer, ...offered },
          commitment,
          request: { ...request, ...changes },
        })
    expect(check({})).not.toThrow()
    const refused = expect.objectContaining({ code: 'REPORT_SAMPLE_REFUSED' })
    expect(check({ secret: word('77') })).toThrow(refused)
    expect(check({ commitmentHash: keccak256(word('77')) })).toThrow(refused)
    expect(check({ checker: provider.address })).toThrow(refused)
    expect(check({}, { round: word('77') })).toThrow(refused)
    expect(check({}, { generation: 9 })).toThrow(refused)
  })
})

describe('judgeWrongWork', () => {
  const rows = 150
  /** A device that commits to row 70 with one byte changed. */
  async function cheat() {
    const message = { ...report.commitment.message, rows: BigInt(rows) }
    const digests = referenceDigests(createWeights(smallSpec, epochSeed), rowInput(seedOf(network, message), 0, rows))
    digests[70 * 32]! ^= 1
    const { tree, open } = commitTo(digests)
    const commitment = await signMessage(provider, 'Commitment', { ...message, root: bytesToHex(tree.root) })
    return { commitment, open }
  }
  const base = { network, kind: 'tensor', epochSeed, operator: provider.address } as const

  it('only a wrong row convinces judgeWrongWork', async () => {
    const { commitment, open } = await cheat()
    const judge = (changes: object) =>
      judgeWrongWork(
        { ...base, commitment, payload: encodeWrongWork({ place: 70, openings: open([70]) }), ...changes },
        core,
      )
    expect(await judge({})).toMatchObject({ proven: true, place: 70, step: 'ROW_WRONG' })
    expect(await judge({ payload: encodeWrongWork({ place: 71, openings: open([71]) }) })).toMatchObject({
      proven: false,
    })
    expect(await judge({ payload: encodeWrongWork({ place: 3, openings: open([70]) }) })).toMatchObject({
      proven: false,
    })
    expect(await judge({ operator: checker.address })).toMatchObject({ proven: false })
    expect(await judge({ commitment: report.commitment })).toMatchObject({ proven: false })
    expect(await judge({ payload: new Uint8Array(3) })).toMatchObject({ proven: false })
  })

  it('noise never convinces judgeWrongWork, and never makes it throw', async () => {
    const { commitment } = await cheat()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2600 }), async payload => {
        expect(await judgeWrongWork({ ...base, commitment, payload }, core)).toMatchObject({ proven: false })
      }),
      { numRuns: 1000 },
    )
  })

  it('another row count gives another commitment hash', () => {
    expect(commitmentHash(network, report.commitment.message)).not.toBe(
      commitmentHash(network, { ...report.commitment.message, rows: 1n }),
    )
  })
})
