import { beforeEach, describe, expect, it } from 'vitest'
import { buildEvidenceTree, leafOfVerdict, noRound, reasonWord } from '../../../src/core/report/evidence-root.ts'
import { encodeSeatEvidence, readSeatEvidence, type SeatEvidence } from '../../../src/core/report/seat-evidence.ts'

type Round = Omit<SeatEvidence['rounds'][number], 'proof'>
const bytes32 = (byte: string) => `0x${byte.repeat(32)}` as const
const [epoch, lane, maxRounds, deviceId] = [7, 5, 3, bytes32('d1')]

const rounds: readonly [Round, Round] = [
  {
    ...{ ordinal: 0, round: bytes32('01'), kind: 'tensor', verdict: 'VALID', reason: 'ALL_EQUAL' },
    ...{ figures: { tensor: 900 }, commitmentHash: bytes32('c0'), witness: bytes32('a0'), evidence: bytes32('e0') },
  },
  {
    ...{ ordinal: 1, round: bytes32('02'), kind: 'memory', verdict: 'TIMEOUT', reason: 'NO_COMMITMENT' },
    ...{ figures: {}, commitmentHash: null, witness: null, evidence: null },
  },
]
const tree = buildEvidenceTree(maxRounds, (at, ordinal) => {
  const round = rounds[ordinal]
  return at === lane && round !== undefined ? leafOfVerdict(round.round, round) : null
})
const about = { epoch, deviceId, lane, maxRounds, evidenceRoot: tree.root }

describe('what a seat shows of a device', () => {
  let honest: { -readonly [K in keyof SeatEvidence]: SeatEvidence[K] }
  beforeEach(() => {
    honest = {
      ...{ epoch, deviceId },
      rounds: rounds.map(round => ({
        ...round,
        proof: tree.proof(lane, round.ordinal),
      })),
    }
  })
  const read = (shown: unknown, changes: Partial<typeof about> = {}) =>
    readSeatEvidence(encodeSeatEvidence(shown as SeatEvidence), { ...about, ...changes })

  it('is read where every leaf lies under the root on chain', () => {
    expect(read(honest)).toEqual(honest)
    expect(read({ ...honest, more: 1 })).toEqual(honest)
  })

  it('claims work in a leaf where a figure is above zero, and only there', () => {
    const [worked, missed] = rounds
    expect(leafOfVerdict(worked.round, worked)).toEqual({
      ...{ round: worked.round, commitmentHash: worked.commitmentHash, reason: worked.witness },
    })
    expect(leafOfVerdict(worked.round, { ...worked, figures: { tensor: 0 } })).toMatchObject({
      ...{ commitmentHash: noRound.commitmentHash, reason: reasonWord('ALL_EQUAL') },
    })
    expect(leafOfVerdict(missed.round, missed).reason).toBe(reasonWord('NO_COMMITMENT'))
  })

  it.each<[string, (shown: SeatEvidence) => unknown, Partial<typeof about>?]>([
    ['no JSON', () => 'nothing of the kind'],
    ['another epoch', shown => ({ ...shown, epoch: 8 })],
    ['another device', shown => ({ ...shown, deviceId: bytes32('d2') })],
    ['another lane of the same root', shown => shown, { lane: lane + 1 }],
    ['a root that is not on chain', shown => shown, { evidenceRoot: bytes32('ff') }],
    ['rules of another epoch', shown => shown, { maxRounds: maxRounds + 1 }],
    ['a round left out', shown => ({ ...shown, rounds: shown.rounds.slice(1) })],
    ['a round twice', shown => ({ ...shown, rounds: [shown.rounds[0], shown.rounds[0]] })],
    ['a proof cut short', shown => ({ ...shown, rounds: [{ ...shown.rounds[0], proof: [] }] })],
    ['another round', shown => ({ ...shown, rounds: [{ ...shown.rounds[0], round: bytes32('09') }] })],
    [
      'a missed round that is said to be worth something',
      shown => ({
        ...shown,
        rounds: [shown.rounds[0], { ...shown.rounds[1], figures: { bandwidth: 9 }, commitmentHash: bytes32('c1') }],
      }),
    ],
    [
      'a figure of another name',
      shown => ({
        ...shown,
        rounds: [{ ...shown.rounds[0], figures: { constructor: 900 } }],
      }),
    ],
    ['a figure below zero', shown => ({ ...shown, rounds: [{ ...shown.rounds[0], figures: { tensor: -1 } }] })],
  ])('is refused: %s', (_, change, changes = {}) => {
    expect(() => read(change(honest), changes)).toThrow(expect.objectContaining({ code: 'REPORT_SHOWN_INVALID' }))
  })
})
