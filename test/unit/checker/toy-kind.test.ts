/**
 * A fourth kind of round goes the way of every other, from the trigger to `checker verify`: none of the parts that it passes knows more of
 * it than its place in the table of kinds.
 */
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRecomputeQueue } from '../../../src/core/checker/round/recompute.ts'
import { jobOf, type Kinds, ownKinds, roundKinds } from '../../../src/core/job/jobs.ts'
import { createWorkCore } from '../../../src/core/job/work-core.ts'
import { bundleLines, loadedBundle, verifyLoadedBundle } from '../../../src/core/operator/loaded-bundle.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { type RoundKindName, slotKinds } from '../../../src/core/protocol/constants.ts'
import { triggersOf } from '../../../src/core/protocol/trigger.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { createRoundWork } from '../../../src/core/provider/round-work.ts'
import { chainOf } from '../../helpers/blocks.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { measuresOf } from '../../helpers/measures.ts'
import { epochSeed, smallJobs } from '../job/small-spec.ts'
import { device, network, openJudgeFixture, provider, rules, triggerAt, word } from './judge-fixture.ts'
import { type ToySpec, toyKindOf } from './toy-kind.ts'

const spec: ToySpec = { windowMs: 1000, samples: 5, squares: 40 }
const jobs = { ...smallJobs, toy: spec }
const kinds: Kinds = { ...ownKinds, toy: toyKindOf() }
/** What a device has that works every third square wrong. */
const cheating: Kinds = { ...ownKinds, toy: toyKindOf(place => place % 3 === 0) }
const trigger = triggerAt(9, 'toy')
const samplingBlock = { number: 11n, hash: word(11), timestamp: 1002, seenAtMs: 2000 }

let fixture: Awaited<ReturnType<typeof openJudgeFixture>>
beforeAll(async () => {
  fixture = await openJudgeFixture({ jobs, kinds })
})
afterAll(() => fixture.end())

/** The device's Provider, with an engine of these kinds. */
async function providerWith(its: Kinds) {
  const clock = createManualClock()
  const options = { jobs, provider: 'cpu', threads: 1, form: 'u8' } as const
  const engine = await createWorkCore(options, { clock, kinds: its })
  const store = openStore({ path: ':memory:', migrations: [...providerMigrations] })
  const { deviceId, generation } = device
  const chain = [
    { ...trigger, parentHash: word(0) },
    { ...samplingBlock, parentHash: trigger.hash },
  ]
  const roundWork = createRoundWork(
    { network, jobs, deviceIds: [deviceId], kinds },
    {
      ...{ signer: provider, journal: createProviderJournal(store), clock, rulesOf: () => rules },
      findBlock: async (_, at) => chain.find(({ hash }) => hash === at) ?? null,
    },
  )
  const own = { deviceId, generation, environmentHash: word(3), engine }
  return {
    ...{ engine, roundWork },
    work: () => roundWork.work(own, trigger, { number: 0, seed: epochSeed }, clock.monotonicMs()),
    async end() {
      store.close()
      await engine.close()
    },
  }
}

/** A round of the toy up to its openings, which the seat takes piece by piece; its verdict and what it keeps of it. */
async function playRound(its: Kinds, seat: ReturnType<typeof fixture.seat>, spoil = (pieces: Uint8Array[]) => pieces) {
  const { roundWork, work, end } = await providerWith(its)
  const { judge, bodies, close, evidence } = seat
  await seat.begin(trigger)
  const [offer] = bodies('job.offer')
  roundWork.takeOffer(offer!.message)
  const { commitment, figures } = await work()
  judge.takeCommitment(provider.address, commitment, 1000)
  await judge.takeSamplingBlock(trigger.hash, samplingBlock)
  const [request] = bodies('job.request')
  const { commitmentHash, secret } = request!.message
  const answer = await roundWork.answer(offer!.message.checker, request!.message)
  const pieces = spoil(await Promise.all(answer.map(open => open())))
  for (const [piece, bytes] of pieces.entries())
    judge.takeOpenings(provider.address, { commitmentHash, secret, piece }, bytes, 2000)
  const [verdict] = await close()
  await end()
  return { verdict: verdict!, commitment, figures, pieces, bytes: evidence.read(verdict!.evidence!)! }
}

