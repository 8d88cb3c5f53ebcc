/** A card on an injected clock, whose time is counted and not measured, and what a seat counts for the rows it sends. */
import { acceptCommitment, closeCommitments, concludeValid, openCheck } from '../../src/core/checker/round/check.ts'
import { runWindow } from '../../src/core/job/tensor/tensor-engine.ts'
import { rowBytes, type TensorSpec, windowRate } from '../../src/core/job/tensor/tensor-spec.ts'
import { hashOf } from './arena.ts'

/** When the trigger is there to be seen, on every clock here. */
export const triggerMs = 1_000

/** A card that does one thing at a time. `startMs`: when it can begin. */
export function createCard(rowMs: number, startMs = triggerMs) {
  let nowMs = startMs
  const clock = { monotonicMs: () => nowMs }
  const compute = async (inputs: Uint8Array) => {
    nowMs += (inputs.length / rowBytes) * rowMs
    return inputs
  }
  return {
    clock,
    /** The real window until this time; its rows. */
    async work(registration: number, deadlineMs: number): Promise<number> {
      const seed = new Uint8Array(32).fill(registration)
      const { tree } = await runWindow({ seed, deadlineMs, batchRows: 1024, rowMs, keepBytes: 0 }, { compute, clock })
      return tree.rows
    },
  }
}
export type Card = ReturnType<typeof createCard>

export type Arrival = { readonly rows: number; readonly arrivesMs: number }

/** The rate in Mop/s that a seat counts for a commitment, by its own sight of the trigger; the openings are taken to be right. */
export function countedRate(spec: TensorSpec, graceMs: number, seenAtMs: number, { rows, arrivesMs }: Arrival): number {
  const trigger = { hash: hashOf('trigger'), number: 1n, timestamp: 1, slot: 0, ordinal: 0, kind: 'tensor' } as const
  const message = {
    epoch: 1n,
    round: trigger.hash,
    deviceId: hashOf('device'),
    generation: 1,
    specHash: hashOf('spec'),
    rows: BigInt(rows),
    root: hashOf('root'),
    environmentHash: hashOf('environment'),
  }
  const commitment = { message, signature: '0x' as const }
  const arrival = { commitment, commitmentHash: hashOf('commitment'), receivedAtMs: arrivesMs }
  const { check } = acceptCommitment(openCheck(trigger, seenAtMs, true), arrival, { windowMs: spec.windowMs, graceMs })
  return concludeValid(closeCommitments(check, trigger), { tensor: windowRate(spec, rows) }).judged!.figures.tensor ?? 0
}
