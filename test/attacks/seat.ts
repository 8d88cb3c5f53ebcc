/** A seat as a Checker runs it: the real judge on a clock of the attack's, with journal and evidence in memory. */
import type { Hex } from 'viem'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { createCheckerJournal, type RecordedVerdict } from '../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../src/core/checker/journal-tables.ts'
import { createRoundJudge } from '../../src/core/checker/round/judge.ts'
import { deriveSeatSecrets } from '../../src/core/checker/seat-secrets.ts'
import { jobOf, jobsHash } from '../../src/core/job/jobs.ts'
import { isKaisarError } from '../../src/core/platform/errors.ts'
import { openStore } from '../../src/core/platform/store.ts'
import type { Signed, SignedMessage } from '../../src/core/protocol/typed-data.ts'
import type { Figures } from '../../src/core/protocol/verdict.ts'
import { sampleOf } from '../../src/core/report/commitment.ts'
import { bundleHash, decodeBundle, type EvidenceBundle } from '../../src/core/report/evidence-bundle.ts'
import { createManualClock } from '../helpers/manual-clock.ts'
import { silentLogger } from '../helpers/silent-logger.ts'
import { type Arena, epochSeed, type Identity, jobs, network, seatKeys, spec } from './arena.ts'

export const rules = { ...devnetParameters(jobsHash(jobs)).rounds, windowMs: spec.windowMs }

/** Whether a round counts nothing. */
export const isUnpaid = (figures: Figures): boolean => Object.values(figures).every(figure => figure === 0)

type SeatRound = {
  /** The commitment arrives `afterMs` after the seat saw the trigger; the code with which it is refused, or null. */
  commit(commitment: Signed<'Commitment'>, afterMs: number): string | null
  /** The sampling block is there; what the seat asks for, null when it asks for nothing. */
  sample(commitment: Signed<'Commitment'>): Promise<{ request: SignedMessage<'SampleRequest'>; rows: number[] } | null>
  open(request: SignedMessage<'SampleRequest'>, openings: Uint8Array): void
  /** The opening deadline passes. */
  close(): Promise<RecordedVerdict>
}

export type Seat = {
  begin(identity: Identity): Promise<SeatRound>
  /** What the seat kept of a round, read back from its bytes. */
  bundle(hash: Hex): EvidenceBundle
  close(): void
}

export function openSeat(arena: Arena, index = 0): Seat {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: [...checkerMigrations] })
  const journal = createCheckerJournal(store)
  const bundles = new Map<Hex, Uint8Array>()
  let asked: SignedMessage<'SampleRequest'> | null = null
  const signer = arena.checkers[index]!
  const { address: operator } = arena.device
  const judge = createRoundJudge(
    { network, jobs, rules },
    {
      signer,
      secrets: deriveSeatSecrets(seatKeys[index]!, network, signer.address),
      journal,
      evidence: {
        keep(bytes) {
          bundles.set(bundleHash(bytes), bytes)
          return bundleHash(bytes)
        },
        read: hash => bundles.get(hash as Hex) ?? null,
      },
      engine: arena.verifiers.u8,
      clock,
      log: silentLogger,
      sendTo: () => async (type, body) => {
        if (type === 'job.request') asked = (body as Signed<'SampleRequest'>).message
      },
      forwardWrongWork: () => undefined,
    },
  )

  return {
    async begin({ round, deviceId, generation }) {
      const seenAtMs = clock.monotonicMs()
      const trigger = { hash: round, number: 1n, timestamp: 1, slot: 0, ordinal: 0, kind: 'tensor' } as const
      const devices = [{ deviceId, generation, operator, cohort: 0, lane: 0 }]
      await judge.begin({ epoch: 1, epochSeed, trigger, seenAtMs, devices })
      return {
        commit(commitment, afterMs) {
          try {
            judge.takeCommitment(operator, commitment, seenAtMs + afterMs)
            return null
          } catch (error) {
            if (!isKaisarError(error)) throw error
            return error.code
          }
        },
        async sample({ message }) {
          asked = null
          const block = { number: 3n, hash: round, timestamp: 3, seenAtMs: seenAtMs + rules.windowMs + rules.graceMs }
          await judge.takeSamplingBlock(round, block)
          return asked && { request: asked, rows: sampleOf(jobOf(jobs, 'tensor'), message, asked) }
        },
        open({ commitmentHash, secret }, openings) {
          judge.takeOpenings(operator, { commitmentHash, secret }, openings, clock.monotonicMs())
        },
        async close() {
          await clock.advance(rules.openingsMs + 1_000)
          await judge.idle()
          return journal.verdicts(1, deviceId).find(verdict => verdict.round === round)!
        },
      }
    },
    bundle: hash => decodeBundle(bundles.get(hash)!),
    close: () => store.close(),
  }
}

/** A whole round at one seat, the commitment in time; what it concludes. */
export async function judgedBy(
  seat: Seat,
  identity: Identity,
  commitment: Signed<'Commitment'>,
  open: (rows: readonly number[]) => Uint8Array,
): Promise<RecordedVerdict> {
  const round = await seat.begin(identity)
  round.commit(commitment, spec.windowMs)
  const asked = await round.sample(commitment)
  if (asked !== null) round.open(asked.request, open(asked.rows))
  return round.close()
}
