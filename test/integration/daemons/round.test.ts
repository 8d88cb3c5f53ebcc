/** A Provider's round work against a Checker's judge: real engine, real signatures, real store; the wire and the clock are the test's. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { refutationOf } from '../../../src/core/checker/check-peers.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createRoundJudge, type RoundJudge } from '../../../src/core/checker/round/judge.ts'
import { createEvidenceStore } from '../../../src/core/checker/round/record.ts'
import type { SeatDevice } from '../../../src/core/checker/round/seat-round.ts'
import { deriveSeatSecrets } from '../../../src/core/checker/seat-secrets.ts'
import { type Jobs, jobOf, jobsHash, jobsOf, roundKinds } from '../../../src/core/job/jobs.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { MessageBody } from '../../../src/core/protocol/messages.ts'
import { type RoundRules, timingOf } from '../../../src/core/protocol/network-parameters.ts'
import type { Signed, SignedMessage } from '../../../src/core/protocol/typed-data.ts'
import { createProviderJournal, type ProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { createRoundWork, type WorkedRound } from '../../../src/core/provider/round-work.ts'
import { sampleOf } from '../../../src/core/report/commitment.ts'
import { decodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { verifyBundle } from '../../../src/core/report/verify-bundle.ts'
import { encodeWrongWork } from '../../../src/core/report/wrong-work.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { opened } from '../../helpers/opened.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const jobs: Jobs = jobsOf(
  { width: 64, layers: 2, weights: 2, windowMs: 50, samples: 8 },
  {
    ...{ width: 64, layers: 2, products: 2, leastGroups: 4 },
    ...{ windowMs: 640, markMs: 160, samples: 8, leastReadMs: 1 },
  },
  320,
  30,
)
const rules: RoundRules = {
  slots: 2,
  maxRounds: 4,
  windowMs: 1000,
  graceMs: 500,
  eligibleFromSeconds: 2,
  cutoffSeconds: 4,
  threshold: 0n,
  refractorySeconds: 4,
  samplingSeconds: 2,
  openingsMs: 3500,
  beats: 2,
  beatWindowMs: 320,
  specHash: jobsHash(jobs),
}
const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const epochSeed = hash(77)
const providerKey = hash(1001)
const provider = createSigner({ privateKey: providerKey, network })
const seatKeys = [hash(2001), hash(2002)]
const seats = seatKeys.map(privateKey => createSigner({ privateKey, network }))
const deviceId = hash(5)
const triggerOf = (kind: RoundKindName) => ({ number: 9n, hash: hash(9), timestamp: 1000, slot: 0, ordinal: 0, kind })
let trigger = triggerOf('tensor')
const samplingBlock = { number: 11n, hash: hash(11), timestamp: 1002, seenAtMs: 2000 }

let engine: WorkEngine
const folder = mkdtempSync(join(tmpdir(), 'round-'))
beforeAll(async () => {
  engine = await createCountedEngine({ jobs, provider: 'cpu', threads: 1, witnesses: true }, 1, 1)
  await engine.prepare({ epochSeed, device: { deviceId, generation: 1 } })
})
afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true })
})

type Sent = { readonly type: string; readonly body: unknown; readonly payload: Uint8Array | undefined }

/** One seat with what it sent to the operator, and to the other seats. */
function seat(index: number) {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: [...checkerMigrations] })
  const journal = createCheckerJournal(store)
  const sent: Sent[] = []
  const forwarded: { commitment: Signed<'Commitment'>; payload: Uint8Array }[] = []
  const evidence = createEvidenceStore(store)
  const judge: RoundJudge = createRoundJudge(
    { network, jobs, rules },
    {
      signer: seats[index]!,
      secrets: deriveSeatSecrets(seatKeys[index]!, network, seats[index]!.address),
      journal,
      evidence,
      engine,
      clock,
      log: silentLogger,
      sendTo: () => async (type, body, payload) => void sent.push({ type, body, payload }),
      forwardWrongWork: (_cohort, _epoch, commitment, payload) => void forwarded.push({ commitment, payload }),
    },
  )
  const device: SeatDevice = { deviceId, generation: 1, operator: provider.address, cohort: 0, lane: 0 }
  const begin = () => judge.begin({ epoch: 0, epochSeed, trigger, seenAtMs: clock.monotonicMs(), devices: [device] })
  const message = <T>(type: string) => sent.filter(each => each.type === type).at(-1)?.body as T
  /** Lets the deadline pass and gives the one verdict there is. */
  const verdict = async () => {
    await clock.advance(rules.openingsMs + 500)
    await judge.idle()
    const verdicts = journal.verdicts(0)
    expect(verdicts).toHaveLength(1)
    return verdicts[0]!
  }
  return { judge, journal, evidence, clock, sent, forwarded, begin, message, verdict }
}

