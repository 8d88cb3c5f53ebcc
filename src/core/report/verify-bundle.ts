/** Verifies an evidence bundle offline, without trust in its sender: every signature, every binding, everything sampled. */

import type { Address, Hex } from 'viem'
import { type Job, type Jobs, type JobsName, jobsWith, jobWith, type Kinds, nameOfSpec, ownKinds } from '../job/jobs.ts'
import { type Soundness, soundnessBits } from '../job/soundness.ts'
import { parseJson } from '../platform/output.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import {
  deviceIdOf,
  deviceRecordSchema,
  environmentRecordSchema,
  hashRecordText,
  localId,
} from '../protocol/device-record.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { Figures } from '../protocol/verdict.ts'
import { bindingFault, checkSampleRequest, claimOf, commitmentHash, sampleOf, witnessOf } from './commitment.ts'
import type { EvidenceBundle } from './evidence-bundle.ts'
import { isSignedBy, recoverSigner } from './signer.ts'
import type { Verifier } from './wrong-work.ts'

/** The steps of the verification, in order; a failure names its step. */
export const bundleSteps = [
  'SPEC',
  'OFFER_SIGNATURE',
  'COMMITMENT_BINDING',
  'COMMITMENT_SIGNATURE',
  'TWO_COMMITMENTS',
  'ENVIRONMENT',
  'DEVICE_REPORT',
  'SAMPLE_REQUEST',
  'COMMITMENT_INVALID',
  'OPENINGS_MALFORMED',
  'OPENINGS_NOT_IN_ROOT',
  'WRONG_CLAIM',
  'ROW_WRONG',
  'COORDINATE_WRONG',
  'WITNESS',
] as const
export type BundleStep = (typeof bundleSteps)[number]

/** The claims that no bundle can prove by itself, in sentences for people. */
export const notProven = {
  arrival: 'That the commitment arrived in time and before the sampling block: only the Checker says so.',
  blocks:
    'That the round and the sampling block are blocks of this chain, and the round a trigger: compare them with a node.',
  seed: 'That the epoch seed is the one on chain: compare it with seedOf(epoch).',
  registration: 'That the operator and the generation are the registered ones: compare them with the registry.',
  seat: 'That the Checker held a seat of the device’s cohort in this epoch.',
  choice:
    'That the Checker did not choose its secret, the sampling block and the offer after the fact, which it could alone.',
  device:
    'That the device is the model it claims to be, or that it did not pass the work to a faster machine close by.',
  record: 'Who the device is: the bundle holds no device report.',
  environment: 'What the device ran on: the bundle holds no environment record.',
  spec: 'That the job was the network’s: this release does not know its specification.',
} as const

type BundleFacts = {
  readonly kind: RoundKindName
  /** Rows or steps. */
  readonly unit: string
  readonly units: number
  /** What the round is worth, where its marks came in time as the seat says. */
  readonly figures: Figures
  readonly checked: number
  /** How many times the work of one verifier the device did. */
  readonly unitsPerSample: number
  /** Against a device that leaves out a quarter of its work. */
  readonly soundness: Soundness
  readonly operator: Address
  readonly checker: Address
  readonly deviceId: Hex
  readonly generation: number
  readonly epoch: bigint
  readonly round: Hex
  readonly specName: JobsName | null
  /** What the seat's evidence leaf of this round must carry; null for a bundle from before leaves carried a witness. */
  readonly witness: Hex | null
}

export type BundleVerification = { readonly cannotProve: readonly string[] } & (
  | { readonly ok: true; readonly facts: BundleFacts }
  | { readonly ok: false; readonly step: BundleStep; readonly detail: string }
)

type Failure = { readonly step: BundleStep; readonly detail: string }

type VerifyBundleOptions = {
  readonly openVerifier: (jobs: Jobs) => Promise<Verifier>
  readonly shownWitness?: Hex | null
  readonly kinds?: Kinds
}

/**
 * `openVerifier` gives a verifier for jobs of which the bundle's is one; a {@link import('../job/work-engine.ts').WorkEngine} with witnesses is one.
 * `shownWitness`: what the seat's evidence leaf of the round said on chain, in an audit.
 */
