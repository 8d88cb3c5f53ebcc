/**
 * Where attacks are tried: five real seats, real signatures, the real verifier on the real kernel, on a spec small enough for thousands
 * of rounds. Provers compute in one form of the model and seats in another, so that an inexact one would show.
 */
import { createHash } from 'node:crypto'
import { bytesToHex, type Hex, hexToBytes, keccak256, numberToHex } from 'viem'
import { type Jobs, jobsWith, jobWith } from '../../src/core/job/jobs.ts'
import type { Verification, VerifyItem } from '../../src/core/job/round-kind.ts'
import { createLeafCollector } from '../../src/core/job/tensor/digest-tree.ts'
import { openKernel } from '../../src/core/job/tensor/kernel.ts'
import { rowInput } from '../../src/core/job/tensor/row-input.ts'
import { encodeOpenings } from '../../src/core/job/tensor/row-openings.ts'
import { leafRows, rowBytes, specHash, type TensorSpec, windowRate } from '../../src/core/job/tensor/tensor-spec.ts'
import { verifyOpenings } from '../../src/core/job/tensor/verify-rows.ts'
import { createWeights, type Weights } from '../../src/core/job/tensor/weights.ts'
import type { Signed, SignedMessage } from '../../src/core/protocol/typed-data.ts'
import { checkSampleRequest, claimOf, commitmentHash, sampleOf, seedOf } from '../../src/core/report/commitment.ts'
import { createSigner, isSignedBy, type Signer, signMessage } from '../../src/core/report/signer.ts'
import { encodeWrongWork, judgeWrongWork, type Verifier } from '../../src/core/report/wrong-work.ts'

export const spec: TensorSpec = { width: 64, layers: 3, weights: 2, windowMs: 1_000, samples: 8 }
export const jobs: Jobs = jobsWith('tensor', spec)
/** Rows of an ordinary window in these attacks. */
export const windowRows = 640
export const seats = 5
/** As many as any attack here is sampled by. */
const mostSamples = 16
export const seatKeys = Array.from({ length: seats }, (_, seat) => numberToHex(2000 + seat, { size: 32 }))
export const epochSeed: Hex = `0x${'e5'.repeat(32)}`
export const network = { chainId: 31337, consensus: '0x00000000000000000000000000000000c0ffee00' } as const

export type Identity = Pick<SignedMessage<'Commitment'>, 'epoch' | 'round' | 'deviceId' | 'generation' | 'specHash'>

/** What a prover commits to, and what it later sends for a sample. Honest or not. */
export type Prover = {
  readonly rows: number
  readonly root: Hex
  readonly open: (sample: readonly number[]) => Uint8Array
}

type Trial = {
  /** Each seat's answer by itself. */
  readonly answers: readonly Verification[]
  readonly passed: number
  /** Whether a seat found a wrong row and the other four, who recomputed it, adopted WRONG. */
  readonly adopted: boolean
}

/** Forms of the model that are tried against each other. */
export type Form = 'fp32' | 'u8'

type TrialOptions = {
  /** Default five. */
  readonly seatCount?: number
  /** Rows that one seat samples; default as the spec says. */
  readonly samples?: number
  /** The form in which seats recompute; default u8. */
  readonly form?: Form
}

export type Arena = {
  readonly weights: Weights
  readonly device: Signer
  readonly checkers: readonly Signer[]
  identity(seed: number): Identity
  /** The honest digests of a job, [rows, 32]; computed in fp32 unless another form is named. */
  digests(identity: Identity, rows?: number, form?: Form): Promise<Uint8Array>
  offer(identity: Identity, seed: number, seat: number): Promise<Signed<'JobOffer'>>
  commit(identity: Identity, prover: Pick<Prover, 'rows' | 'root'>): Promise<Signed<'Commitment'>>
  request(commitment: Signed<'Commitment'>, seed: number, seat: number): Promise<Signed<'SampleRequest'>>
  /** A round: offers, one commitment, samples, openings, verdicts of the seats, forwarding. */
  trial(identity: Identity, prover: Prover, seed: number, options?: TrialOptions): Promise<Trial>
  readonly verifiers: Readonly<Record<Form, Verifier>>
  close(): Promise<void>
}

/** 32 bytes that depend on everything given. */
export const hashOf = (...parts: (string | number)[]): Hex =>
  `0x${createHash('sha256').update(parts.join('/')).digest('hex')}`

/** Commits to these digests, whatever they are. */
export function commitTo(digests: Uint8Array): Prover {
  const collector = createLeafCollector({ keepBytes: 0 })
  collector.append(digests)
  const tree = collector.finish()
  const chunk = (index: number) => digests.subarray(index * leafRows * rowBytes, (index + 1) * leafRows * rowBytes)
  return { rows: tree.rows, root: bytesToHex(tree.root), open: sample => encodeOpenings(tree, sample, chunk) }
}