const providerWork = (journal: ProviderJournal) =>
  createRoundWork(
    { network, jobs, deviceIds: [deviceId] },
    {
      signer: provider,
      journal,
      clock: systemClock,
      rulesOf: () => rules,
      findBlock: async (_, hash) =>
        [trigger, samplingBlock]
          .map(block => ({ ...block, parentHash: trigger.hash }))
          .find(block => block.hash === hash) ?? null,
    },
  )

function device() {
  const journal = createProviderJournal(openStore({ path: ':memory:', migrations: [...providerMigrations] }))
  const roundWork = opened(providerWork(journal))
  const marks: MessageBody<'job.mark'>[] = []
  const work = () =>
    roundWork.work(
      { deviceId, generation: 1, environmentHash: hash(3), engine },
      trigger,
      { number: 0, seed: epochSeed },
      performance.now(),
      { onMark: (index, mark) => void marks.push({ epoch: 0n, round: trigger.hash, deviceId, index, mark }) },
    )
  return { journal, roundWork, work, marks }
}

/** Offer, work, commit, sample: up to the request. */
async function upToRequest(one: ReturnType<typeof seat>, other: ReturnType<typeof device>): Promise<WorkedRound> {
  await one.begin()
  other.roundWork.takeOffer(one.message<Signed<'JobOffer'>>('job.offer').message)
  const worked = await other.work()
  for (const mark of other.marks) one.judge.takeMark(provider.address, mark, one.clock.monotonicMs())
  one.judge.takeCommitment(provider.address, worked.commitment, one.clock.monotonicMs() + 700)
  await one.judge.takeSamplingBlock(trigger.hash, samplingBlock)
  return worked
}

const request = (one: ReturnType<typeof seat>) => one.message<Signed<'SampleRequest'>>('job.request').message

const ofMemory = {
  ...{ wrong: 'COORDINATE_WRONG', figures: { bandwidth: expect.any(Number), resident: expect.any(Number) } },
} as const
const ofKind = {
  ...{ tensor: { wrong: 'ROW_WRONG', figures: { tensor: expect.any(Number) } }, memory: ofMemory, beat: ofMemory },
} as const