export async function verifyBundle(
  bundle: EvidenceBundle,
  { openVerifier, shownWitness = null, kinds = ownKinds }: VerifyBundleOptions,
): Promise<BundleVerification> {
  const { network, kind, spec, commitment, offer } = bundle
  const specName = nameOfSpec(commitment.message.specHash)
  const cannotProve = limitsOf(bundle, specName)
  const job = jobWith(kind, spec, kinds)
  const refuted = checkMessages(bundle, job)
  const open = () => openVerifier(jobsWith(kind, spec, kinds))
  const work = refuted === null ? await checkWork(bundle, job, open) : null
  const failure = refuted ?? work?.failure ?? checkShown(bundle.witness ?? null, shownWitness)
  if (failure !== null) return { ok: false, ...failure, cannotProve }

  const { unit, guess } = job
  const units = Number(commitment.message.rows)
  const { epoch, round, deviceId, generation } = commitment.message
  const facts: BundleFacts = {
    operator: recoverSigner(network, 'Commitment', commitment),
    checker: offer.message.checker,
    deviceId,
    generation,
    epoch,
    round,
    specName,
    witness: bundle.witness ?? null,
    ...{ kind, unit, units, figures: work?.figures ?? {}, checked: work?.checked ?? 0 },
    unitsPerSample: units / spec.samples,
    soundness: soundnessBits({ samples: spec.samples, guess }),
  }
  return { ok: true, facts, cannotProve }
}

function checkShown(witness: Hex | null, shown: Hex | null): Failure | null {
  if (shown === null || witness === shown) return null
  return {
    step: 'WITNESS',
    detail: `The seat’s leaf on chain says ${shown}, and its bundle ${witness ?? 'has no witness'}.`,
  }
}

/** Checks everything but the work; null when all of it is right. */
function checkMessages(bundle: EvidenceBundle, { specHash }: Job): Failure | null {
  const { network, offer, commitment } = bundle
  if (commitment.message.specHash !== specHash)
    return { step: 'SPEC', detail: 'The specification in the bundle is not the one the commitment names.' }
  if (!isSignedBy(network, 'JobOffer', offer, offer.message.checker))
    return { step: 'OFFER_SIGNATURE', detail: 'The job offer is not signed by the Checker it names.' }
  const fault = bindingFault(offer.message, commitment.message)
  if (fault !== null)
    return {
      step: 'COMMITMENT_BINDING',
      detail: `The commitment and the offer are about different values of ${fault}.`,
    }
  let operator: Address
  try {
    operator = recoverSigner(network, 'Commitment', commitment)
  } catch (error) {
    return { step: 'COMMITMENT_SIGNATURE', detail: (error as Error).message }
  }
  return (
    checkSecond(bundle, operator) ??
    checkEnvironment(bundle) ??
    checkDeviceReport(bundle, operator) ??
    checkRequest(bundle)
  )
}

/** Checks the accusation that the device committed twice: two different commitments for one round prove it, anything else is a false accusation. */
function checkSecond({ network, commitment, against }: EvidenceBundle, operator: Address): Failure | null {
  if (against === undefined || !('commitment' in against)) return null
  const [first, second] = [commitment.message, against.commitment.message]
  const other = (['epoch', 'round', 'deviceId', 'generation'] as const).find(field => first[field] !== second[field])
  if (other !== undefined)
    return { step: 'COMMITMENT_BINDING', detail: `The second commitment is about another ${other}.` }
  if (!isSignedBy(network, 'Commitment', against.commitment, operator))
    return { step: 'COMMITMENT_SIGNATURE', detail: 'The second commitment is not signed by the same operator.' }
  return commitmentHash(network, first) === commitmentHash(network, second)
    ? { step: 'COMMITMENT_BINDING', detail: 'The second commitment is the first one again.' }
    : { step: 'TWO_COMMITMENTS', detail: 'The operator signed two different commitments for this round.' }
}

function checkEnvironment({ environment, commitment }: EvidenceBundle): Failure | null {
  if (environment === null) return null
  if (hashRecordText(environment) !== commitment.message.environmentHash)
    return { step: 'ENVIRONMENT', detail: 'The environment record is not the one the commitment names.' }
  return environmentRecordSchema.safeParse(parseJson(environment)).success
    ? null
    : { step: 'ENVIRONMENT', detail: 'The environment record is not of a form this release knows.' }
}

