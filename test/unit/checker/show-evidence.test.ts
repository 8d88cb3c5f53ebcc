import { type Hex, zeroHash } from 'viem'
import { describe, expect, it } from 'vitest'
import { productionParameters } from '../../../src/core/chain/network-presets.ts'
import { dutyOf } from '../../../src/core/checker/duty.ts'
import { createSeatEpoch } from '../../../src/core/checker/epoch/seat-epoch.ts'
import { createShowEvidence } from '../../../src/core/checker/epoch/show-evidence.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { deriveSeatSecrets } from '../../../src/core/checker/seat-secrets.ts'
import { type OpeningWords, unpackOpening } from '../../../src/core/epoch/opening.ts'
import { jobSets, jobsHash } from '../../../src/core/job/jobs.ts'
import { atOnce } from '../../../src/core/platform/slices.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import type { Trigger } from '../../../src/core/protocol/trigger.ts'
import { readSeatEvidence, seatEvidencePath } from '../../../src/core/report/seat-evidence.ts'
import { createSigner } from '../../../src/core/report/signer.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const id = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const path = (epoch: number, n: number) => `/evidence/${epoch}/${id(n)}`

/** A seat of epoch 3 that has devices below 1,000, and says what it was asked for. */
function scene(evidenceOf = (_: Hex) => {}) {
  const made: string[] = []
  let nowMs = 0
  let turns = 0
  const show = createShowEvidence({
    seatOf: epoch =>
      epoch !== 3
        ? null
        : {
            shows: deviceId => BigInt(deviceId) < 1_000n,
            evidenceOf(deviceId) {
              evidenceOf(deviceId)
              made.push(deviceId)
              return { epoch, deviceId, rounds: [] }
            },
          },
    now: () => nowMs,
    giveWay: async () => void turns++,
  })
  return { show, made, turns: () => turns, wait: (ms: number) => (nowMs += ms) }
}

it('a seat shows the devices of an epoch that it has, and makes each answer once', async () => {
  const { show, made } = scene()
  const [answer, same] = await Promise.all([show(path(3, 7)), show(path(3, 7))])
  expect(JSON.parse(Buffer.from(answer!).toString())).toMatchObject({ epoch: 3, deviceId: id(7) })
  expect(same).toBe(answer)
  expect(await show(path(3, 7))).toBe(answer)
  expect(made).toEqual([id(7)])
  expect(await show(path(3, 1_000))).toBeNull()
  for (const other of [path(4, 7), '/evidence/3', `/evidence/${id(7)}`, `/evidence/03/${id(7)}`, `${path(3, 7)}/x`, ''])
    expect(await show(other)).toBeNull()
  expect(made).toEqual([id(7)])
})

it('a stranger who asks for what is not there takes nothing from who asks for what is', async () => {
  const { show } = scene()
  for (let i = 0; i < 500; i++) expect(await show(path(3, 1_000 + i))).toBeNull()
  expect(await show(path(3, 7))).not.toBeNull()
})

it('whoever asks for many devices makes a seat work no faster than eight of them a second', async () => {
  const { show, made, wait } = scene()
  const ask = (from: number) => Promise.all(Array.from({ length: 500 - from }, (_, i) => show(path(3, from + i))))
  await ask(0)
  expect(made).toHaveLength(16)
  expect(await show(path(3, 0)), 'what is there already costs nothing').not.toBeNull()
  wait(2_000)
  await ask(16)
  expect(made).toHaveLength(32)
})

it('of answers that are asked for at once each has a turn of its own, and one that fails holds up no other', async () => {
  const turnOf: number[] = []
  const { show, turns } = scene(deviceId => {
    turnOf.push(turns())
    if (deviceId === id(1)) throw new Error('the store is busy')
  })
  const asked = [0, 1, 2, 3].map(n => show(path(3, n)))
  expect(turnOf, 'nothing is made while it is asked for').toEqual([])
  expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  expect(turnOf).toEqual([1, 2, 3, 4])
  await expect(show(path(3, 1)), 'it is tried anew').rejects.toThrow('busy')
})

