/** Openings that come in pieces at a seat: in order, each once, each checked against the root before the next one is kept. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jobOf, jobsOf } from '../../../src/core/job/jobs.ts'
import { decodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { verifyBundle } from '../../../src/core/report/verify-bundle.ts'
import { smallMemorySpec } from '../job/small-memory-spec.ts'
import { smallSpec } from '../job/small-spec.ts'
import { openJudgeFixture, triggerAt, type WorkedMemory } from './judge-fixture.ts'

const jobs = jobsOf(smallSpec, { ...smallMemorySpec, samples: 256 }, 150, 30)
const trigger = triggerAt(31, 'memory')
const other = triggerAt(32, 'memory')
let fixture: Awaited<ReturnType<typeof openJudgeFixture>>
let worked: WorkedMemory
let elsewhere: WorkedMemory
beforeAll(async () => {
  fixture = await openJudgeFixture({ jobs })
  worked = await fixture.workMemory(trigger.hash)
  elsewhere = await fixture.workMemory(other.hash)
})
afterAll(() => fixture.end())

const code = (name: string) => expect.objectContaining({ code: name })

/** A seat that has asked for its sample, and the pieces that answer it. */
async function asked(of = worked, at = trigger) {
  const seat = fixture.seat(0)
  const { answer } = await seat.upToRequest(of, at)
  const sample = fixture.sampleBy(0, of.commitment.message)
  const pieces = await Promise.all(jobOf(jobs, 'memory').cut(sample).map(of.open))
  const send = (piece: number, payload = pieces[piece]!, receivedAtMs?: number) => answer(payload, receivedAtMs, piece)
  const refusals = () => seat.bodies('refused').map(each => each.code)
  return { seat, sample, pieces, send, refusals }
}

describe('openings in pieces', () => {
  it('are judged when the last one is there, and the evidence holds them whole', async () => {
    const { seat, pieces, sample, send, refusals } = await asked()
    expect(pieces).toHaveLength(3)
    for (const piece of pieces.keys()) expect(send(piece)).toBe(true)
    const [verdict] = await seat.close()
    expect(verdict).toMatchObject({ verdict: 'VALID', reason: 'ALL_EQUAL' })
    expect(refusals()).toEqual([])
    const bundle = decodeBundle(seat.evidence.read(verdict!.evidence!)!)
    expect(Buffer.compare(bundle.openings, await worked.open(sample))).toBe(0)
    const openVerifier = async () => fixture.engine
    expect(await verifyBundle(bundle, { openVerifier })).toMatchObject({ ok: true })
  })

  it('out of order, twice or more than there are get a coded refusal, and the answer goes on', async () => {
    const { seat, send, refusals } = await asked()
    const unexpected = code('CHECKER_PIECE_UNEXPECTED')
    expect(() => send(1)).toThrow(unexpected)
    send(0)
    for (const piece of [0, 2, 3, 255]) expect(() => send(piece, new Uint8Array(9))).toThrow(unexpected)
    send(1)
    send(2)
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID' }])
    expect(refusals()).toEqual([])
  })

  it('that are there already and come again change nothing, and cost no try', async () => {
    const { seat, send, refusals } = await asked()
    for (const piece of [0, 0, 1, 0, 1, 0, 1]) expect(send(piece)).toBe(true)
    expect(refusals()).toEqual([])
    send(2)
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID', reason: 'ALL_EQUAL' }])
  })

  it('of another commitment, or damaged, are not kept: the right piece is still due', async () => {
    const { seat, pieces, send, refusals } = await asked()
    const strange = (await asked(elsewhere, other)).pieces
    send(0, strange[0])
    send(0)
    send(1, pieces[1]!.with(200, pieces[1]![200]! ^ 1))
    expect(refusals()).toEqual(['CHECKER_OPENINGS_INVALID', 'CHECKER_OPENINGS_INVALID'])
    send(1)
    send(2)
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID' }])
  })

  it('go on from the pieces that were checked where the last one is damaged', async () => {
    const { seat, pieces, send, refusals } = await asked()
    for (const piece of [0, 1]) send(piece)
    send(2, pieces[2]!.subarray(1))
    await expect.poll(refusals).toEqual(['CHECKER_OPENINGS_INVALID'])
    expect(() => send(0, pieces[1])).toThrow(code('CHECKER_PIECE_UNEXPECTED'))
    send(2)
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID' }])
  })

  it('that prove nothing are looked at three times and no more', async () => {
    const { seat, pieces, send, refusals } = await asked()
    for (let n = 1; n <= 3; n++) send(0, pieces[0]!.subarray(n))
    expect(refusals()).toHaveLength(3)
    expect(() => send(0)).toThrow(code('CHECKER_OPENINGS_EXHAUSTED'))
    expect(await seat.close()).toMatchObject([{ verdict: 'TIMEOUT', reason: 'OPENINGS_INVALID' }])
  })

  it('that stop coming, or come late, are no openings, and are not kept as evidence', async () => {
    const { seat, send } = await asked()
    send(0)
    expect(() => send(1, undefined, 1_000_000)).toThrow(code('CHECKER_OPENINGS_LATE'))
    const [verdict] = await seat.close()
    expect(verdict).toMatchObject({ verdict: 'TIMEOUT', reason: 'NO_OPENINGS' })
    expect(decodeBundle(seat.evidence.read(verdict!.evidence!)!).openings).toHaveLength(0)
  })
})
