/** One seat as a Checker runs it, for the bench: the real judge, journal and evidence store, fed with frames as they come off a wire. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { createCheckerJournal } from '../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../src/core/checker/journal-tables.ts'
import { createRoundJudge } from '../../src/core/checker/round/judge.ts'
import { createEvidenceStore } from '../../src/core/checker/round/record.ts'
import type { SeatDevice } from '../../src/core/checker/round/seat-round.ts'
import { deriveSeatSecrets } from '../../src/core/checker/seat-secrets.ts'
import { jobOf, jobsHash, jobsWith } from '../../src/core/job/jobs.ts'
import type { Verification, VerifyItem } from '../../src/core/job/round-kind.ts'
import { specHash, type TensorSpec, tensorSpecs } from '../../src/core/job/tensor/tensor-spec.ts'
import type { WorkEngine } from '../../src/core/job/work-engine.ts'
import { openStore } from '../../src/core/platform/store.ts'
import { encodeDeviceRecord, encodeEnvironmentRecord, hashRecordText } from '../../src/core/protocol/device-record.ts'
import { type MessageBody, type MessageType, messageBodies, toWire } from '../../src/core/protocol/messages.ts'
import { zeroBytes32 } from '../../src/core/protocol/primitives.ts'
import { commitmentHash, sampleOf, seedOf } from '../../src/core/report/commitment.ts'
import { createSigner, signMessage } from '../../src/core/report/signer.ts'
import type { Verifier } from '../../src/core/report/wrong-work.ts'
import { decodeFrame, encodeFrame } from '../../src/core/transport/frame.ts'
import { defaultLimits } from '../../src/core/transport/transport.ts'
import { createManualClock } from '../helpers/manual-clock.ts'
import { silentLogger } from '../helpers/silent-logger.ts'
import { device as deviceRecord, environment } from '../unit/report/sample-report.ts'

export const spec: TensorSpec = { ...tensorSpecs.devnet, windowMs: 2_000 }
export const jobs = jobsWith('tensor', spec)
export const network = { chainId: 31337, consensus: '0x00000000000000000000000000000000c0ffee00' } as const
export const word = (byte: string) => `0x${byte.repeat(32)}` as const
export const epochSeed = word('e5')
const job = jobOf(jobs, 'tensor')
export const device = createSigner({ privateKey: word('a1'), network })

const rules = { ...devnetParameters(jobsHash(jobs)).rounds, windowMs: spec.windowMs, samplingSeconds: 3 }
const trigger = { number: 1n, hash: word('a7'), timestamp: 1, slot: 0, ordinal: 0, kind: 'tensor' } as const
const samplingBlock = { number: 4n, hash: word('b1'), timestamp: 4, seenAtMs: rules.windowMs + rules.graceMs }

export const identity = (number: number) => ({
  epoch: 1n,
  round: trigger.hash,
  deviceId: `0x${number.toString(16).padStart(64, '0')}` as const,
  generation: 1,
  specHash: specHash(spec),
})

const records = {
  device: encodeDeviceRecord(deviceRecord),
  environment: encodeEnvironmentRecord(environment),
  attestation: null,
}
const environmentHash = hashRecordText(records.environment)

/** What one device sends one seat in a round, as frames. */
export type Report = {
  readonly device: SeatDevice
  readonly rows: number
  readonly deviceReport: MessageBody<'device.report'>
  readonly commitment: Uint8Array
  readonly openings: Uint8Array
  /** What the openings are of, and themselves. */
  readonly claim: { readonly units: number; readonly root: Hex }
  readonly sample: readonly number[]
  readonly opened: Uint8Array
}

const frame = <T extends MessageType>(type: T, body: MessageBody<T>, payload?: Uint8Array) =>
  encodeFrame({ type, body: toWire(body), ...(payload === undefined ? {} : { payload }) }, defaultLimits)

function received<T extends MessageType>(type: T, bytes: Uint8Array) {
  const { body, payload = new Uint8Array() } = decodeFrame(bytes, defaultLimits)
  return { body: messageBodies[type].parse(body) as MessageBody<T>, payload }
}