function checkDeviceReport({ network, commitment, deviceReport }: EvidenceBundle, operator: Address): Failure | null {
  if (deviceReport === null) return null
  const fail = (detail: string): Failure => ({ step: 'DEVICE_REPORT', detail })
  const { report, device, environment, attestation } = deviceReport
  const { deviceId, generation, deviceHash, environmentHash, attestationHash } = report.message
  if (!isSignedBy(network, 'DeviceReport', report, operator))
    return fail('The device report is not signed by the operator who signed the commitment.')
  if (deviceId !== commitment.message.deviceId || generation !== commitment.message.generation)
    return fail('The device report is about another device or generation.')
  if (hashRecordText(device) !== deviceHash) return fail('The device record is not the one that was signed.')
  if (hashRecordText(environment) !== environmentHash)
    return fail('The environment record is not the one that was signed.')
  if ((attestation === null ? zeroBytes32 : hashRecordText(attestation)) !== attestationHash)
    return fail('The attestation evidence is not the one that was signed.')
  const record = deviceRecordSchema.safeParse(parseJson(device))
  if (!record.success) return fail('The device record is not of a form this release knows.')
  const expected = deviceIdOf(operator, localId(record.data))
  return expected === deviceId ? null : fail('The device id is not that of this operator and this hardware.')
}

function checkRequest({ network, offer, commitment, request, against }: EvidenceBundle): Failure | null {
  const fail = (detail: string): Failure => ({ step: 'SAMPLE_REQUEST', detail })
  if (request === null)
    return commitment.message.rows === 0n || against !== undefined
      ? null
      : fail('There is work and the bundle holds no sample request.')
  if (!isSignedBy(network, 'SampleRequest', request, offer.message.checker))
    return fail('The sample request is not signed by the Checker that made the offer.')
  try {
    checkSampleRequest(network, { offer: offer.message, commitment: commitment.message, request: request.message })
    return null
  } catch (error) {
    return fail((error as Error).message)
  }
}

type CheckedWork = { readonly failure: Failure | null; readonly figures: Figures; readonly checked: number }

async function checkWork(
  bundle: EvidenceBundle,
  job: Job,
  openVerifier: () => Promise<Verifier>,
): Promise<CheckedWork> {
  const { network, kind, epochSeed, offer, commitment, request, openings, against, witness, marks } = bundle
  const failed = (step: BundleStep, detail: string) => ({ failure: { step, detail }, figures: {}, checked: 0 })
  const { message } = commitment
  const claimed = against !== undefined && 'wrongRow' in against ? against.wrongRow : null
  if (request === null && claimed === null) {
    if (message.root !== (job.emptyRoot ?? message.root))
      return failed('COMMITMENT_INVALID', `The commitment claims no ${job.unit}s, and yet has a root.`)
    return openings.length === 0
      ? { failure: null, figures: {}, checked: 0 }
      : failed('OPENINGS_MALFORMED', 'There are openings and no request.')
  }
  const { kinds } = await openVerifier()
  const item = {
    ...{ ...claimOf(network, message), openings },
    sample: claimed === null ? sampleOf(job, message, request!.message) : [claimed],
    ...(witness !== undefined && { witnessOf: witnessOf(offer.message.checker, commitmentHash(network, message)) }),
    ...(marks !== undefined && { marks }),
  }
  const [answer] = await kinds[kind]!.verify({ epochSeed, items: [item] })
  if (!answer!.ok) return failed(answer!.step, answer!.detail)
  if (answer!.witness !== witness)
    return failed(
      'WITNESS',
      'The seat’s witness is not the one that recomputing gives: the seat did not recompute the work.',
    )
  const { figures, checked } = answer!
  if (claimed === null) return { failure: null, figures, checked }
  return failed('WRONG_CLAIM', `Place ${claimed} is said to be wrong, and it is right.`)
}

function limitsOf(bundle: EvidenceBundle, specName: JobsName | null): string[] {
  const { record, environment, spec, ...always } = notProven
  return [
    ...Object.values(always),
    ...(bundle.deviceReport === null ? [record] : []),
    ...(bundle.environment === null ? [environment] : []),
    ...(specName === null ? [spec] : []),
  ]
}