/** As `checker verify` has it. */
const verified = (bytes: Uint8Array, its = kinds) =>
  verifyLoadedBundle(loadedBundle(bytes, its), {
    startEngine: async () => ({ kinds: fixture.engine.kinds, close: async () => undefined }),
    kinds: its,
  })

it('is triggered once a slot, as every kind of it', () => {
  const room = { slots: 2, maxRounds: 20, beats: 2, eligibleFromSeconds: 2, cutoffSeconds: 20, refractorySeconds: 4 }
  const rounds = {
    ...{ seed: word(0xe5), startsAt: 1000, seededAt: 1000, epochSeconds: 80 },
    ...{ rules: { ...rules, ...room }, kinds: [...slotKinds, 'toy'] },
  }
  const triggers = triggersOf(rounds, chainOf(Array.from({ length: 90 }, (_, second) => 996 + second)))
  const ofSlot = (slot: number) => triggers.filter(round => round.slot === slot && round.kind !== 'beat')
  for (const slot of [0, 1])
    expect(
      ofSlot(slot)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['memory', 'tensor', 'toy'])
  expect(triggers.filter(({ kind }) => kind === 'beat')).toHaveLength(2)
})

it('is worked, opened in pieces, recomputed, judged and kept; and its evidence verifies', async () => {
  const { verdict, figures, pieces, bytes } = await playRound(kinds, fixture.seat(0))
  expect(pieces).toHaveLength(3)
  expect(figures).toEqual({ squares: spec.squares })
  expect(verdict).toMatchObject({ verdict: 'VALID', reason: 'ALL_EQUAL', kind: 'toy', figures })
  const result = await verified(bytes)
  expect(result).toMatchObject({
    ...{ valid: true, failedStep: null },
    facts: { kind: 'toy', unit: 'square', units: 40, checked: 5, figures, witness: verdict.witness },
  })
  expect(bundleLines(result)).toContain('work        40 squares, 40 squares')
  expect(loadedBundle(bytes, kinds).bundle).toMatchObject({ kind: 'toy', spec })
  // Who does not know the kind says so.
  expect(() => loadedBundle(bytes)).toThrow(expect.objectContaining({ code: 'REPORT_BUNDLE_VERSION_UNKNOWN' }))
})

it('a piece that is not of the committed work is refused at once, with what is wrong about it', async () => {
  const seat = fixture.seat(0)
  const { verdict } = await playRound(kinds, seat, ([first]) => [
    first!.map((byte, at, all) => (at === all.length - 1 ? byte ^ 1 : byte)),
  ])
  expect(seat.bodies('refused')[0]).toMatchObject({ code: 'CHECKER_OPENINGS_INVALID', regarding: 'job.openings' })
  expect(verdict).toMatchObject({
    ...{ verdict: 'TIMEOUT', reason: 'OPENINGS_INVALID', kind: 'toy' },
    detail: expect.stringMatching(/square \d+ is not the one in the list/),
  })
})