/** The key of a seat, by its number. */
const seatKey = (seat: number): Hex => `0x${(0xc200 + seat).toString(16).padStart(64, '0')}`
const seatOf = (seat: number) => {
  const privateKey = seatKey(seat)
  const signer = createSigner({ privateKey, network })
  return { signer, secrets: deriveSeatSecrets(privateKey, network, signer.address) }
}

/** Works a window and opens what each of these seats samples of it. */
export async function reportsOf(
  prover: WorkEngine,
  number: number,
  durationMs: number,
  seats: readonly number[],
): Promise<Report[]> {
  const { deviceId, generation } = identity(number)
  const { tensor } = prover.kinds
  const {
    units: rows,
    root,
    handle,
  } = await tensor.runWindow({
    epochSeed,
    seed: seedOf(network, identity(number)),
    durationMs,
  })
  const message = { ...identity(number), rows: BigInt(rows), root, environmentHash }
  const commitment = await signMessage(device, 'Commitment', message)
  const hash = commitmentHash(network, message)
  const report = await signMessage(device, 'DeviceReport', {
    deviceId,
    generation,
    nonce: word('11'),
    deviceHash: hashRecordText(records.device),
    environmentHash,
    certificateHash: word('ce'),
    attestationHash: zeroBytes32,
  })
  const reports: Report[] = []
  for (const seat of seats) {
    const { signer, secrets } = seatOf(seat)
    const secret = secrets.sampling(trigger.hash, deviceId, generation)
    const request = { commitmentHash: hash, secret, samplingBlockHash: samplingBlock.hash, checker: signer.address }
    const sample = sampleOf(job, message, request)
    const openings = await tensor.open({ handle, sample })
    reports.push({
      device: { deviceId, generation, operator: device.address, cohort: 0, lane: number % 64 },
      rows,
      deviceReport: { report, ...records },
      commitment: frame('job.commitment', commitment),
      openings: frame('job.openings', { commitmentHash: hash, secret }, openings),
      ...{ claim: { units: rows, root }, sample, opened: openings },
    })
  }
  await tensor.release(handle)
  return reports
}

/** Where the CPU time of a seat's own thread goes, in ms. What is not in one of these is the judge itself. */
export type Parts = { messages: number; signatures: number; store: number }
export const noParts = (): Parts => ({ messages: 0, signatures: 0, store: 0 })

export const milliseconds = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1_000

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const nobody = new Int32Array(new SharedArrayBuffer(4))
/** Lets go of the core for a moment: Linux counts what a thread took when it is switched away from, or at a tick, milliseconds apart. */
export const settleCpuTime = (): unknown => Atomics.wait(nobody, 0, 0, 0.001)

function cpuMs(): number {
  settleCpuTime()
  return milliseconds(process.threadCpuUsage())
}

/** What {@link settleCpuTime} itself takes of CPU time, in ms. */
export const costOfSettling = (): number => median(Array.from({ length: 99 }, () => -cpuMs() + cpuMs()))

type Count = <R>(part: keyof Parts, work: () => R) => R

/**
 * Adds what `work` takes to a part; what is inside another part counts there. What waits for a disk counts as CPU time; the rest never
 * waits and is short, so that asking for its CPU time would cost more than it does. Without parts it only does the work.
 */
function meter(parts: Parts | null): Count {
  if (parts === null) return (_, work) => work()
  const asking = costOfSettling()
  let inner = 0
  return (part, work) => {
    const isStore = part === 'store'
    const nowMs = isStore ? cpuMs : () => performance.now()
    const outer = inner
    inner = 0
    const beforeMs = nowMs()
    try {
      return work()
    } finally {
      const tookMs = nowMs() - beforeMs - (isStore ? asking : 0)
      parts[part] += tookMs - inner
      inner = outer + tookMs
    }
  }
}

export type BenchSeat = {
  /**
   * The round of these devices from the trigger to the verdicts: secret, offer, commitment received and checked, request, openings
   * received, proof, recomputation, evidence on disk, verdict in the journal.
   */
  judge(): Promise<void>
  /** What the round left, in memory and on disk, goes, as a running seat prunes what is old: the same round can be judged again. */
  forget(): void
  /** The proofs of these reports against the committed roots once more, in this thread, and nothing else. */
  checkProofs(): void
  close(): Promise<void>
}

