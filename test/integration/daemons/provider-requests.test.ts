/** What a Provider answers to seats that are not honest, and to honest ones after a restart: real engine, signatures and store. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, keccak256 } from 'viem'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Jobs, jobOf, jobSets } from '../../../src/core/job/jobs.ts'
import type { WorkEngine } from '../../../src/core/job/work-engine.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import type { SignedMessage } from '../../../src/core/protocol/typed-data.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { createRoundWork, type WorkedRound } from '../../../src/core/provider/round-work.ts'
import { createSigner } from '../../../src/core/report/signer.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { opened } from '../../helpers/opened.ts'

const jobs: Jobs = { ...jobSets.devnet, tensor: { width: 64, layers: 2, weights: 2, windowMs: 50, samples: 8 } }
const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
const hash = (n: number): Hex => `0x${n.toString(16).padStart(64, '0')}`
const epochSeed = hash(77)
const signer = createSigner({ privateKey: hash(1001), network })
const deviceId = hash(5)
const trigger = { number: 9n, hash: hash(9), timestamp: 1000, slot: 0, ordinal: 0, kind: 'tensor' as const }
const rules = { samplingSeconds: 2, openingsMs: 3500, graceMs: 500 }
/** The sampling block, the one after it, and the sampling block of another branch. */
const blocks = [
  { hash: trigger.hash, parentHash: hash(8), timestamp: 1000 },
  { hash: hash(11), parentHash: trigger.hash, timestamp: 1002 },
  { hash: hash(12), parentHash: hash(11), timestamp: 1003 },
  { hash: hash(111), parentHash: trigger.hash, timestamp: 1003 },
]
const seats = [1, 2].map(n => `0x${`${n}`.repeat(40)}` as const)
const secret = hash(4242)

let engine: WorkEngine
const folder = mkdtempSync(join(tmpdir(), 'requests-'))
beforeAll(async () => {
  engine = await createCountedEngine({ jobs, provider: 'cpu', threads: 1 })
  await engine.prepare({ epochSeed })
})
afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true })
})

let runs = 0
/** A Provider process on its state file. */
function start(file = join(folder, `${++runs}.db`), changes: Partial<WorkEngine['kinds']['tensor']> = {}) {
  const store = openStore({ path: file, migrations: [...providerMigrations] })
  const journal = createProviderJournal(store)
  const clock = createManualClock()
  const whole = createRoundWork(
    { network, jobs, deviceIds: [deviceId] },
    {
      signer,
      journal,
      clock,
      rulesOf: () => ({ ...rules }) as never,
      findBlock: async (_, at) => blocks.find(block => block.hash === at) ?? null,
    },
  )
  const device = {
    deviceId,
    generation: 1,
    environmentHash: hash(3),
    engine: { kinds: { ...engine.kinds, tensor: { ...engine.kinds.tensor, ...changes } } },
  }
  return { file, store, journal, clock, roundWork: opened(whole), device }
}

const offer = (checker: Hex, changes: Partial<SignedMessage<'JobOffer'>> = {}): SignedMessage<'JobOffer'> => ({
  epoch: 0n,
  round: trigger.hash,
  deviceId,
  generation: 1,
  specHash: jobOf(jobs, 'tensor').specHash,
  secretHash: keccak256(secret),
  checker,
  ...changes,
})
const request = (worked: WorkedRound, checker: Hex, samplingBlockHash = hash(11)) => ({
  commitmentHash: worked.commitmentHash,
  secret,
  samplingBlockHash,
  checker,
})
const coded = (code: string) => expect.objectContaining({ code })

