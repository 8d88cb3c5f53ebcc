/** Memory rounds at a seat: offered by their own specification, counted by their marks, and wrong work of theirs forwarded. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jobOf } from '../../../src/core/job/jobs.ts'
import { type Step, walkedBy } from '../../../src/core/job/memory/memory.ts'
import { fillMemory } from '../../../src/core/job/memory/memory-banks.ts'
import { createWorkCore } from '../../../src/core/job/work-core.ts'
import { seedOf } from '../../../src/core/report/commitment.ts'
import { decodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { signMessage } from '../../../src/core/report/signer.ts'
import { verifyBundle } from '../../../src/core/report/verify-bundle.ts'
import { encodeWrongWork } from '../../../src/core/report/wrong-work.ts'
import { smallMemorySpec } from '../job/small-memory-spec.ts'
import { epochSeed, smallJobs } from '../job/small-spec.ts'
import { device, network, openJudgeFixture, provider, triggerAt, type WorkedMemory, word } from './judge-fixture.ts'

const trigger = triggerAt(31, 'memory')
let fixture: Awaited<ReturnType<typeof openJudgeFixture>>
let worked: WorkedMemory
beforeAll(async () => {
  fixture = await openJudgeFixture()
  worked = await fixture.workMemory(trigger.hash)
})
afterAll(() => fixture.end())

const code = (name: string) => expect.objectContaining({ code: name })
type Seat = ReturnType<typeof fixture.seat>
const markTo = ({ judge }: Seat, index: number, receivedAtMs: number, mark = worked.marks[index] ?? worked.marks[0]!) =>
  judge.takeMark(
    provider.address,
    { epoch: 0n, round: trigger.hash, deviceId: device.deviceId, index, mark },
    receivedAtMs,
  )
const evidenceOf = (seat: Seat) => decodeBundle(seat.evidence.read(seat.journal.verdicts(0)[0]!.evidence!)!)
const verifyEvidenceOf = (seat: Seat) => verifyBundle(evidenceOf(seat), { openVerifier: async () => fixture.engine })

/** A whole round of a seat that gets these marks. */
async function judged(marks: readonly { readonly index: number; readonly at: number }[]) {
  const seat = fixture.seat(0)
  await seat.begin(trigger)
  for (const { index, at } of marks) markTo(seat, index, at)
  const { answer } = await seat.upToRequest(worked, trigger)
  answer()
  const [verdict] = await seat.close()
  return { seat, verdict: verdict! }
}
/** The marks of the small specification are due after each 100 ms of 300, and the grace is 500 ms. */
const inTime = [
  { index: 0, at: 100 },
  { index: 1, at: 200 },
]

describe('a memory round', () => {
  it('is offered by its own specification, recomputed, and recorded with its figures and marks', async () => {
    const { seat, verdict } = await judged(inTime)
    expect(seat.bodies('job.offer')[0]!.message.specHash).toBe(jobOf(smallJobs, 'memory').specHash)
    expect(verdict).toMatchObject({ verdict: 'VALID', reason: 'ALL_EQUAL', kind: 'memory' })
    expect(verdict.figures.bandwidth).toBeGreaterThan(0)
    expect(evidenceOf(seat)).toMatchObject({ kind: 'memory', spec: smallMemorySpec, marks: worked.marks })
    expect(await verifyEvidenceOf(seat)).toMatchObject({
      ok: true,
      facts: { kind: 'memory', figures: verdict.figures },
    })
  })

  it('of a tensor job is another job: its commitment is not bound to the offer', async () => {
    const seat = fixture.seat(0)
    await seat.begin(trigger)
    const tensor = await fixture.work(trigger.hash)
    expect(() => seat.judge.takeCommitment(provider.address, tensor.commitment, 500)).toThrow(
      code('CHECKER_COMMITMENT_UNBOUND'),
    )
  })

  it('counts less for a mark that came late, and the evidence says which came in time', async () => {
    const whole = (await judged(inTime)).verdict.figures
    const late = await judged([inTime[0]!, { index: 1, at: 701 }])
    expect(late.verdict).toMatchObject({ verdict: 'VALID' })
    expect(late.verdict.figures.bandwidth).toBeLessThan(whole.bandwidth!)
    expect(late.verdict.figures.resident).toBe(whole.resident)
    expect(evidenceOf(late.seat)).toMatchObject({ marks: [worked.marks[0]] })
    expect(await verifyEvidenceOf(late.seat)).toMatchObject({ ok: true, facts: { figures: late.verdict.figures } })
    const none = await judged([])
    expect(none.verdict.figures.bandwidth).toBe(0)
    expect(evidenceOf(none.seat)).toMatchObject({ marks: [] })
  })

  it('counts a mark that a standstill of this seat’s own process made late', async () => {
    const stalled = (fromMs: number, untilMs: number) =>
      fixture.seat(0, { stoodStillAt: moment => fromMs <= moment && moment <= untilMs })
    // The first mark is late from 600 ms on: what the process slept through is not the device's.
    for (const [seat, stands] of [
      [stalled(580, 680), true],
      [stalled(650, 680), false],
    ] as const) {
      await seat.begin(trigger)
      markTo(seat, 0, 690)
      markTo(seat, 1, 695)
      const { answer } = await seat.upToRequest(worked, trigger)
      answer()
      await seat.close()
      expect(evidenceOf(seat)).toMatchObject({ marks: [stands ? worked.marks[0] : null, worked.marks[1]] })
    }
  })

  it('counts a mark at the end of its grace, and one that overtook the other', async () => {
    const whole = (await judged(inTime)).verdict.figures
    const { verdict } = await judged([
      { index: 1, at: 650 },
      { index: 0, at: 600 },
    ])
    expect(verdict.figures).toEqual(whole)
  })

  it('refuses marks that its windows do not have, of rounds and devices that it does not know', async () => {
    const seat = fixture.seat(0)
    await seat.begin(trigger)
    for (const index of [2, 3, 255]) expect(() => markTo(seat, index, 100)).toThrow(code('CHECKER_MARK_UNKNOWN'))
    const body = { epoch: 0n, round: trigger.hash, deviceId: device.deviceId, index: 0, mark: worked.marks[0]! }
    const { judge } = seat
    expect(() => judge.takeMark(fixture.openSigner(1).address, body, 100)).toThrow(code('CHECKER_ROUND_UNKNOWN'))
    expect(() => judge.takeMark(provider.address, { ...body, round: word(77) }, 100)).toThrow(
      code('CHECKER_ROUND_UNKNOWN'),
    )
    expect(() => judge.takeMark(provider.address, { ...body, deviceId: word(77) }, 100)).toThrow(
      code('CHECKER_ROUND_UNKNOWN'),
    )
    const tensor = fixture.seat(0)
    await tensor.begin(triggerAt(31))
    expect(() => markTo(tensor, 0, 100)).toThrow(code('CHECKER_MARK_UNKNOWN'))
  })

  it('with a mark that is not in the commitment counts nothing for that part', async () => {
    const seat = fixture.seat(0)
    await seat.begin(trigger)
    markTo(seat, 0, 100, worked.marks[1]!)
    markTo(seat, 1, 200)
    const { answer } = await seat.upToRequest(worked, trigger)
    answer()
    const [verdict] = await seat.close()
    const whole = (await judged(inTime)).verdict.figures
    expect(verdict).toMatchObject({ verdict: 'VALID' })
    expect(verdict!.figures.bandwidth).toBeLessThan(whole.bandwidth!)
  })
})