/**
 * A seat that has judged nothing yet and knows who these devices are, as it does since the epoch's start. `parts`: where what it takes is
 * added, which costs more than most of what is measured; null where the whole is measured.
 */
export function openSeat(seat: number, engine: Verifier, reports: readonly Report[], parts: Parts | null): BenchSeat {
  const count = meter(parts)
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-bench-'))
  const store = openStore({ path: join(folder, 'checker.db'), migrations: [...checkerMigrations] })
  const kept = createCheckerJournal(store)
  const journal = { ...kept, transaction: <R>(work: () => R) => count('store', () => kept.transaction(work)) }
  const { signer, secrets } = seatOf(seat)
  for (const {
    device: { deviceId },
    deviceReport,
  } of reports)
    kept.recordDeviceCheck({
      deviceId,
      epoch: 1,
      deviceValid: true,
      environmentValid: true,
      environmentHash,
      findings: [],
      report: JSON.stringify(toWire(deviceReport)),
    })
  let verdicts = 0
  let allJudged = () => {}
  let expected = 0
  const judge = createRoundJudge(
    { network, jobs, rules },
    {
      secrets,
      signer: { ...signer, sign: (type, message) => count('signatures', () => signer.sign(type, message)) },
      journal,
      evidence: createEvidenceStore(store),
      engine,
      clock: createManualClock(),
      log: silentLogger,
      sendTo: () => async (type, body, payload) => void count('messages', () => frame(type, body, payload)),
      forwardWrongWork: () => undefined,
      onVerdict(_round, { deviceId }, { judged }) {
        if (judged?.verdict !== 'VALID') throw new Error(`${deviceId}: ${JSON.stringify(judged)}`)
        if (++verdicts === expected) allJudged()
      },
    },
  )
  const judgeAll = async (reports: readonly Report[]) => {
    const done = new Promise<void>(resolve => {
      allJudged = resolve
    })
    verdicts = 0
    expected = reports.length
    await judge.begin({ epoch: 1, epochSeed, trigger, seenAtMs: 0, devices: reports.map(report => report.device) })
    for (const { commitment } of reports) {
      const { body } = count('messages', () => received('job.commitment', commitment))
      count('signatures', () => judge.takeCommitment(device.address, body, rules.windowMs))
    }
    await judge.takeSamplingBlock(trigger.hash, samplingBlock)
    for (const { openings } of reports) {
      const { body, payload } = count('messages', () => received('job.openings', openings))
      judge.takeOpenings(device.address, body, payload, rules.windowMs)
    }
    await done
  }
  return {
    judge: () => judgeAll(reports),
    forget() {
      judge.drop(trigger.hash)
      store.transaction(() => {
        store.run`DELETE FROM verdict`
        store.run`DELETE FROM evidence`
      })
    },
    checkProofs() {
      for (const { claim, sample, opened } of reports)
        if (job.pieceFault(claim, sample, opened) !== null) throw new Error('a proof does not lead to its root')
    },
    async close() {
      await judge.stop()
      store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What several seats ask for while a batch is recomputed goes into the next one, as what several devices send does inside a seat. */
export function gathering({ kinds }: Verifier): Verifier {
  let next: { readonly items: VerifyItem[]; readonly answers: Promise<Verification[]> } | null = null
  let last: Promise<unknown> = Promise.resolve()
  function nextBatch() {
    const items: VerifyItem[] = []
    const answers = last.then(() => {
      next = null
      return kinds.tensor!.verify({ epochSeed, items })
    })
    last = answers
    return { items, answers }
  }
  const verify: Verifier['kinds'][string]['verify'] = async ({ items }) => {
    next ??= nextBatch()
    const { items: gathered, answers } = next
    const from = gathered.length
    gathered.push(...items)
    return (await answers).slice(from, from + items.length)
  }
  return { kinds: { ...kinds, tensor: { verify } } }
}