describe('a Provider', () => {
  let one: ReturnType<typeof start>
  let worked: WorkedRound
  beforeEach(async () => {
    one = start()
    for (const checker of seats) one.roundWork.takeOffer(offer(checker))
    worked = await one.roundWork.work(one.device, trigger, { number: 0, seed: epochSeed }, 0)
  })

  it('a Provider opens for a seat the rows that one block of each branch draws, again when asked again, and no other rows', async () => {
    const [checker] = seats as [Hex]
    const first = await one.roundWork.answer(checker, request(worked, checker))
    const refused = one.roundWork.answer(checker, request(worked, checker, hash(12)))
    await expect(refused).rejects.toThrow(coded('REPORT_SAMPLE_REFUSED'))
    // A reorg that replaces the sampling block is no offence of a seat's, and another secret is.
    await one.roundWork.answer(checker, request(worked, checker, hash(111)))
    expect(await one.roundWork.answer(checker, request(worked, checker))).toEqual(first)
    const drawn = { ...request(worked, checker), secret: hash(1) }
    await expect(one.roundWork.answer(checker, drawn)).rejects.toThrow(coded('REPORT_SAMPLE_REFUSED'))
    expect(one.store.all('SELECT sampling_block FROM request ORDER BY sampling_block')).toEqual([
      { sampling_block: hash(11) },
      { sampling_block: hash(111) },
    ])
  })

  it('a Provider answers a seat eight times at most, for four blocks at most', async () => {
    const [checker, other] = seats as [Hex, Hex]
    for (let times = 0; times < 8; times++) await one.roundWork.answer(checker, request(worked, checker))
    const again = () => one.roundWork.answer(checker, request(worked, checker))
    await expect(again()).rejects.toThrow(coded('PROVIDER_ASKED_TOO_OFTEN'))
    for (const block of [12, 13, 14, 15])
      await one.roundWork.answer(other, request(worked, other, hash(block))).catch(() => undefined)
    const fifth = one.roundWork.answer(other, request(worked, other))
    await expect(fifth).rejects.toThrow(coded('PROVIDER_ASKED_TOO_OFTEN'))
  })

  it('a Provider remembers over a restart what each seat has asked', async () => {
    const [checker] = seats as [Hex]
    const first = await one.roundWork.answer(checker, request(worked, checker))
    one.store.close()
    const again = start(one.file)
    await again.roundWork.restore(again.device, again.journal.commitmentOf(trigger.hash, deviceId)!, epochSeed, 0)
    // Offers are forgotten, so that another secret could be promised now.
    again.roundWork.takeOffer(offer(checker, { secretHash: keccak256(hash(1)) }))
    const drawn = { ...request(worked, checker), secret: hash(1) }
    await expect(again.roundWork.answer(checker, drawn)).rejects.toThrow(coded('PROVIDER_SECOND_REQUEST'))
    again.store.close()
    const third = start(one.file)
    await third.roundWork.restore(third.device, { ...worked.commitment, notes: '' }, epochSeed, 0)
    third.roundWork.takeOffer(offer(checker))
    expect(await third.roundWork.answer(checker, request(worked, checker))).toEqual(first)
  })

  it('a Provider records a request before it opens rows', async () => {
    const [checker] = seats as [Hex]
    const recorded: number[] = []
    const rows = () => another.store.all('SELECT checker FROM request').length
    const another = start(undefined, {
      open: asked => {
        recorded.push(rows())
        return engine.kinds.tensor.open(asked)
      },
    })
    another.roundWork.takeOffer(offer(checker))
    await another.roundWork.restore(another.device, { ...worked.commitment, notes: '' }, epochSeed, 0)
    await another.roundWork.answer(checker, request(worked, checker))
    expect(recorded).toEqual([1])
  })

  it('a Provider opens no rows for a block that is not the sampling block, nor after openings are over', async () => {
    const [checker, other] = seats as [Hex, Hex]
    await expect(one.roundWork.answer(checker, request(worked, checker, hash(12)))).rejects.toThrow(
      coded('REPORT_SAMPLE_REFUSED'),
    )
    await one.clock.advance(4001)
    await expect(one.roundWork.answer(other, request(worked, other))).rejects.toThrow(coded('REPORT_SAMPLE_REFUSED'))
  })

  it('a Provider takes no offer for another device or spec, and loses none to a flood of another seat', async () => {
    const [checker, other] = seats as [Hex, Hex]
    const take = (changes: Partial<SignedMessage<'JobOffer'>>) => () => one.roundWork.takeOffer(offer(other, changes))
    expect(take({ deviceId: hash(6) })).toThrow(coded('PROVIDER_DEVICE_UNKNOWN'))
    expect(take({ specHash: hash(6) })).toThrow(coded('PROVIDER_SPEC_OTHER'))
    for (let round = 1000; round < 6000; round++) take({ round: hash(round) })()
    await one.roundWork.answer(checker, request(worked, checker))
  })

  it('a Provider answers a request that comes before its rows are computed again after a restart', async () => {
    const [checker] = seats as [Hex]
    const first = await one.roundWork.answer(checker, request(worked, checker))
    one.store.close()
    let compute = () => {}
    const computed = new Promise<void>(resolve => {
      compute = resolve
    })
    const again = start(one.file, { rework: asked => computed.then(() => engine.kinds.tensor.rework(asked)) })
    again.roundWork.takeOffer(offer(checker))
    const answer = again.roundWork.answer(checker, request(worked, checker))
    const restored = again.roundWork.restore(again.device, { ...worked.commitment, notes: '' }, epochSeed, 0)
    await again.clock.advance(1000)
    compute()
    await restored
    await again.clock.advance(1000)
    expect(await answer).toEqual(first)
  })

  it('a Provider refuses at once a commitment that it never made, and a round that is not resumed in time', async () => {
    const [checker] = seats as [Hex]
    const unknown = { ...request(worked, checker), commitmentHash: hash(1) }
    await expect(one.roundWork.answer(checker, unknown)).rejects.toThrow(coded('PROVIDER_ROUND_UNKNOWN'))
    one.store.close()
    const again = start(one.file)
    const outcome = expect(again.roundWork.answer(checker, request(worked, checker))).rejects.toThrow(
      coded('PROVIDER_ROUND_UNKNOWN'),
    )
    await again.clock.advance(4000)
    await outcome
  })
})