describe.each(roundKinds)('a round of kind %s', kind => {
  let one: ReturnType<typeof seat>
  let other: ReturnType<typeof device>
  beforeEach(() => {
    trigger = triggerOf(kind)
    one = seat(0)
    other = device()
  })

  it('a round of an honest device ends VALID, with a bundle that anybody can verify', async () => {
    const worked = await upToRequest(one, other)
    const [payload] = await other.roundWork.answer(seats[0]!.address, request(one))
    const { commitmentHash, secret } = request(one)
    expect(one.judge.takeOpenings(provider.address, { commitmentHash, secret }, payload!, 0)).toBe(true)
    const verdict = await one.verdict()
    expect(verdict).toMatchObject({ verdict: 'VALID', reason: 'ALL_EQUAL', kind, figures: worked.figures })
    expect(verdict.figures).toEqual(ofKind[kind].figures)
    const bundle = decodeBundle(one.evidence.read(verdict.evidence!)!)
    expect(await verifyBundle(bundle, { openVerifier: async () => engine })).toMatchObject({
      ok: true,
      facts: {
        operator: provider.address,
        checker: seats[0]!.address,
        kind,
        units: Number(worked.commitment.message.rows),
      },
    })
  })

  it('another seat that recomputes the evidence finds it equal, and a witness that was not computed, or other evidence, out', async () => {
    const worked = await upToRequest(one, other)
    const [payload] = await other.roundWork.answer(seats[0]!.address, request(one))
    const { commitmentHash, secret } = request(one)
    one.judge.takeOpenings(provider.address, { commitmentHash, secret }, payload!, 0)
    const { evidence, witness, figures } = await one.verdict()
    const bytes = one.evidence.read(evidence!)!
    const { deviceId, generation, epoch } = worked.commitment.message
    const judged = { deviceId, generation, operator: provider.address }
    const claim = {
      ...{ checker: seats[0]!.address, device: judged, epoch: Number(epoch), epochSeed },
      ...{ round: trigger.hash, kind, figures, evidence, witness, commitmentHash },
    }
    const stepOf = (changed: Partial<typeof claim>) => refutationOf(network, bytes, { ...claim, ...changed }, engine)
    expect(witness).not.toBeNull()
    expect(await stepOf({})).toBeNull()
    expect(await stepOf({ witness: hash(1) })).toBe('WITNESS')
    expect(await stepOf({ evidence: hash(1) })).toBe('EVIDENCE')
    expect(await stepOf({ commitmentHash: hash(1) })).toBe('COMMITMENT')
    expect(await stepOf({ checker: seats[1]!.address })).toBe('CHECKER')
    expect(await stepOf({ epochSeed: hash(1) })).toBe('EPOCH')
    expect(await stepOf({ figures: { ...figures, tensor: 1 } })).toBe('FIGURES')
    // One bundle that holds is not shown for other rounds, or other devices.
    expect(await stepOf({ epoch: Number(epoch) + 1 })).toBe('EPOCH')
    expect(await stepOf({ round: hash(1) })).toBe('ROUND')
    expect(await stepOf({ kind: roundKinds.find(other => other !== kind)! })).toBe('KIND')
    expect(await stepOf({ device: { ...judged, deviceId: hash(1) } })).toBe('DEVICE')
    expect(await stepOf({ device: { ...judged, generation: generation + 1 } })).toBe('GENERATION')
    expect(await stepOf({ device: { ...judged, operator: seats[1]!.address } })).toBe('OPERATOR')
  })

  it('the same sample request is answered again, and one with another secret or of another seat is not', async () => {
    await upToRequest(one, other)
    const first = await other.roundWork.answer(seats[0]!.address, request(one))
    expect(await other.roundWork.answer(seats[0]!.address, request(one))).toEqual(first)
    await expect(other.roundWork.answer(seats[0]!.address, { ...request(one), secret: hash(1) })).rejects.toMatchObject(
      {
        code: 'REPORT_SAMPLE_REFUSED',
      },
    )
    await expect(other.roundWork.answer(seats[1]!.address, request(one))).rejects.toMatchObject({
      code: 'PROVIDER_OFFER_MISSING',
    })
    await expect(
      other.roundWork.answer(seats[0]!.address, { ...request(one), commitmentHash: hash(1) }),
    ).rejects.toMatchObject({ code: 'PROVIDER_ROUND_UNKNOWN' })
  })

  it('openings that are cut short prove nothing, and the device may answer again in time', async () => {
    await upToRequest(one, other)
    const [payload] = await other.roundWork.answer(seats[0]!.address, request(one))
    const { commitmentHash, secret } = request(one)
    one.judge.takeOpenings(provider.address, { commitmentHash, secret }, payload!.subarray(0, 100), 0)
    await expect
      .poll(() => one.judge.takeOpenings(provider.address, { commitmentHash, secret }, payload!, 0))
      .toBe(true)
    // The first answer is judged before the second counts.
    await one.clock.advance(1)
    await expect
      .poll(() => {
        one.judge.takeOpenings(provider.address, { commitmentHash, secret }, payload!, 0)
        return one.journal.verdicts(0).length
      })
      .toBe(1)
    expect((await one.verdict()).verdict).toBe('VALID')
  })

  it('a round of wrong work ends WRONG, and the other seat to which it is forwarded judges WRONG too', async () => {
    const second = seat(1)
    await one.begin()
    await second.begin()
    const honest = await other.work()
    // Committed to another root: the same work, of another job.
    const alien = await engine.kinds[kind]!.runWindow({
      ...{ epochSeed, device: { deviceId, generation: 1 }, seed: new Uint8Array(32).fill(1) },
    })
    const message: SignedMessage<'Commitment'> = {
      ...honest.commitment.message,
      rows: BigInt(alien.units),
      root: alien.root,
    }
    const commitment = await signMessage(provider, 'Commitment', message)
    one.judge.takeCommitment(provider.address, commitment, 700)
    await one.judge.takeSamplingBlock(trigger.hash, samplingBlock)
    const sample = sampleOf(jobOf(jobs, kind), message, request(one))
    const { commitmentHash, secret } = request(one)
    one.judge.takeOpenings(
      provider.address,
      { commitmentHash, secret },
      await engine.kinds[kind]!.open({ handle: alien.handle, sample }),
      0,
    )
    expect(await one.verdict()).toMatchObject({ verdict: 'WRONG', reason: ofKind[kind].wrong, figures: {} })

    const [proof] = one.forwarded
    await second.judge.takeWrongWork(proof!.commitment, proof!.payload)
    expect(await second.verdict()).toMatchObject({ verdict: 'WRONG', reason: ofKind[kind].wrong })
  })

  it('a seat does not adopt wrong work that is not proven', async () => {
    const worked = await upToRequest(one, other)
    const junk = encodeWrongWork({ place: 0, openings: new Uint8Array(99) })
    await expect(one.judge.takeWrongWork(worked.commitment, junk)).rejects.toMatchObject({
      code: 'CHECKER_WRONG_WORK_UNPROVEN',
    })
  })

  it('a late commitment is refused with its code and counts 0', async () => {
    await one.begin()
    const { commitment } = await other.work()
    expect(() => one.judge.takeCommitment(provider.address, commitment, 1501)).toThrow(
      expect.objectContaining({ code: 'CHECKER_COMMITMENT_LATE' }),
    )
    expect(await one.verdict()).toMatchObject({ verdict: 'TIMEOUT', reason: 'COMMITMENT_LATE', figures: {} })
  })

  it('two commitments for one round are both kept as proof', async () => {
    const worked = await upToRequest(one, other)
    const message = { ...worked.commitment.message, rows: worked.commitment.message.rows + 64n }
    const second = await signMessage(provider, 'Commitment', message)
    expect(() => one.judge.takeCommitment(provider.address, second, 1300)).toThrow(
      expect.objectContaining({ code: 'CHECKER_COMMITMENT_CONTRADICTS' }),
    )
    expect(await one.verdict()).toMatchObject({ verdict: 'WRONG', reason: 'TWO_COMMITMENTS' })
  })

  it('a message signed by another key, for another round or about another device is refused', async () => {
    await one.begin()
    const { commitment } = await other.work()
    const forged = await signMessage(seats[0]!, 'Commitment', commitment.message)
    const rebound = await signMessage(provider, 'Commitment', { ...commitment.message, generation: 2 })
    const take =
      (signed: Signed<'Commitment'>, from = provider.address) =>
      () =>
        one.judge.takeCommitment(from, signed, 10)
    expect(take(forged)).toThrow(expect.objectContaining({ code: 'CHECKER_SIGNATURE_INVALID' }))
    expect(take(rebound)).toThrow(expect.objectContaining({ code: 'CHECKER_COMMITMENT_UNBOUND' }))
    expect(take(commitment, seats[1]!.address)).toThrow(expect.objectContaining({ code: 'CHECKER_ROUND_UNKNOWN' }))
  })

  it('a round of a device that signs off is UNSUPPORTED with its reason, and of a silent one TIMEOUT', async () => {
    await one.begin()
    const about = { epoch: 0n, round: trigger.hash, deviceId, generation: 1, reason: 'GPU_LOST: fell off the bus' }
    one.judge.takeAbort(provider.address, await signMessage(provider, 'Abort', about))
    await one.judge.takeSamplingBlock(trigger.hash, samplingBlock)
    expect(await one.verdict()).toMatchObject({ verdict: 'UNSUPPORTED', reason: 'DEVICE_ABORTED' })

    const second = seat(1)
    await second.begin()
    await second.judge.takeSamplingBlock(trigger.hash, samplingBlock)
    expect(await second.verdict()).toMatchObject({ verdict: 'TIMEOUT', reason: 'NO_COMMITMENT' })
  })

  it('a round whose trigger the seat saw too late is the seat’s own fault, unless the commitment came all the same', async () => {
    const { windowMs, graceMs } = timingOf(rules, kind)
    const late = { ...samplingBlock, seenAtMs: windowMs + graceMs - 1 }
    await one.begin()
    await one.judge.takeSamplingBlock(trigger.hash, late)
    expect(await one.verdict()).toMatchObject({ verdict: 'CHECKER_FAULT', figures: {} })

    const second = seat(1)
    await second.begin()
    const { commitment } = await other.work()
    second.judge.takeCommitment(provider.address, commitment, 400)
    await second.judge.takeSamplingBlock(trigger.hash, late)
    expect(second.message('job.request')).toBeDefined()
  })

  it('after a restart a round is opened with the work of the recorded commitment, done again', async () => {
    const worked = await upToRequest(one, other)
    const restarted = opened(providerWork(other.journal))
    const recorded = other.journal.commitmentOf(trigger.hash, deviceId)!
    expect(recorded).toMatchObject(worked.commitment)
    const working = { deviceId, generation: 1, environmentHash: hash(3), engine }
    const again = await restarted.restore(working, recorded, epochSeed, performance.now())
    expect(again).toMatchObject({ commitmentHash: worked.commitmentHash, kind })
    // The seat repeats its offer on the new session.
    restarted.takeOffer(one.message<Signed<'JobOffer'>>('job.offer').message)
    const { commitmentHash, secret } = request(one)
    const [payload] = await restarted.answer(seats[0]!.address, request(one))
    one.judge.takeOpenings(provider.address, { commitmentHash, secret }, payload!, 0)
    expect(await one.verdict()).toMatchObject({ verdict: 'VALID', figures: worked.figures })
  })

  it('a round is not resumed with other work than what was committed to', async () => {
    await upToRequest(one, other)
    const restarted = opened(providerWork(other.journal))
    const working = { deviceId, generation: 1, environmentHash: hash(3), engine }
    const recorded = other.journal.commitmentOf(trigger.hash, deviceId)!
    const changed = { ...recorded, message: { ...recorded.message, root: hash(1) } }
    await expect(restarted.restore(working, changed, epochSeed, performance.now())).rejects.toMatchObject({
      code: 'PROVIDER_WORK_DIFFERS',
    })
  })

  it('a round whose trigger left the chain leaves no verdict', async () => {
    await upToRequest(one, other)
    one.judge.drop(trigger.hash)
    one.journal.keepRounds(0, [])
    await one.judge.idle()
    expect(one.journal.verdicts(0)).toEqual([])
    expect(one.journal.rounds(0)).toEqual([])
  })

  it('a round that the seat does not finish is the seat’s own fault', async () => {
    await upToRequest(one, other)
    await one.judge.stop()
    expect(one.journal.verdicts(0)[0]).toMatchObject({ verdict: 'CHECKER_FAULT' })
  })
})

it('a Provider signs no second commitment for a round, even when it is asked to work again', async () => {
  const { journal, roundWork, work } = device()
  const { commitment, commitmentHash } = await work()
  expect(journal.commitmentOf(trigger.hash, deviceId)).toMatchObject(commitment)
  expect(roundWork.committed(trigger.hash, deviceId)?.commitmentHash).toBe(commitmentHash)
  const other = { ...commitment.message, rows: commitment.message.rows + 1n }
  expect(() =>
    journal.recordCommitment(hash(1), { message: other, signature: commitment.signature, notes: '' }),
  ).toThrow(expect.objectContaining({ code: 'PROVIDER_SECOND_COMMITMENT' }))
})
