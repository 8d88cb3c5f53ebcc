import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packCohort } from '../../../src/core/checker/epoch/pack.ts'
import type { RoundJudgeDependencies } from '../../../src/core/checker/round/judge.ts'
import { jobOf } from '../../../src/core/job/jobs.ts'
import { rowBytes } from '../../../src/core/job/tensor/tensor-spec.ts'
import { sampleOf } from '../../../src/core/report/commitment.ts'
import { decodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import type { EvidenceLeaf } from '../../../src/core/report/evidence-root.ts'
import { signMessage } from '../../../src/core/report/signer.ts'
import { verifyBundle } from '../../../src/core/report/verify-bundle.ts'
import { encodeWrongWork } from '../../../src/core/report/wrong-work.ts'
import { smallJobs } from '../job/small-spec.ts'
import { device, openJudgeFixture, provider, rules, trigger, triggerAt, word } from './judge-fixture.ts'

let fixture: Awaited<ReturnType<typeof openJudgeFixture>>
beforeAll(async () => {
  fixture = await openJudgeFixture()
})
afterAll(() => fixture.end())

const code = (name: string) => expect.objectContaining({ code: name })
type Seat = ReturnType<typeof fixture.seat>
const verifyEvidenceOf = (seat: Seat) => {
  const [verdict] = seat.journal.verdicts(0)
  const bundle = decodeBundle(seat.evidence.read(verdict!.evidence!)!)
  return verifyBundle(bundle, { openVerifier: async () => fixture.engine })
}
/** A row that the first seat found wrong, as it forwards it. */
async function foundWrong() {
  const finder = fixture.seat(0)
  const worked = await fixture.workWrongFor(0)
  const { answer } = await finder.upToRequest(worked)
  answer()
  expect(await finder.close()).toMatchObject([{ verdict: 'WRONG', reason: 'ROW_WRONG' }])
  return { worked, ...finder.forwarded[0]! }
}

/** Recomputing takes until it is let go. */
function heldEngine() {
  const held: (() => void)[] = []
  const { kinds } = fixture.engine
  const verify: (typeof kinds)['tensor']['verify'] = async request => {
    await new Promise<void>(resolve => held.push(resolve))
    return kinds.tensor.verify(request)
  }
  return { held, engine: { kinds: { ...kinds, tensor: { verify } } } }
}

describe('the device report in the evidence', () => {
  it.each([
    ['held is there', true],
    ['did not hold is left out: nobody could verify the bundle, and the seat would look false', false],
  ])('that %s', async (_, holds) => {
    const seat = fixture.seat(0)
    const { deviceId } = device
    const report = await signMessage(provider, 'DeviceReport', {
      ...{ deviceId, generation: 1, nonce: word(1), deviceHash: word(1), environmentHash: word(3) },
      ...{ certificateHash: word(1), attestationHash: word(0) },
    })
    const said = { report, device: 'none', environment: 'none', attestation: null }
    seat.journal.recordDeviceCheck({
      ...{ deviceId, epoch: 0, deviceValid: holds, environmentValid: holds, environmentHash: word(3), findings: [] },
      report: JSON.stringify(said),
    })
    const { answer } = await seat.upToRequest(await fixture.work())
    answer()
    const [verdict] = await seat.close()
    expect(verdict).toMatchObject({ verdict: 'VALID' })
    const { deviceReport, environment } = decodeBundle(seat.evidence.read(verdict!.evidence!)!)
    expect([deviceReport, environment]).toEqual(holds ? [said, 'none'] : [null, null])
    if (!holds) expect(await verifyEvidenceOf(seat)).toMatchObject({ ok: true })
  })
})

describe('a forwarded wrong row', () => {
  it('the evidence of a seat that adopts a forwarded wrong row holds that row, not the rows that the seat sampled', async () => {
    const { worked, commitment, payload } = await foundWrong()
    const seat = fixture.seat(1)
    const { answer } = await seat.upToRequest(worked)
    answer()
    await expect.poll(() => seat.journal.verdicts(0)).toMatchObject([{ verdict: 'VALID' }])
    expect(await verifyEvidenceOf(seat)).toMatchObject({ ok: true })

    await seat.judge.takeWrongWork(commitment, payload)
    expect(await seat.close()).toMatchObject([{ verdict: 'WRONG', reason: 'ROW_WRONG', figures: {} }])
    expect(await verifyEvidenceOf(seat)).toMatchObject({
      ok: false,
      step: 'ROW_WRONG',
      detail: expect.stringContaining(`Row ${worked.row}`),
    })
  })

  it('a forwarded wrong row of a commitment for another job is refused', async () => {
    const { commitment, payload } = await foundWrong()
    const seat = fixture.seat(1)
    await seat.begin()
    for (const changed of [{ specHash: word(1) }, { generation: 2 }, { epoch: 1n }]) {
      const other = await signMessage(provider, 'Commitment', { ...commitment.message, ...changed })
      await expect(seat.judge.takeWrongWork(other, payload)).rejects.toEqual(code('CHECKER_COMMITMENT_UNBOUND'))
    }
    const forged = await signMessage(fixture.openSigner(2), 'Commitment', commitment.message)
    await expect(seat.judge.takeWrongWork(forged, payload)).rejects.toEqual(code('CHECKER_SIGNATURE_INVALID'))
    expect(seat.journal.verdicts(0)).toEqual([])
  })

  it('a forwarded wrong row of another commitment than the one held is equivocation, and both are kept', async () => {
    const { commitment, payload } = await foundWrong()
    const honest = await fixture.work()
    const seat = fixture.seat(1)
    const { answer } = await seat.upToRequest(honest)
    answer()
    await expect.poll(() => seat.journal.verdicts(0)).toMatchObject([{ verdict: 'VALID' }])
    await seat.judge.takeWrongWork(commitment, payload)
    expect(await seat.close()).toMatchObject([
      { verdict: 'WRONG', reason: 'TWO_COMMITMENTS', commitmentHash: honest.commitmentHash },
    ])
    expect(await verifyEvidenceOf(seat)).toMatchObject({ ok: false, step: 'TWO_COMMITMENTS' })
    const [kept] = seat.store.all<{ first: string; second: string }>('SELECT first, second FROM contradiction')
    expect(JSON.parse(kept!.first).signature).toBe(honest.commitment.signature)
    expect(JSON.parse(kept!.second).signature).toBe(commitment.signature)
  })

  it('a forwarded wrong row is taken after the opening deadline, until the epoch is committed to', async () => {
    const { worked, commitment, payload } = await foundWrong()
    for (const isCommitted of [false, true]) {
      const seat = fixture.seat(1)
      const { answer } = await seat.upToRequest(worked)
      answer()
      expect(await seat.close()).toMatchObject([{ verdict: 'VALID' }])
      if (isCommitted) seat.journal.recordOpenings(0, word(1), word(2), new Map())
      const taken = seat.judge.takeWrongWork(commitment, payload)
      if (isCommitted) await expect(taken).rejects.toEqual(code('CHECKER_ROUND_UNKNOWN'))
      else await taken
      expect(seat.journal.verdicts(0)).toMatchObject([{ verdict: isCommitted ? 'VALID' : 'WRONG' }])
    }
  })

  it('nothing of a round is kept in memory once the epoch is committed to, and until then all of it is', async () => {
    const worked = await fixture.work()
    const seat = fixture.seat(1)
    const again = () => seat.judge.takeCommitment(provider.address, worked.commitment, 1000)
    const { answer } = await seat.upToRequest(worked)
    answer()
    // Not while it is open, and not before there is a commitment.
    seat.judge.release(0)
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID' }])
    seat.judge.release(0)
    expect(again).not.toThrow()
    seat.journal.recordOpenings(0, word(1), word(2), new Map())
    seat.judge.release(0)
    expect(again).toThrow(code('CHECKER_ROUND_UNKNOWN'))
    expect(answer()).toBe(false)
    expect(seat.journal.verdicts(0)).toMatchObject([{ verdict: 'VALID' }])
  })

  it('a forwarded row that is right, or is not a row, changes nothing', async () => {
    const honest = await fixture.work()
    const seat = fixture.seat(1)
    await seat.upToRequest(honest)
    const junk = encodeWrongWork({ place: 0, openings: new Uint8Array(99) })
    const right = encodeWrongWork({ place: 7, openings: honest.open([7]) })
    for (const payload of [junk, right])
      await expect(seat.judge.takeWrongWork(honest.commitment, payload)).rejects.toEqual(
        code('CHECKER_WRONG_WORK_UNPROVEN'),
      )
    expect(seat.journal.verdicts(0)).toEqual([])
  })
})

describe('openings that prove nothing', () => {
  const refusals = (seat: Seat) => seat.bodies('refused').map(({ code, regarding }) => `${code} ${regarding}`)

  it('openings that prove nothing are refused with a code, so that the device can answer again', async () => {
    const seat = fixture.seat(0)
    const { answer, openings } = await seat.upToRequest(await fixture.work())
    answer(openings.subarray(0, 100))
    await expect.poll(() => refusals(seat)).toEqual(['CHECKER_OPENINGS_INVALID job.openings'])
    expect(seat.bodies('refused')[0]!.message).toContain('2 more answers')
    answer()
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID' }])
  })

  it('openings that prove nothing are recomputed three times and no more', async () => {
    const seat = fixture.seat(0)
    const { answer, openings } = await seat.upToRequest(await fixture.work())
    for (let n = 1; n <= 3; n++) {
      answer(openings.subarray(0, n))
      await expect.poll(() => refusals(seat)).toHaveLength(n)
    }
    expect(() => answer()).toThrow(code('CHECKER_OPENINGS_EXHAUSTED'))
    expect(await seat.close()).toMatchObject([{ verdict: 'TIMEOUT', reason: 'OPENINGS_INVALID' }])
  })
})

describe('the opening deadline', () => {
  it('the opening deadline is judged by arrival: openings that came in time count, even if their turn comes later', async () => {
    const [inTime, late] = [fixture.seat(0), fixture.seat(0)]
    const worked = await fixture.work()
    const first = await inTime.upToRequest(worked)
    const second = await late.upToRequest(worked)
    await inTime.clock.advance(rules.openingsMs + 50)
    first.answer(first.openings, rules.openingsMs)
    expect(() => second.answer(second.openings, rules.openingsMs + 1)).toThrow(code('CHECKER_OPENINGS_LATE'))
    expect(await inTime.close()).toMatchObject([{ verdict: 'VALID' }])
    expect(await late.close()).toMatchObject([{ verdict: 'TIMEOUT', reason: 'NO_OPENINGS' }])
  })

  it('the opening deadline waits for openings that arrived before it, and not for later ones', async () => {
    const { held, engine } = heldEngine()
    const [waiting, silent] = [fixture.seat(0, { engine }), fixture.seat(0, { engine })]
    const [worked, later] = [await fixture.work(), await fixture.work(word(10))]
    const first = await waiting.upToRequest(worked)
    first.answer()
    await silent.upToRequest(worked)
    for (const seat of [waiting, silent]) {
      await seat.clock.advance(3000)
      const second = await seat.upToRequest(later, triggerAt(10))
      second.answer()
      await seat.clock.advance(rules.openingsMs - 3000 + 200)
    }
    expect(waiting.journal.verdicts(0)).toEqual([])
    // Rows of the second round still wait; the first one is over all the same.
    expect(silent.journal.verdicts(0)).toMatchObject([{ round: trigger.hash, verdict: 'TIMEOUT' }])
    for (const seat of [waiting, silent]) {
      await expect.poll(() => held.splice(0).map(go => go()) && seat.journal.verdicts(0)).toHaveLength(2)
      await seat.close()
    }
    expect(waiting.journal.verdicts(0).map(({ verdict }) => verdict)).toEqual(['VALID', 'VALID'])
  })
})

describe('a process that stood still over a deadline', () => {
  const still = (fromMs: number, untilMs: number): Partial<RoundJudgeDependencies> => ({
    stoodStillAt: moment => fromMs <= moment && moment <= untilMs,
  })

  it.each([
    ['missing', 'NO_COMMITMENT', undefined],
    ['late', 'COMMITMENT_LATE', 1700],
  ])(
    'a process that stood still over a deadline holds no %s commitment against the device',
    async (_, reason, receivedAtMs) => {
      const { commitment } = await fixture.work()
      for (const [stall, expected] of [
        [still(1400, 1650), { verdict: 'CHECKER_FAULT' }],
        [still(100, 1400), { verdict: 'TIMEOUT', reason }],
      ] as const) {
        const seat = fixture.seat(0, stall)
        await seat.begin()
        if (receivedAtMs !== undefined)
          expect(() => seat.judge.takeCommitment(provider.address, commitment, receivedAtMs)).toThrow(
            code('CHECKER_COMMITMENT_LATE'),
          )
        const samplingBlock = { number: 11n, hash: word(11), timestamp: 1002, seenAtMs: 2000 }
        await seat.judge.takeSamplingBlock(trigger.hash, samplingBlock)
        expect(await seat.close()).toMatchObject([expected])
      }
    },
  )

  it('a process that stood still over the opening deadline holds no missing openings against the device', async () => {
    const worked = await fixture.work()
    for (const [stall, verdict] of [
      [still(3400, 5000), 'CHECKER_FAULT'],
      [still(2000, 3400), 'TIMEOUT'],
    ] as const) {
      const seat = fixture.seat(0, stall)
      await seat.upToRequest(worked)
      expect(await seat.close()).toMatchObject([{ verdict }])
    }
  })
})

it('whoever watches for standstills is told of a round once it is open', async () => {
  const seen: unknown[] = []
  const seat = fixture.seat(0, { onOpen: seenAtMs => seen.push([seenAtMs, seat.judge.isOpen()]) })
  await seat.begin()
  expect(seen).toEqual([[0, true]])
  await seat.close()
})

describe('a disk that takes no record', () => {
  it('a verdict that a full disk does not take is kept in memory, told to nobody, and recorded once there is room', async () => {
    const told: string[] = []
    const seat = fixture.seat(0, { onVerdict: (_round, _device, { judged }) => void told.push(judged!.verdict) })
    const recordVerdict = seat.journal.recordVerdict
    const { answer } = await seat.upToRequest(await fixture.workWrongFor(0))
    Object.assign(seat.journal, {
      recordVerdict: () => {
        throw new Error('database or disk is full')
      },
    })
    answer()
    expect(await seat.close()).toEqual([])
    expect([told, seat.forwarded]).toEqual([[], []])
    // In one transaction with the verdict: not there without it.
    expect(seat.store.all('SELECT hash FROM evidence')).toEqual([])

    Object.assign(seat.journal, { recordVerdict })
    await seat.judge.idle()
    expect(seat.journal.verdicts(0)).toMatchObject([{ verdict: 'WRONG', reason: 'ROW_WRONG' }])
    expect(told).toEqual(['WRONG'])
    expect(seat.forwarded).toHaveLength(1)
    expect(await verifyEvidenceOf(seat)).toMatchObject({ step: 'ROW_WRONG' })
  })

  it('a record that fails ends neither the round nor the process', async () => {
    for (const name of ['recordVerdict', 'deviceCheck'] as const) {
      const seat = fixture.seat(0)
      const working = seat.journal[name]
      let failures = 0
      Object.assign(seat.journal, {
        [name]: () => {
          failures++
          throw new Error('disk I/O error')
        },
      })
      const { answer } = await seat.upToRequest(await fixture.work())
      answer()
      await seat.close()
      expect(failures).toBeGreaterThan(0)
      Object.assign(seat.journal, { [name]: working })
      await seat.judge.idle()
      expect(seat.journal.verdicts(0)).toMatchObject([{ verdict: 'VALID' }])
    }
  })
})

describe('a reorg at a trigger', () => {
  it('a reorg at a trigger costs an honest device nothing: it works both branches, and seats that saw either agree', async () => {
    const [left, kept] = [triggerAt(21), triggerAt(22)]
    const [onLeft, onKept] = [await fixture.work(left.hash), await fixture.work(kept.hash)]
    const [both, one] = [fixture.seat(0), fixture.seat(1)]
    const first = await both.upToRequest(onLeft, left)
    first.answer()
    await expect.poll(() => both.journal.verdicts(0)).toHaveLength(1)
    for (const seat of [both, one]) {
      const { answer } = await seat.upToRequest(onKept, kept)
      answer()
    }
    both.judge.drop(left.hash)
    both.journal.keepRounds(0, [kept])
    // Rows and commitments of the branch that left say nothing any more.
    await expect(both.judge.takeWrongWork(onLeft.commitment, new Uint8Array(99))).rejects.toEqual(
      code('CHECKER_ROUND_UNKNOWN'),
    )
    const lanes = []
    const leaves: EvidenceLeaf[] = []
    for (const seat of [both, one]) {
      expect(await seat.close()).toMatchObject([{ round: kept.hash, verdict: 'VALID' }])
      expect(seat.store.all('SELECT * FROM contradiction')).toEqual([])
      const of = { epoch: 0, devices: [device], rounds: [kept], maxRounds: rules.maxRounds, beatShare: 30 }
      const { words, evidence } = packCohort(seat.journal, of)
      lanes.push(words.slice(0, 9))
      leaves.push(evidence.leaf(device.lane, kept.ordinal))
    }
    expect(lanes[0]).toEqual(lanes[1])
    // Each seat says for itself that it recomputed the rows; about what, they agree.
    expect(leaves[0]!.reason).not.toBe(leaves[1]!.reason)
    expect(leaves[0]!.commitmentHash).toBe(leaves[1]!.commitmentHash)
    for (const [i, seat] of [both, one].entries()) {
      const { witness, evidence } = seat.journal.verdicts(0)[0]!
      expect(leaves[i]!.reason).toBe(witness)
      expect(decodeBundle(seat.evidence.read(evidence!)!).witness).toBe(witness)
    }
  })

  it('a reorg drops a round whose rows are being recomputed, and the round begins again when its block comes back', async () => {
    const { held, engine } = heldEngine()
    const seat = fixture.seat(0, { engine })
    const worked = await fixture.work()
    const left = await seat.upToRequest(worked)
    left.answer()
    seat.judge.drop(trigger.hash)
    seat.journal.keepRounds(0, [])
    held.shift()!()
    expect(await seat.close()).toEqual([])

    const again = await seat.upToRequest(worked)
    again.answer()
    await expect.poll(() => held.splice(0).map(go => go()) && seat.journal.verdicts(0)).toHaveLength(1)
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID' }])
  })
})

describe('a reorg of the sampling block alone', () => {
  const first = { number: 11n, hash: word(11), timestamp: 1002, seenAtMs: 2000 }
  const second = { number: 11n, hash: word(111), timestamp: 1002, seenAtMs: 2300 }
  const about = (seat: Seat, block = second) => {
    const { message } = seat.bodies('job.request').at(-1)!
    return { commitmentHash: message.commitmentHash, secret: message.secret, samplingBlockHash: block.hash }
  }
  const sampleBy = (worked: Awaited<ReturnType<typeof fixture.work>>, seat: Seat, block: typeof first) =>
    worked.open(
      sampleOf(jobOf(smallJobs, 'tensor'), worked.commitment.message, {
        ...seat.bodies('job.request').at(-1)!.message,
        samplingBlockHash: block.hash,
      }),
    )

  it('after a reorg of the sampling block the seat asks for what the other block draws, and the honest device is VALID', async () => {
    const seat = fixture.seat(0)
    const worked = await fixture.work()
    await seat.begin()
    seat.judge.takeCommitment(provider.address, worked.commitment, 1000)
    await seat.judge.takeSamplingBlock(trigger.hash, first)
    await seat.judge.takeSamplingBlock(trigger.hash, second)
    await seat.judge.greet(provider.address)
    const asked = seat.bodies('job.request').map(({ message }) => message.samplingBlockHash)
    expect(asked).toEqual([word(11), word(111), word(111)])
    // The answer to the request that was replaced arrives, and costs the device none of its tries.
    expect(seat.judge.takeOpenings(provider.address, about(seat, first), sampleBy(worked, seat, first), 2400)).toBe(
      true,
    )
    seat.judge.takeOpenings(provider.address, about(seat), sampleBy(worked, seat, second), 2500)
    expect(await seat.close()).toMatchObject([{ verdict: 'VALID', reason: 'ALL_EQUAL' }])
    expect(seat.bodies('refused')).toEqual([])
    expect(await verifyEvidenceOf(seat)).toMatchObject({ ok: true })
  })

  it('an answer whose block was replaced while it was recomputed does not count, unless it holds a wrong row', async () => {
    for (const spoilt of [false, true]) {
      const { held, engine } = heldEngine()
      const seat = fixture.seat(0, { engine })
      const everyRow = (digests: Uint8Array) => {
        for (let row = 0; row < digests.length / rowBytes; row++) fixture.spoilRow(row)(digests)
      }
      const worked = await fixture.work(trigger.hash, spoilt ? everyRow : undefined)
      await seat.begin()
      seat.judge.takeCommitment(provider.address, worked.commitment, 1000)
      await seat.judge.takeSamplingBlock(trigger.hash, first)
      seat.judge.takeOpenings(provider.address, about(seat, first), sampleBy(worked, seat, first), 2100)
      await expect.poll(() => held.length).toBe(1)
      await seat.judge.takeSamplingBlock(trigger.hash, second)
      held[0]!()
      if (spoilt) {
        expect(await seat.close()).toMatchObject([{ verdict: 'WRONG', reason: 'ROW_WRONG' }])
        expect(await verifyEvidenceOf(seat)).toMatchObject({ ok: false, step: 'ROW_WRONG' })
      } else expect(await seat.close()).toMatchObject([{ verdict: 'TIMEOUT', reason: 'NO_OPENINGS' }])
    }
  })
})