export async function openArena(): Promise<Arena> {
  const weights = createWeights(spec, epochSeed)
  const open = (form: Form) => openKernel(weights, form, { provider: 'cpu', deviceIndex: 0, threads: 1, inner: true })
  const kernels = { fp32: await open('fp32'), u8: await open('u8') }
  const signer = (privateKey: Hex) => createSigner({ privateKey, network })
  const device = signer(numberToHex(1000, { size: 32 }))
  const checkers = seatKeys.map(signer)
  const secretOf = (seed: number, seat: number) => hashOf('secret', seed, seat)

  const offerOf = (identity: Identity, seed: number, seat: number): SignedMessage<'JobOffer'> => ({
    ...identity,
    secretHash: keccak256(secretOf(seed, seat)),
    checker: checkers[seat]!.address,
  })
  const requestOf = (commitment: Signed<'Commitment'>, seed: number, seat: number): SignedMessage<'SampleRequest'> => ({
    commitmentHash: commitmentHash(network, commitment.message),
    secret: secretOf(seed, seat),
    samplingBlockHash: hashOf('sampling block', seed),
    checker: checkers[seat]!.address,
  })

  const notTensor = { verify: () => Promise.reject(new Error('these attacks are on tensor rounds')) }

  /** A seat's verifier that takes the larger samples of some attacks too: the model of the epoch depends on the whole specification. */
  const verifierIn = (form: Form): Verifier => ({
    kinds: {
      tensor: {
        async verify({ items }) {
          const answers = await verifyOpenings(
            items.map(({ units, root, ...item }) => ({ ...item, rows: units, root: hexToBytes(root) })),
            kernels[form].run,
            { sampleLimit: mostSamples, batchRows: 1024, computeInner: kernels[form].runInner! },
          )
          return answers.map((answer, i) =>
            answer.ok ? { ...answer, figures: { tensor: windowRate(spec, items[i]!.units) } } : answer,
          )
        },
      },
      ...{ memory: notTensor, beat: notTensor },
    },
  })
  const verifiers = { fp32: verifierIn('fp32'), u8: verifierIn('u8') }

  const arena: Arena = {
    weights,
    device,
    checkers,
    identity: seed => ({
      epoch: 1n,
      round: hashOf('round', seed),
      deviceId: hashOf('device', seed % 7),
      generation: 1,
      specHash: specHash(spec),
    }),
    digests: async (identity, rows = windowRows, form = 'fp32') =>
      Uint8Array.from(await kernels[form].run(rowInput(seedOf(network, identity), 0, rows))),
    offer: (identity, seed, seat) => signMessage(checkers[seat]!, 'JobOffer', offerOf(identity, seed, seat)),
    commit: (identity, { rows, root }) =>
      signMessage(device, 'Commitment', {
        ...identity,
        rows: BigInt(rows),
        root,
        environmentHash: hashOf('environment'),
      }),
    request: (commitment, seed, seat) =>
      signMessage(checkers[seat]!, 'SampleRequest', requestOf(commitment, seed, seat)),
    verifiers,
    async close() {
      await Promise.all(Object.values(kernels).map(kernel => kernel.release()))
    },

    async trial(identity, prover, seed, { seatCount = seats, samples = spec.samples, form = 'u8' } = {}) {
      const commitment = await arena.commit(identity, prover)
      const job = jobWith('tensor', { ...spec, samples })
      const items = Array.from({ length: seatCount }, (_, seat): VerifyItem => {
        const offer = offerOf(identity, seed, seat)
        const request = requestOf(commitment, seed, seat)
        checkSampleRequest(network, { offer, commitment: commitment.message, request })
        const sample = sampleOf(job, commitment.message, request)
        return { ...claimOf(network, commitment.message), sample, openings: prover.open(sample) }
      })
      const answers = await verifiers[form].kinds.tensor!.verify({ epochSeed, items })
      const adopted = await forward(commitment, answers, verifiers[form])
      return { answers, passed: answers.filter(({ ok }) => ok).length, adopted }
    },
  }
  return arena

  /** The first seat that holds a wrong row sends it to the others; they judge by themselves. */
  async function forward(
    commitment: Signed<'Commitment'>,
    answers: readonly Verification[],
    verifier: Verifier,
  ): Promise<boolean> {
    if (!isSignedBy(network, 'Commitment', commitment, device.address))
      throw new Error('the arena signs for its device')
    const found = answers.find(answer => !answer.ok && answer.wrong !== null)
    if (found === undefined || found.ok) return false
    const payload = encodeWrongWork(found.wrong!)
    const received = { network, kind: 'tensor', epochSeed, operator: device.address, commitment, payload } as const
    const judged = await judgeWrongWork(received, verifier)
    return judged.proven
  }
}
