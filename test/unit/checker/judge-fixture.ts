/** Seats that judge one device on a small spec: real kernel, signatures, journal and evidence; the wire and the clock are the test's. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bytesToHex, type Hex, numberToHex } from 'viem'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createRoundJudge, type RoundJudgeDependencies } from '../../../src/core/checker/round/judge.ts'
import { createEvidenceStore } from '../../../src/core/checker/round/record.ts'
import type { SeatDevice } from '../../../src/core/checker/round/seat-round.ts'
import { deriveSeatSecrets } from '../../../src/core/checker/seat-secrets.ts'
import { type Jobs, jobBySpecHash, jobOf, type Kinds, ownKinds } from '../../../src/core/job/jobs.ts'
import { openKernel } from '../../../src/core/job/tensor/kernel.ts'
import { rowInput } from '../../../src/core/job/tensor/row-input.ts'
import { rowBytes, specHash } from '../../../src/core/job/tensor/tensor-spec.ts'
import { createWeights } from '../../../src/core/job/tensor/weights.ts'
import { openStore, type Store } from '../../../src/core/platform/store.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { MessageBody, MessageType } from '../../../src/core/protocol/messages.ts'
import type { RoundRules } from '../../../src/core/protocol/network-parameters.ts'
import type { Trigger } from '../../../src/core/protocol/trigger.ts'
import type { Signed, SignedMessage } from '../../../src/core/protocol/typed-data.ts'
import { commitmentHash, sampleOf, seedOf } from '../../../src/core/report/commitment.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'
import { commitTo, epochSeed, smallJobs, smallSpec as spec } from '../job/small-spec.ts'

export const network = { chainId: 31337, consensus: `0x${'c0'.repeat(20)}` as const }
export const rules: RoundRules = {
  ...{
    slots: 2,
    maxRounds: 6,
    beats: 2,
    beatWindowMs: 150,
    windowMs: 1000,
    graceMs: 500,
    eligibleFromSeconds: 2,
    cutoffSeconds: 4,
  },
  ...{ threshold: 0n, refractorySeconds: 4, samplingSeconds: 2, openingsMs: 3500, specHash: specHash(spec) },
}
export const word = (n: number): Hex => numberToHex(n, { size: 32 })
export const provider = createSigner({ privateKey: word(0xa11ce), network })
export const device: SeatDevice = { deviceId: word(5), generation: 1, operator: provider.address, cohort: 0, lane: 0 }
export const triggerAt = (n: number, kind: RoundKindName = 'tensor'): Trigger => ({
  ...{ number: 9n, hash: word(n), timestamp: 1000, slot: 0, ordinal: 0, kind },
})
export const trigger = triggerAt(9)
export const seatKeys = [word(2001), word(2002), word(2003)]
const rows = 128

/** What a device of this operator commits to, and opens. */
export type Worked = {
  readonly commitment: Signed<'Commitment'>
  readonly commitmentHash: Hex
  readonly open: (sample: readonly number[]) => Uint8Array
}

/** A memory round of it; `marks` as they came before the commitment. */
export type WorkedMemory = Omit<Worked, 'open'> & {
  readonly marks: readonly Hex[]
  readonly open: (sample: readonly number[]) => Promise<Uint8Array>
}