describe('wrong work of a memory round', () => {
  /** A device whose memory gives one coordinate of each state wrong. */
  async function lying() {
    const core = await createWorkCore(
      { jobs: smallJobs, provider: 'cpu', form: 'u8', threads: 1 },
      {
        clock: countedClock(),
        async fill(options, chain) {
          const banks = await fillMemory(options, chain)
          const step: Step = (group, x, next) => {
            banks.step(group, x, next)
            next.set(next.map(byte => byte ^ 1))
          }
          return { ...banks, ...walkedBy(banks.spec, step), ready: banks.ready }
        },
      },
    )
    const of = { deviceId: device.deviceId, generation: 1 }
    const { specHash, sample } = jobOf(smallJobs, 'memory')
    const identity = { ...of, epoch: 0n, round: trigger.hash, specHash }
    await core.prepare({ epochSeed, device: of })
    const { memory } = core.kinds
    const { handle, units, root } = await memory.runWindow({ epochSeed, device: of, seed: seedOf(network, identity) })
    const message = { ...identity, rows: BigInt(units), root, environmentHash: word(3) }
    const commitment = await signMessage(provider, 'Commitment', message)
    const [place] = sample(units, { secret: word(1), root, samplingBlockHash: word(2) })
    const openings = await memory.open({ handle, sample: [place!] })
    await core.close()
    return { commitment, place: place!, openings }
  }

  it('is adopted by a seat that sampled none of it, and its evidence proves it to anybody', async () => {
    const { commitment, place, openings } = await lying()
    const seat = fixture.seat(1)
    await seat.begin(trigger)
    await seat.judge.takeWrongWork(commitment, encodeWrongWork({ place, openings }))
    expect(await seat.close()).toMatchObject([
      { verdict: 'WRONG', reason: 'COORDINATE_WRONG', kind: 'memory', figures: {} },
    ])
    expect(evidenceOf(seat)).toMatchObject({ kind: 'memory', against: { wrongRow: place }, request: null })
    expect(await verifyEvidenceOf(seat)).toMatchObject({ ok: false, step: 'COORDINATE_WRONG' })
  })

  it('that is right, or is not of this root, proves nothing', async () => {
    const { openings, place } = await lying()
    const seat = fixture.seat(1)
    await seat.begin(trigger)
    const sample = jobOf(smallJobs, 'memory').sample(Number(worked.commitment.message.rows), {
      ...{ secret: word(1), root: worked.commitment.message.root, samplingBlockHash: word(2) },
    })
    const right = encodeWrongWork({ place: sample[0]!, openings: await worked.open([sample[0]!]) })
    for (const payload of [right, encodeWrongWork({ place, openings }), new Uint8Array(8), new Uint8Array(3)])
      await expect(seat.judge.takeWrongWork(worked.commitment, payload)).rejects.toEqual(
        code('CHECKER_WRONG_WORK_UNPROVEN'),
      )
    expect(seat.journal.verdicts(0)).toEqual([])
  })
})

/** Every look at it takes a millisecond. */
function countedClock() {
  let nowMs = 0
  return { monotonicMs: () => nowMs++ }
}
