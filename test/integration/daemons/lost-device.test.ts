/** A card that is lost in its window, against a Checker's judge: real engine, signatures and stores; the failure and the wire are the test's. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createRoundJudge } from '../../../src/core/checker/round/judge.ts'
import { createEvidenceStore } from '../../../src/core/checker/round/record.ts'
import { deriveSeatSecrets } from '../../../src/core/checker/seat-secrets.ts'
import { deviceRecord, type ProbeResult, probedDevice } from '../../../src/core/devices/probed-device.ts'
import { jobErrors } from '../../../src/core/job/errors.ts'
import { type Jobs, jobSets, jobsHash } from '../../../src/core/job/jobs.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import type { Signed } from '../../../src/core/protocol/typed-data.ts'
import { createHealthWatch } from '../../../src/core/provider/health-watch.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import type { ProviderEvent } from '../../../src/core/provider/provider-event.ts'
import { createRoundRunner } from '../../../src/core/provider/round-runner.ts'
import { createRoundWork } from '../../../src/core/provider/round-work.ts'
import { createSigner } from '../../../src/core/report/signer.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { opened } from '../../helpers/opened.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const jobs: Jobs = { ...jobSets.devnet, tensor: { width: 64, layers: 2, weights: 2, windowMs: 50, samples: 8 } }
const rules = {
  slots: 3,
  maxRounds: 4,
  windowMs: 50,
  graceMs: 500,
  eligibleFromSeconds: 0,
  cutoffSeconds: 0,
  threshold: 0n,
  refractorySeconds: 4,
  samplingSeconds: 1,
  openingsMs: 3500,
  beats: 0,
  beatWindowMs: 250,
  specHash: jobsHash(jobs),
}
const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const seed = hash(77)
const provider = createSigner({ privateKey: hash(1001), network })
const seatKey = hash(2001)
const seat = createSigner({ privateKey: seatKey, network })
const deviceId = hash(5)
const card = probedDevice(
  deviceRecord({ kind: 'gpu', vendor: 'nvidia', model: 'NVIDIA A10', identity: 'GPU-a', identitySource: 'uuid' }),
  { uuid: 'GPU-a' },
)
const seen = (...devices: (typeof card)[]): ProbeResult => ({ state: 'healthy', devices, faults: [], notes: [] })

let engine: WorkEngine
const folder = mkdtempSync(join(tmpdir(), 'lost-'))
beforeAll(async () => {
  engine = await createCountedEngine({ jobs, provider: 'cpu', threads: 1 }, 1, 1)
  await engine.prepare({ epochSeed: seed })
})
afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true })
})

it('a lost device signs off from its rounds, is judged UNSUPPORTED and not WRONG, and works again when the card is back', async () => {
  const clock = createManualClock()
  const seatStore = openStore({ path: ':memory:', migrations: [...checkerMigrations] })
  const verdicts = createCheckerJournal(seatStore)
  const journal = createProviderJournal(openStore({ path: ':memory:', migrations: [...providerMigrations] }))
  const events: ProviderEvent[] = []
  const aborts: Signed<'Abort'>[] = []
  let windows = 0

  const judge = createRoundJudge(
    { network, jobs, rules },
    {
      signer: seat,
      secrets: deriveSeatSecrets(seatKey, network, seat.address),
      journal: verdicts,
      evidence: createEvidenceStore(seatStore),
      engine,
      clock,
      log: silentLogger,
      sendTo: () => async (type, body) => {
        if (type === 'job.offer') roundWork.takeOffer((body as Signed<'JobOffer'>).message)
        if (type !== 'job.request') return
        const { message } = body as Signed<'SampleRequest'>
        judge.takeOpenings(
          provider.address,
          message,
          (await opened(roundWork).answer(seat.address, message))[0]!,
          clock.monotonicMs(),
        )
      },
      forwardWrongWork: () => undefined,
    },
  )
  const looks = [seen(card), seen(), seen(card)]
  const health = createHealthWatch(
    { intervalMs: 60_000, first: seen(card) },
    { probe: { probe: async () => looks.shift()! }, clock, onEvent: () => undefined },
  )
  const stop = new AbortController()
  const watching = health.run(stop.signal)
  const roundWork = createRoundWork(
    { network, jobs, deviceIds: [deviceId] },
    {
      signer: provider,
      journal,
      clock,
      rulesOf: () => rules,
      findBlock: async (_, at) => blocks.find(block => block.hash === at) ?? null,
    },
  )
  const failing: WorkEngine = {
    ...engine,
    kinds: {
      ...engine.kinds,
      tensor: {
        ...engine.kinds.tensor,
        async runWindow(request) {
          // The driver loses the card in the first window.
          if (windows++ === 0) throw jobErrors.JOB_WORKER_STOPPED({ reason: 'CUDA error 999: unknown error' })
          return engine.kinds.tensor.runWindow(request)
        },
      },
    },
  }
  const session = {
    async send(type: string, body: unknown) {
      if (type === 'job.abort') aborts.push(body as Signed<'Abort'>)
      if (type === 'job.abort') judge.takeAbort(provider.address, body as Signed<'Abort'>)
      else judge.takeCommitment(provider.address, body as Signed<'Commitment'>, clock.monotonicMs() + rules.windowMs)
    },
  }
  const runner = createRoundRunner({
    devices: [{ deviceId, probed: card, engine: failing }],
    environmentHash: hash(3),
    rosterOf: epoch => ({
      epoch,
      rounds: { seed, seededAt: 0, rules, startsAt: 0, epochSeconds: 300 },
      members: [{ deviceId, generation: 1, cohort: 0 }],
      endpoints: [],
    }),
    seatsOf: () => [session as never],
    tip: () => null,
    roundWork,
    journal,
    health,
    signer: provider,
    clock,
    log: silentLogger,
    emit: event => events.push(event),
  })

  const blocks: { number: bigint; hash: Hex; parentHash: Hex; timestamp: number }[] = []
  /** One round from its trigger to its verdict. */
  async function round(n: number) {
    const at = clock.monotonicMs()
    const trigger = { number: BigInt(n), hash: hash(n), timestamp: n, slot: 0, ordinal: 0, kind: 'tensor' as const }
    const drawing = { number: BigInt(n + 1), hash: hash(n + 1), parentHash: trigger.hash, timestamp: n + 1 }
    blocks.push({ ...trigger, parentHash: hash(0) }, drawing)
    const device = { deviceId, generation: 1, operator: provider.address, cohort: 0, lane: 0 }
    await judge.begin({ epoch: 0, epochSeed: seed, trigger, seenAtMs: at, devices: [device] })
    runner.take({ ...trigger, epoch: 0, seenAtMs: at })
    await runner.idle()
    await judge.takeSamplingBlock(trigger.hash, { ...drawing, seenAtMs: at + 1000 })
    await expect.poll(() => verdicts.verdicts(0).some(verdict => verdict.round === trigger.hash)).toBe(true)
    await clock.advance(60_000)
    await judge.idle()
    return verdicts.verdicts(0).find(verdict => verdict.round === trigger.hash)!
  }

  expect(await round(100)).toMatchObject({ verdict: 'UNSUPPORTED', reason: 'DEVICE_ABORTED', figures: {} })
  expect(aborts[0]!.message).toMatchObject({ deviceId, round: hash(100), generation: 1 })
  expect(aborts[0]!.message.reason).toContain('CUDA error 999')
  // Second look: it is gone. No window is begun for it.
  await clock.advance(60_000)
  expect(health.stopReason('GPU-a')).toMatch(/^GPU_LOST/)
  expect(journal.commitmentOf(hash(100), deviceId)).toBeNull()
  expect(await round(200)).toMatchObject({ verdict: 'UNSUPPORTED', reason: 'DEVICE_ABORTED', figures: {} })
  expect(aborts[1]!.message.reason).toMatch(/^GPU_LOST/)
  expect(windows).toBe(1)
  // Third look, during that round: it is back.
  expect(health.stopReason('GPU-a')).toBeNull()
  expect(await round(300)).toMatchObject({ verdict: 'VALID', reason: 'ALL_EQUAL' })
  expect(windows).toBe(2)
  expect(events.map(({ type }) => type)).toEqual(['round.aborted', 'round.aborted', 'round.committed'])
  expect(verdicts.verdicts(0).some(({ verdict }) => verdict === 'WRONG')).toBe(false)
  stop.abort()
  await watching
})
