/**
 * A third kind of round, of this test's own: what a device finishes is squares of numbers that the seed draws. Commitment, sample,
 * recomputation, verdict and forwarded proof know nothing of it but its two parts, which stand here.
 */
import { createHash } from 'node:crypto'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import {
  acceptCommitment,
  closeCommitments,
  concludeValid,
  concludeWrong,
  openCheck,
} from '../../../src/core/checker/round/check.ts'
import { createRecomputeQueue } from '../../../src/core/checker/round/recompute.ts'
import { sampleRows } from '../../../src/core/job/job-seed.ts'
import {
  createKeptWindows,
  type KindEngine,
  type KindSpec,
  numbers,
  type RoundKind,
  type Verification,
  type VerifyItem,
} from '../../../src/core/job/round-kind.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { Trigger } from '../../../src/core/protocol/trigger.ts'
import { claimOf, commitmentHash, sampleOf, seedOf, witnessOf } from '../../../src/core/report/commitment.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { encodeWrongWork, judgeWrongWork, type Verifier } from '../../../src/core/report/wrong-work.ts'
import { measuresOf } from '../../helpers/devnet-measures.ts'
import { device, network, provider, rules, seatKeys, word } from './judge-fixture.ts'

type ToySpec = KindSpec & { readonly squares: number }
const spec: ToySpec = { windowMs: 1000, samples: 3, squares: 40 }
/** The list of kinds is closed for everybody but this test. */
const toy = 'toy' as string as RoundKindName

const toyKind: RoundKind<ToySpec> = {
  name: toy,
  unit: 'square',
  figures: { squares: 'squares/s' },
  guess: 0,
  checkSpec: given => given,
  bundle: {
    version: 7,
    spec: numbers('windowMs', 'samples', 'squares'),
    marks: false,
  },
  specHash: given => sha256(JSON.stringify(given)),
  sample: sampleRows,
  markDueMs: () => null,
  idleTailMs: () => 0,
  pieces: { cut: (_, sample) => [[...sample]], headBytes: () => 0, fault: () => null },
}

const sha256 = (data: string | Uint8Array): Hex => `0x${createHash('sha256').update(data).digest('hex')}`
const numberAt = (seed: Uint8Array, at: number) =>
  BigInt(createHash('sha256').update(seed).update(`${at}`).digest().readUInt32BE())
const encode = (squares: readonly bigint[]) => {
  const bytes = Buffer.alloc(8 * squares.length)
  for (const [at, square] of squares.entries()) bytes.writeBigUInt64BE(square, 8 * at)
  return Uint8Array.from(bytes)
}

/** Opens all of a window whatever is asked for: the root is a hash of it. `spoil`: places that are worked wrong. */
function toyEngine(spoil: readonly number[] = []): KindEngine<null> & { readonly batches: number[] } {
  const windows = createKeptWindows<Uint8Array>(4)
  const batches: number[] = []
  const work = (seed: Uint8Array, units: number) =>
    Array.from({ length: units }, (_, at) => numberAt(seed, at) ** 2n + (spoil.includes(at) ? 1n : 0n))
  const done = (seed: Uint8Array, units: number) => {
    const bytes = encode(work(seed, units))
    return { handle: windows.keep(bytes), root: sha256(bytes) }
  }
  function verify({ seed, root, units, sample, openings, witnessOf: of }: VerifyItem): Verification {
    const failed = (step: 'OPENINGS_MALFORMED' | 'OPENINGS_NOT_IN_ROOT', detail: string): Verification => ({
      ...{ ok: false, step, detail, wrong: null },
    })
    if (openings.length !== 8 * units) return failed('OPENINGS_MALFORMED', 'their length is not the window’s')
    if (sha256(openings) !== root) return failed('OPENINGS_NOT_IN_ROOT', 'they are of another root')
    const opened = Buffer.from(openings)
    const place = sample.find(at => opened.readBigUInt64BE(8 * at) !== numberAt(seed, at) ** 2n)
    if (place !== undefined)
      return { ok: false, step: 'ROW_WRONG', detail: `Square ${place} is wrong.`, wrong: { place, openings } }
    const witness = of === undefined ? {} : { witness: sha256(`${of}${root}`) }
    return { ok: true, checked: sample.length, figures: { squares: units }, ...witness }
  }
  return {
    batches,
    prepare: async () => null,
    free: async () => undefined,
    runWindow: async ({ seed }) => ({
      ...{ ...done(seed, spec.squares), units: spec.squares, figures: { squares: spec.squares }, notes: '' },
      ...{ durationMs: spec.windowMs, kernelMs: spec.windowMs, lostMs: 0 },
    }),
    rework: async ({ seed, units }) => done(seed, units),
    open: async ({ handle }) => windows.of(handle)!,
    async verify({ items }) {
      batches.push(items.length)
      return items.map(verify)
    },
    release: async handle => windows.forget(handle),
    close: async () => windows.clear(),
  }
}

/** What recomputes all kinds: a request of another kind than the toy's would be a mistake here. */
function verifierWith(engine: Pick<KindEngine, 'verify'>): Verifier {
  const other = { verify: () => Promise.reject(new Error('this round is of another kind')) }
  const kinds = { tensor: other, memory: other, beat: other, [toy]: engine }
  return { kinds }
}

