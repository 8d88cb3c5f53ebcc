import fc from 'fast-check'
import { keccak256 } from 'viem'
import { describe, expect, it } from 'vitest'
import { answerAudit } from '../../../src/core/checker/epoch/audit.ts'
import { packCohort, seenRounds, slicedCohort } from '../../../src/core/checker/epoch/pack.ts'
import { type CheckerJournal, createCheckerJournal, type RecordedVerdict } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { decodeRate } from '../../../src/core/epoch/minifloat.ts'
import { unpackOpening } from '../../../src/core/epoch/opening.ts'
import { atOnce } from '../../../src/core/platform/slices.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { zeroBytes32 } from '../../../src/core/protocol/primitives.ts'
import type { Trigger } from '../../../src/core/protocol/trigger.ts'
import { evidenceRootFromProof, hashesOfSlice, reasonWord } from '../../../src/core/report/evidence-root.ts'
import { runs } from '../../helpers/full-runs.ts'

const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}` as const
const operator = `0x${'aa'.repeat(20)}` as const
const device = (lane: number) => ({ deviceId: hash(lane + 1), generation: 1, operator, cohort: 0, lane })
/** Beside the others there is one beat, with more than any memory round. */
const beat = 6
const trigger = (ordinal: number): Trigger => ({
  number: BigInt(ordinal),
  hash: hash(900 + ordinal),
  timestamp: 10 * ordinal,
  slot: 0,
  ordinal,
  kind: ordinal === beat ? 'beat' : ordinal % 2 === 0 ? 'tensor' : 'memory',
})
/** What rounds are worth of a device that has exactly this capacity where both kinds say the same. */
const worth = (ordinal: number, figure: number): Pick<RecordedVerdict, 'kind' | 'figures'> => {
  const { kind } = trigger(ordinal)
  const measured: RecordedVerdict['figures'] =
    kind === 'tensor' ? { tensor: figure * 12_500 } : { bandwidth: figure, resident: figure }
  return { kind, figures: figure === 0 ? {} : measured }
}
const maxRounds = beat + 1

function verdict(lane: number, ordinal: number, rate: number): RecordedVerdict {
  const commitmentHash = hash(5000 + lane * 10 + ordinal)
  const message = {
    epoch: 3n,
    round: hash(900 + ordinal),
    deviceId: hash(lane + 1),
    generation: 1,
    specHash: zeroBytes32,
    rows: 1n,
    root: hash(1),
    environmentHash: hash(2),
  }
  return {
    round: hash(900 + ordinal),
    deviceId: hash(lane + 1),
    epoch: 3,
    generation: 1,
    verdict: rate > 0 ? 'VALID' : 'TIMEOUT',
    reason: rate > 0 ? 'ALL_EQUAL' : 'NO_COMMITMENT',
    detail: '',
    ...worth(ordinal, rate),
    commitmentHash: rate > 0 ? commitmentHash : null,
    commitment: rate > 0 ? { message, signature: `0x${'01'.repeat(65)}` } : null,
    evidence: null,
    witness: null,
  }
}

function journalOf(verdicts: RecordedVerdict[], rounds: number) {
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: [...checkerMigrations] }))
  keepRounds(
    journal,
    Array.from({ length: rounds }, (_, ordinal) => ordinal),
  )
  for (const each of verdicts) journal.recordVerdict(each)
  for (const deviceId of new Set(verdicts.map(each => each.deviceId))) {
    journal.recordVerdict(verdict(Number(deviceId) - 1, beat, 10_000))
    journal.recordDeviceCheck({
      deviceId,
      epoch: 3,
      deviceValid: true,
      environmentValid: true,
      environmentHash: hash(2),
      findings: [],
      report: '{}',
    })
  }
  return journal
}

const keepRounds = (journal: CheckerJournal, ordinals: readonly number[]) =>
  journal.keepRounds(3, [...ordinals, beat].map(trigger))

const pack = (journal: ReturnType<typeof journalOf>, lanes: number[]) =>
  packCohort(journal, { epoch: 3, devices: lanes.map(device), rounds: journal.rounds(3), maxRounds, beatShare: 30 })

describe('packCohort', () => {
  it('packCohort puts each device into its own lane, and records what happened in every round', () => {
    const journal = journalOf(
      [
        ...[verdict(0, 0, 2000), verdict(0, 1, 1000), verdict(0, 2, 1000), verdict(0, 3, 2000)],
        ...[verdict(63, 0, 400), verdict(63, 1, 400)],
      ],
      4,
    )
    const packed = pack(journal, [0, 63])
    const { lanes } = unpackOpening(packed.words)
    expect(decodeRate(lanes[0]!.rate)).toBe(1500n)
    expect(lanes[0]).toMatchObject({ uptime: 10_000, flags: 15 })
    // Lane 63 has no verdict of the later rounds: this seat's own fault, left out of the means.
    expect(decodeRate(lanes[63]!.rate)).toBe(400n)
    expect(lanes[1]).toEqual({ rate: 0, uptime: 0, flags: 0 })
    expect(packed.evidence.leaf(63, 2)).toEqual({
      round: hash(902),
      commitmentHash: zeroBytes32,
      reason: reasonWord('NOT_JUDGED'),
    })
    expect(packed.evidence.leaf(0, 4).reason).toBe(reasonWord('NO_ROUND'))
  })

  it('packCohort abstains for a device that was judged in fewer than half of the rounds of one kind', () => {
    const some = [0, 1, 3, 5].map(ordinal => verdict(0, ordinal, 2000))
    const { words } = pack(journalOf(some, 6), [0])
    expect(unpackOpening(words).lanes[0]).toEqual({ rate: 0, uptime: 0, flags: 0 })
    const more = pack(journalOf([...some, verdict(0, 2, 2000)], 6), [0])
    expect(unpackOpening(more.words).lanes[0]!.flags).toBe(15)
  })

  it('packCohort counts missed rounds as the seat’s own fault, and leaves out rounds that the chain does not have', () => {
    const missed = journalOf([verdict(0, 0, 2000), verdict(0, 1, 2000)], 2)
    expect(unpackOpening(pack(missed, [0]).words).lanes[0]!.flags).toBe(15)
    keepRounds(missed, [0, 1, 2, 3, 4])
    const { words, evidence } = pack(missed, [0])
    // It saw one of three tensor rounds: it abstains, and says of the others that it was not there.
    expect(unpackOpening(words).lanes[0]).toEqual({ rate: 0, uptime: 0, flags: 0 })
    expect(evidence.leaf(0, 2)).toMatchObject({ round: hash(902), reason: reasonWord('NOT_JUDGED') })

    const reorganised = journalOf([verdict(0, 0, 2000), verdict(0, 1, 1000)], 2)
    reorganised.keepRounds(3, [{ ...trigger(1), ordinal: 0 }])
    expect(reorganised.verdicts(3).map(({ round }) => round)).toEqual([hash(901)])
    expect(reorganised.rounds(3)).toMatchObject([{ hash: hash(901), ordinal: 0 }])
  })

  it('packCohort clears the environment flag when a commitment names another environment than the report', () => {
    const journal = journalOf([verdict(0, 0, 2000), verdict(0, 1, 2000)], 3)
    const { commitment, ...rest } = verdict(0, 2, 2000)
    const message = { ...commitment!.message, environmentHash: hash(99) }
    journal.recordVerdict({ ...rest, commitment: { ...commitment!, message } })
    expect(unpackOpening(pack(journal, [0]).words).lanes[0]!.flags).toBe(15 - 2)
    // Found wanting, it is no environment of the epoch either.
    const check = journal.deviceCheck(3, hash(1))!
    journal.recordDeviceCheck({ ...check, environmentHash: hash(99), environmentValid: false })
    expect(unpackOpening(pack(journal, [0]).words).lanes[0]!.flags).toBe(15 - 2)
  })

  it('takes a verdict on a round of another kind for none: the seat had not seen all blocks of its slot', () => {
    const right = [verdict(0, 0, 2000), verdict(0, 1, 2000), verdict(0, 2, 2000)]
    const mistaken: RecordedVerdict = { ...verdict(0, 3, 2000), ...worth(2, 9000) }
    const packed = pack(journalOf([...right, mistaken], 4), [0])
    expect(decodeRate(unpackOpening(packed.words).lanes[0]!.rate)).toBe(2000n)
    expect(packed.evidence.leaf(0, 3)).toMatchObject({ commitmentHash: zeroBytes32, reason: reasonWord('NOT_JUDGED') })
  })

  it('keeps the environment flag over an update within the epoch, once the new environment was reported too', () => {
    const { commitment, ...rest } = verdict(0, 1, 2000)
    const message = { ...commitment!.message, environmentHash: hash(99) }
    const journal = journalOf([verdict(0, 0, 2000), { ...rest, commitment: { ...commitment!, message } }], 2)
    expect(unpackOpening(pack(journal, [0]).words).lanes[0]!.flags).toBe(15 - 2)
    journal.recordDeviceCheck({ ...journal.deviceCheck(3, hash(1))!, environmentHash: hash(99) })
    expect(unpackOpening(pack(journal, [0]).words).lanes[0]!.flags).toBe(15)
    atOnce(journal.prune(4))
    expect(journal.confirmedEnvironments(3, hash(1)).size).toBe(0)
  })

  it('a beat that verifies and does not count says why, in what is shown and, once it is named, in the journal', () => {
    const journal = journalOf([verdict(0, 0, 2000), verdict(0, 1, 20_000)], 2)
    const { lanes } = unpackOpening(pack(journal, [0]).words)
    expect(lanes[0]).toMatchObject({ uptime: 0 })
    const rounds = journal.rounds(3)
    const seen = () => seenRounds(journal, { epoch: 3, deviceId: hash(1), rounds, beatShare: 30 }).at(-1)!
    // Half of the memory and of the bandwidth: the memory is said.
    expect(seen()).toMatchObject({ kind: 'beat', verdict: 'VALID', reason: 'BEAT_SHRUNK' })
    journal.nameReason(hash(900 + beat), hash(1), seen())
    expect(journal.verdicts(3, hash(1)).find(({ kind }) => kind === 'beat')).toMatchObject({ reason: 'BEAT_SHRUNK' })
    expect(seen().reason).toBe('BEAT_SHRUNK')
    expect(unpackOpening(pack(journal, [0]).words).lanes[0]).toEqual(lanes[0])
  })

  it('a cohort is packed in slices of one device’s rounds or so many hashes, with the same outcome as at once', () => {
    const lanes = [0, 1, 2, 63]
    const journal = journalOf(
      lanes.flatMap(lane => [verdict(lane, 0, 2000), verdict(lane, 1, 1000)]),
      6,
    )
    const cohort = { epoch: 3, devices: lanes.map(device), rounds: journal.rounds(3), maxRounds: 20, beatShare: 30 }
    let done = { devices: 0, hashes: 0 }
    const counted = {
      ...journal,
      verdicts: (...of: Parameters<typeof journal.verdicts>) => {
        done.devices++
        return journal.verdicts(...of)
      },
    }
    const work = slicedCohort(counted, cohort, bytes => {
      done.hashes++
      return keccak256(bytes, 'bytes')
    })
    const slices: (typeof done)[] = []
    let step = work.next()
    for (; step.done !== true; step = work.next()) {
      slices.push(done)
      done = { devices: 0, hashes: 0 }
    }
    slices.push(done)
    const sum = (of: keyof typeof done) => slices.reduce((total, slice) => total + slice[of], 0)
    for (const { devices, hashes } of slices) {
      expect(devices).toBeLessThanOrEqual(1)
      expect(hashes).toBeLessThanOrEqual(devices === 0 ? hashesOfSlice : 0)
    }
    // 2,047 nodes over 1,280 leaves: 28 of rounds, and one for all that are alike.
    expect([sum('devices'), sum('hashes')]).toEqual([4, 2_047 + 28 + 1])
    const whole = packCohort(journal, cohort)
    expect(step.value.words).toEqual(whole.words)
    expect(step.value.evidence.nodes).toEqual(whole.evidence.nodes)
  })

  it('packCohort does not change its result once the epoch is committed to', () => {
    const journal = journalOf([verdict(0, 0, 2000), verdict(0, 1, 2000)], 2)
    const { words } = pack(journal, [0])
    journal.recordOpenings(3, hash(1), hash(2), new Map([[0, words]]))
    expect(journal.recordVerdict({ ...verdict(0, 0, 0), verdict: 'WRONG', reason: 'ROW_WRONG' })).toBe(false)
    journal.keepRounds(3, [trigger(3)])
    expect(pack(journal, [0]).words).toEqual(words)
    expect(journal.openings(3).get(0)).toEqual([...words])
  })
})

describe('answerAudit', () => {
  it('an audit’s answer shows rounds from the drawn one to the first with work, with proofs that lead to the committed root', () => {
    const rates = fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 2, maxLength: beat })
    fc.assert(
      fc.property(rates, fc.nat(beat - 1), fc.bigInt({ min: 0n, max: 2n ** 64n }), (given, ordinal, laneDraw) => {
        const journal = journalOf(
          given.map((rate, at) => verdict(2, at, rate)),
          given.length,
        )
        const packed = pack(journal, [2])
        const opening = unpackOpening(packed.words)
        const answer = answerAudit({ laneDraw, ordinal }, opening, packed, () => journal.verdicts(3))!
        expect(answer.lane).toBe(2)
        expect(answer.leaves[0]!.round).toBe(given[ordinal] === undefined ? zeroBytes32 : hash(900 + ordinal))
        answer.leaves.forEach((leaf, at) => {
          const number = 2 * maxRounds + ((ordinal + at) % maxRounds)
          expect(evidenceRootFromProof(leaf, number, leaf.proof)).toBe(packed.evidence.root)
        })
        const last = answer.leaves.at(-1)!
        if (opening.lanes[2]!.rate > 0) {
          expect(last.commitmentHash).not.toBe(zeroBytes32)
          expect(answer.commitment.message.round).toBe(last.round)
        } else expect(answer.leaves).toHaveLength(1)
      }),
      { numRuns: runs(200) },
    )
  })

  it('an audit’s answer is empty where the seat judged nobody', () => {
    const packed = pack(journalOf([], 0), [])
    expect(answerAudit({ laneDraw: 1n, ordinal: 0 }, unpackOpening(packed.words), packed, () => [])).toBeNull()
  })
})