it('wrong work is found out, named, and proven to every other seat and to who verifies the bundle', async () => {
  const [seat, other] = [fixture.seat(0), fixture.seat(1)]
  const { verdict, bytes } = await playRound(cheating, seat)
  expect(verdict).toMatchObject({ verdict: 'WRONG', reason: 'ROW_WRONG', kind: 'toy', figures: {} })
  const named = /^Square (\d+) is wrong\.$/.exec(verdict.detail)
  expect(Number(named![1]) % 3).toBe(0)
  expect(await verified(bytes)).toMatchObject({ valid: false, failedStep: 'ROW_WRONG', detail: named![0] })

  await other.begin(trigger)
  const [{ commitment, payload }] = seat.forwarded as [(typeof seat.forwarded)[number]]
  await other.judge.takeWrongWork(commitment, payload)
  const [told] = await other.close()
  expect(told).toMatchObject({ verdict: 'WRONG', reason: 'ROW_WRONG', kind: 'toy', detail: named![0] })
  expect(await verified(other.evidence.read(told!.evidence!)!)).toMatchObject({ failedStep: 'ROW_WRONG' })

  // What is right is no proof.
  const third = fixture.seat(2)
  const honest = await playRound(kinds, third)
  const right = new Uint8Array(8 + 40 * 32 + 8)
  right.set(honest.pieces[0]!.subarray(0, 40 * 32 + 8), 8)
  const [place] = jobOf(jobs, 'toy', kinds).sample(40, {
    ...third.bodies('job.request')[0]!.message,
    root: honest.commitment.message.root,
  })
  new DataView(right.buffer).setBigUint64(0, BigInt(place!))
  await expect(third.judge.takeWrongWork(honest.commitment, right)).rejects.toThrow(
    expect.objectContaining({ code: 'CHECKER_WRONG_WORK_UNPROVEN' }),
  )
})

it('what an epoch needs is made ready with the others; work that a restart has lost is done again', async () => {
  const { engine, end } = await providerWith(kinds)
  expect(Object.keys(engine.kinds)).toEqual([...roundKinds, 'toy'])
  const prepared = await engine.prepare({ epochSeed })
  expect(Object.keys(prepared)).toEqual(['tensor', 'memory', 'toy'])
  const { runWindow, rework, open } = engine.kinds.toy!
  const seed = new Uint8Array(32).fill(7)
  const { root, units, notes, handle } = await runWindow({ epochSeed, seed })
  const again = await rework({ epochSeed, seed, units, notes })
  expect(again.root).toBe(root)
  expect(await open({ handle: again.handle, sample: [1, 2] })).toEqual(await open({ handle, sample: [1, 2] }))
  await end()
})

it('has its own batches: what waits is recomputed together with its kind and epoch alone', async () => {
  const batches: [RoundKindName, Hex, number][] = []
  const verifierOf = (kind: RoundKindName) => ({
    async verify({ epochSeed, items }: { readonly epochSeed: Hex; readonly items: readonly unknown[] }) {
      batches.push([kind, epochSeed, items.length])
      return items.map(() => ({ ok: true, checked: 1, figures: {} }) as const)
    },
  })
  const engine = { kinds: { toy: verifierOf('toy'), tensor: verifierOf('tensor') } }
  const queue = createRecomputeQueue({ engine, together: take => take() })
  const [one, next] = [word(0xe5), word(0xe6)]
  const asked = ['toy', 'toy', 'tensor', 'toy', 'tensor']
  const item = { seed: new Uint8Array(32), device, units: 0, root: word(1), sample: [], openings: new Uint8Array() }
  const took: RoundKindName[] = []
  const each = [...asked.map(kind => [kind, one] as const), ['toy', next] as const]
  await Promise.all(each.map(([kind, epochSeed]) => queue({ kind, epochSeed }, item, () => took.push(kind))))
  // The first began at once; what came meanwhile went together.
  expect(batches).toEqual([
    ['toy', one, 1],
    ['toy', one, 2],
    ['tensor', one, 2],
    ['toy', next, 1],
  ])
  expect(took).toHaveLength(each.length)
})

it('changes no measure of the kinds that are paid', () => {
  const round = (kind: RoundKindName, figures: Record<string, number>) => ({ kind, figures, verdict: 'VALID' }) as const
  const paid = [round('tensor', { tensor: 5 }), round('memory', { bandwidth: 6, resident: 7 })]
  expect(measuresOf([...paid, round('toy', { squares: 9, tensor: 9 })])).toEqual(measuresOf(paid))
})