const epochSeed = word(0xe5)
const trigger: Trigger = { hash: word(9), number: 9n, timestamp: 1000, slot: 0, ordinal: 2, kind: toy }
const seat = createSigner({ privateKey: seatKeys[0]!, network })

/** The device's part: a window, one signed commitment, and the openings of what the seat samples. */
async function work(engine: KindEngine<null>, round = trigger.hash) {
  const { deviceId, generation } = device
  const identity = { epoch: 0n, round, deviceId, generation, specHash: toyKind.specHash(spec) }
  const window = await engine.runWindow({ epochSeed, seed: seedOf(network, identity) })
  const { units, root, handle } = window
  const message = { ...identity, rows: BigInt(units), root, environmentHash: word(3) }
  const commitment = await signMessage(provider, 'Commitment', message)
  const hash = commitmentHash(network, message)
  const request = { commitmentHash: hash, secret: word(1), samplingBlockHash: word(2), checker: seat.address }
  const job = { sample: (count: number, of: typeof request & { root: Hex }) => toyKind.sample(spec, count, of) }
  const sample = sampleOf(job as Parameters<typeof sampleOf>[0], message, request)
  const openings = await engine.open({ handle, sample })
  const item = { ...claimOf(network, message), sample, openings, witnessOf: witnessOf(seat.address, hash) }
  return { commitment, commitmentHash: hash, item }
}

const recompute = async (queue: ReturnType<typeof createRecomputeQueue>, item: VerifyItem) => {
  let answer: Verification | undefined
  await queue({ kind: toy, epochSeed }, item, given => {
    answer = given
  })
  return answer!
}
const committed = (worked: Awaited<ReturnType<typeof work>>) => {
  const { check } = acceptCommitment(openCheck(trigger, 0, true), { ...worked, receivedAtMs: 1000 }, rules)
  return closeCommitments(check, { number: 11n, hash: word(11), timestamp: 1002 })
}

describe('a third kind of round', () => {
  it('is worked, committed to, sampled, recomputed and judged as every other', async () => {
    const device = toyEngine()
    const queue = createRecomputeQueue({ engine: verifierWith(toyEngine()), together: take => take() })
    const worked = await work(device)
    const answer = await recompute(queue, worked.item)
    expect(answer).toMatchObject({ ok: true, checked: spec.samples, figures: { squares: spec.squares } })
    if (!answer.ok) return
    const { judged, witness } = concludeValid(committed(worked), answer.figures, answer.witness)
    expect(judged).toMatchObject({ verdict: 'VALID', kind: toy, figures: { squares: spec.squares } })
    expect(witness).toBe(answer.witness)
    expect((await device.rework({ epochSeed, seed: worked.item.seed, units: spec.squares, notes: '' })).root).toBe(
      worked.item.root,
    )
  })

  it('has its own batches: what waits is recomputed together with its kind and epoch alone', async () => {
    const engine = toyEngine()
    const tensors: number[] = []
    const { kinds } = verifierWith(engine)
    const tensor = {
      async verify({ items }: Parameters<KindEngine['verify']>[0]) {
        tensors.push(items.length)
        return items.map((): Verification => ({ ok: true, checked: 1, figures: {} }))
      },
    }
    const queue = createRecomputeQueue({ engine: { kinds: { ...kinds, tensor } }, together: take => take() })
    const { item } = await work(toyEngine())
    const asked = [toy, toy, 'tensor', toy, 'tensor'] as const
    const took: RoundKindName[] = []
    await Promise.all(asked.map(kind => queue({ kind, epochSeed }, item, () => took.push(kind))))
    await queue({ kind: toy, epochSeed: word(0xe6) }, item, () => took.push(toy))
    // The first began at once; what came meanwhile went together.
    expect(engine.batches).toEqual([1, 2, 1])
    expect(tensors).toEqual([2])
    expect(took).toHaveLength(6)
  })

  it('whose work is wrong is proven so to every seat, by the place alone', async () => {
    const worked = await work(toyEngine(Array.from({ length: spec.squares }, (_, at) => at)))
    const engine = verifierWith(toyEngine())
    const queue = createRecomputeQueue({ engine, together: take => take() })
    const answer = await recompute(queue, worked.item)
    expect(answer).toMatchObject({ ok: false, step: 'ROW_WRONG', wrong: { place: worked.item.sample[0] } })
    if (answer.ok) return
    expect(concludeWrong(committed(worked), answer).judged).toMatchObject({ verdict: 'WRONG', kind: toy, figures: {} })
    const told = { network, kind: toy, epochSeed, operator: provider.address, commitment: worked.commitment }
    const payload = encodeWrongWork(answer.wrong!)
    expect(await judgeWrongWork({ ...told, payload }, engine)).toMatchObject({
      proven: true,
      place: answer.wrong!.place,
    })
    const honest = await work(toyEngine())
    const right = encodeWrongWork({ place: 0, openings: honest.item.openings })
    expect(await judgeWrongWork({ ...told, commitment: honest.commitment, payload: right }, engine)).toMatchObject({
      proven: false,
    })
  })

  it('changes no measure of the kinds that are paid', () => {
    const round = (kind: RoundKindName, figures: Record<string, number>) =>
      ({ kind, figures, verdict: 'VALID' }) as const
    const paid = [round('tensor', { tensor: 5 }), round('memory', { bandwidth: 6, resident: 7 })]
    expect(measuresOf([...paid, round(toy, { squares: 9, tensor: 9 })])).toEqual(measuresOf(paid))
  })
})