describe('the trees that answers are proven with', () => {
  const network = {
    ...{ chainId: 31337, consensus: id(0xc0).slice(0, 42) as Hex },
    contracts: { EpochConsensus: id(0xc0).slice(0, 42) as Hex },
    chain: { client: { readContract: async () => zeroHash } },
  }
  const signer = createSigner({ privateKey: id(7), network })
  const operator = signer.address
  const maxRounds = 6
  const rootOf = (words: readonly bigint[]) => unpackOpening(words as unknown as OpeningWords).evidenceRoot
  const cohorts = [0, 1, 2]
  const devices = cohorts.flatMap(cohort =>
    Array.from({ length: 64 }, (_, lane) => ({
      ...{ deviceId: id(1 + 64 * cohort + lane), generation: 1, operator, cohort, lane },
    })),
  )
  const triggers = Array.from(
    { length: maxRounds },
    (_, ordinal): Trigger => ({
      ...{ kind: 'tensor', slot: 0, ordinal, number: BigInt(ordinal), timestamp: ordinal, hash: id(900 + ordinal) },
    }),
  )

  /** A seat of three full cohorts whose COMMIT is over, in each of these epochs, and how many devices it looked through to build trees. */
  async function seatsOf(epochs: readonly number[]) {
    const store = openStore({ path: ':memory:', migrations: checkerMigrations })
    const records = createCheckerJournal(store)
    let packed = 0
    const journal: typeof records = {
      ...records,
      confirmedEnvironments(...of) {
        packed++
        return records.confirmedEnvironments(...of)
      },
    }
    const rules = { ...productionParameters(jobsHash(jobSets.standard)).rounds, maxRounds }
    const committees = new Map(cohorts.map(cohort => [cohort, [operator, operator, operator, operator, operator]]))
    const open = (epoch: number) => {
      const rounds = { seed: id(1), seededAt: 0, startsAt: 0, epochSeconds: 86_400, rules }
      return createSeatEpoch(dutyOf({ epoch, seed: id(1), rounds, cohortCount: 3, committees, devices }), {
        ...{ network: network as never, signer, secrets: deriveSeatSecrets(id(7), network, operator), store, journal },
        ...{ sender: { enqueue: () => {} } as never, log: silentLogger, sendTo: () => null, beatShare: 60 },
        canonicalRounds: async () => triggers,
      })
    }
    const seats = new Map(epochs.map(epoch => [epoch, open(epoch)]))
    for (const seat of seats.values()) {
      await seat.commit({ phase: 'commit', openAt: 9 } as never)
      await seat.commit({ phase: 'open', openAt: 9 } as never)
    }
    return { seats, journal, open, packed: () => packed }
  }

  it('are built once for each cohort and epoch, with the commitment, whatever is asked for in whatever order', async () => {
    const { seats, journal, open, packed } = await seatsOf([3, 4])
    const once = packed()
    expect(once).toBe(2 * devices.length)
    let nowMs = 0
    const show = createShowEvidence({ seatOf: epoch => seats.get(epoch) ?? null, now: () => nowMs })
    for (let n = 0; n < 48; n++) {
      const [epoch, cohort, lane] = [3 + (n % 2), n % 3, (7 * n) % 64]
      const { deviceId } = devices[64 * cohort + lane]!
      nowMs += 500
      const shown = await show(seatEvidencePath({ epoch, deviceId }))
      const evidenceRoot = rootOf(journal.openings(epoch).get(cohort)!)
      const about = { epoch, deviceId, lane, maxRounds, evidenceRoot }
      expect(readSeatEvidence(shown!, about).rounds).toHaveLength(maxRounds)
    }
    expect(packed(), 'a request builds none').toBe(once)

    // A seat that is started again has them too.
    const again = open(3)
    await again.commit({ phase: 'open', openAt: 9 } as never)
    expect(again.evidenceOf(devices[70]!.deviceId)).toEqual(seats.get(3)!.evidenceOf(devices[70]!.deviceId))
    expect(packed()).toBe(once)
  })

  it('go with the records of their epoch', async () => {
    const { journal } = await seatsOf([3])
    expect(journal.evidenceTree(3, 2)).toHaveLength(2 * 512 * 32)
    atOnce(journal.prune(4))
    expect(journal.evidenceTree(3, 2)).toBeNull()
  })
})