export async function openJudgeFixture({
  jobs = smallJobs,
  kinds = ownKinds,
}: {
  readonly jobs?: Jobs
  readonly kinds?: Kinds
} = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-judge-'))
  const kernel = await openKernel(createWeights(spec, epochSeed), 'u8', {
    ...{ provider: 'cpu', deviceIndex: 0, threads: 1 },
  })
  // Enough groups that no window reads all of them as often as is paid: what a mark is worth shows.
  const options = { jobs, provider: 'cpu', threads: 1, witnesses: true, memoryGroups: 200 } as const
  const engine = await createCountedEngine(options, 64, 64, kinds)
  const stores: Store[] = []

  /** One honest window of the round; `spoil` changes its digests before they are committed to. */
  async function work(round = trigger.hash, spoil: (digests: Uint8Array) => void = () => undefined): Promise<Worked> {
    const identity = { epoch: 0n, round, deviceId: device.deviceId, generation: 1, specHash: specHash(spec) }
    const digests = Uint8Array.from(await kernel.run(rowInput(seedOf(network, identity), 0, rows)))
    spoil(digests)
    const { tree, open } = commitTo(digests)
    const message = { ...identity, rows: BigInt(rows), root: bytesToHex(tree.root), environmentHash: word(3) }
    const commitment = await signMessage(provider, 'Commitment', message)
    return { commitment, commitmentHash: commitmentHash(network, message), open }
  }
  const secretsOf = (seat: number) => deriveSeatSecrets(seatKeys[seat]!, network, openSigner(seat).address)
  const openSigner = (seat: number) => createSigner({ privateKey: seatKeys[seat]!, network })
  const samplingBlock = { number: 11n, hash: word(11), timestamp: 1002, seenAtMs: 2000 }
  const sampleBy = (seat: number, message: SignedMessage<'Commitment'>) =>
    sampleOf(jobBySpecHash(jobs, message.specHash, kinds)!, message, {
      commitmentHash: commitmentHash(network, message),
      secret: secretsOf(seat).sampling(message.round, device.deviceId, 1),
      samplingBlockHash: samplingBlock.hash,
      checker: openSigner(seat).address,
    })

  const spoilRow = (row: number) => (digests: Uint8Array) => {
    digests[row * rowBytes]! ^= 1
  }

  /** One window of a memory round: its marks as they come, and the commitment. Filled once, for this device. */
  async function workMemory(round: Hex): Promise<WorkedMemory> {
    const of = { deviceId: device.deviceId, generation: 1 }
    const identity = { ...of, epoch: 0n, round, specHash: jobOf(jobs, 'memory').specHash }
    await engine.prepare({ epochSeed, device: of })
    const marks: Hex[] = []
    const { handle, units, root } = await engine.kinds.memory.runWindow(
      { epochSeed, device: of, seed: seedOf(network, identity) },
      { onMark: (_, mark) => marks.push(mark) },
    )
    const message = { ...identity, rows: BigInt(units), root, environmentHash: word(3) }
    const commitment = await signMessage(provider, 'Commitment', message)
    const open = (sample: readonly number[]) => engine.kinds.memory.open({ handle, sample })
    return { commitment, commitmentHash: commitmentHash(network, message), open, marks }
  }

  /** A window with one wrong row that only this seat of the first two samples. */
  async function workWrongFor(seat: number): Promise<Worked & { readonly row: number }> {
    for (let row = 0; row < rows; row++) {
      const worked = await work(trigger.hash, spoilRow(row))
      const hits = [0, 1].filter(each => sampleBy(each, worked.commitment.message).includes(row))
      if (hits.length === 1 && hits[0] === seat) return { ...worked, row }
    }
    throw new Error('no row is sampled by that seat alone')
  }

  function seat(index: number, changed: Partial<RoundJudgeDependencies> = {}) {
    const clock = createManualClock()
    const store = openStore({ path: ':memory:', migrations: checkerMigrations })
    stores.push(store)
    const journal = createCheckerJournal(store)
    const evidence = createEvidenceStore(store)
    const sent: { readonly type: MessageType; readonly body: unknown }[] = []
    const forwarded: { readonly commitment: Signed<'Commitment'>; readonly payload: Uint8Array }[] = []
    const judge = createRoundJudge(
      { network, jobs, rules, kinds },
      {
        signer: openSigner(index),
        secrets: secretsOf(index),
        journal,
        evidence,
        engine,
        clock,
        log: silentLogger,
        sendTo: () => async (type, body) => void sent.push({ type, body }),
        forwardWrongWork: (_cohort, _epoch, commitment, payload) => void forwarded.push({ commitment, payload }),
        ...changed,
      },
    )
    const bodies = <T extends MessageType>(type: T) =>
      sent.filter(each => each.type === type).map(({ body }) => body as MessageBody<T>)
    const begin = (of = trigger) =>
      judge.begin({ epoch: 0, epochSeed, trigger: of, seenAtMs: clock.monotonicMs(), devices: [device] })
    /** Begins, takes the commitment and samples; gives the openings that the sample asks for. */
    async function upToRequest({ commitment, commitmentHash: hash, open }: Worked | WorkedMemory, of = trigger) {
      await begin(of)
      judge.takeCommitment(provider.address, commitment, clock.monotonicMs() + 1000)
      await judge.takeSamplingBlock(of.hash, { ...samplingBlock, seenAtMs: clock.monotonicMs() + 2000 })
      const { secret } = bodies('job.request').at(-1)!.message
      const openings = await open(sampleBy(index, commitment.message))
      const answer = (payload = openings, receivedAtMs = clock.monotonicMs(), piece?: number) =>
        judge.takeOpenings(
          provider.address,
          { commitmentHash: hash, secret, ...(piece !== undefined && { piece }) },
          payload,
          receivedAtMs,
        )
      return { answer, openings }
    }
    /** Past the opening deadline; gives the verdicts there are. */
    async function close() {
      await clock.advance(rules.openingsMs + 500)
      await judge.idle()
      return journal.verdicts(0)
    }
    return { judge, journal, store, evidence, clock, sent, forwarded, bodies, begin, upToRequest, close }
  }

  return {
    engine,
    /** The kernel itself, for rows of devices of the test's own. */
    run: kernel.run,
    work,
    workMemory,
    spoilRow,
    workWrongFor,
    sampleBy,
    openSigner,
    seat,
    async end() {
      for (const store of stores) store.close()
      await kernel.release()
      await engine.close()
      rmSync(folder, { recursive: true })
    },
  }
}
