/** Verifies an evidence bundle offline, without trust in its sender: every signature, every binding, every sampled row. */
import type { Address, Hex } from 'viem'
import { type SpecName, specByHash, specHash, type WindowFigures, windowFigures } from '../job/tensor/tensor-spec.ts'
import { isKaisarError } from '../platform/errors.ts'
import {
  deviceIdOf,
  deviceRecordSchema,
  environmentRecordSchema,
  hashRecordText,
  localId,
} from '../protocol/device-record.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { bindingFault, checkSampleRequest, commitmentHash, sampleOf, seedOf, witnessOf } from './commitment.ts'
import type { EvidenceBundle } from './evidence-bundle.ts'
import { isSignedBy, recoverSigner } from './signer.ts'
import type { RowVerifier } from './wrong-row.ts'

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
  'ROW_CLAIM',
  'ROW_WRONG',
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

type BundleFacts = WindowFigures & {
  readonly operator: Address
  readonly checker: Address
  readonly deviceId: Hex
  readonly generation: number
  readonly epoch: bigint
  readonly round: Hex
  readonly specName: SpecName | null
  /** What the seat's evidence leaf of this round must carry; null for a bundle from before leaves carried a witness. */
  readonly witness: Hex | null
}

export type BundleVerification = { readonly cannotProve: readonly string[] } & (
  | { readonly ok: true; readonly facts: BundleFacts }
  | { readonly ok: false; readonly step: BundleStep; readonly detail: string }
)

type Failure = { readonly step: BundleStep; readonly detail: string }

/**
 * `openVerifier` gives a verifier for the bundle's spec; a {@link import('../job/work-engine.ts').WorkEngine} with witnesses is one.
 * `shownWitness`: what the seat's evidence leaf of the round said on chain, in an audit.
 */
export async function verifyBundle(
  bundle: EvidenceBundle,
  {
    openVerifier,
    shownWitness = null,
  }: {
    readonly openVerifier: (spec: EvidenceBundle['spec']) => Promise<RowVerifier>
    readonly shownWitness?: Hex | null
  },
): Promise<BundleVerification> {
  const specName = nameOf(bundle.commitment.message.specHash)
  const cannotProve = limitsOf(bundle, specName)
  const failure =
    checkMessages(bundle) ?? (await checkRows(bundle, openVerifier)) ?? checkShown(bundle.witness ?? null, shownWitness)
  if (failure !== null) return { ok: false, ...failure, cannotProve }

  const { network, spec, commitment, offer } = bundle
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
    ...windowFigures(spec, Number(commitment.message.rows)),
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

/** Checks everything but the rows; null when all of it is right. */
function checkMessages(bundle: EvidenceBundle): Failure | null {
  const { network, spec, offer, commitment } = bundle
  if (commitment.message.specHash !== specHash(spec))
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
      : fail('There are rows and the bundle holds no sample request.')
  if (!isSignedBy(network, 'SampleRequest', request, offer.message.checker))
    return fail('The sample request is not signed by the Checker that made the offer.')
  try {
    checkSampleRequest(network, { offer: offer.message, commitment: commitment.message, request: request.message })
    return null
  } catch (error) {
    return fail((error as Error).message)
  }
}

async function checkRows(
  { network, spec, epochSeed, offer, commitment, request, openings, against, witness }: EvidenceBundle,
  openVerifier: (spec: EvidenceBundle['spec']) => Promise<RowVerifier>,
): Promise<Failure | null> {
  const { message } = commitment
  const claimed = against !== undefined && 'wrongRow' in against ? against.wrongRow : null
  if (request === null && claimed === null) {
    if (message.root !== zeroBytes32)
      return { step: 'COMMITMENT_INVALID', detail: 'The commitment claims no rows, and yet has a root.' }
    return openings.length === 0 ? null : { step: 'OPENINGS_MALFORMED', detail: 'There are openings and no request.' }
  }
  const rows = Number(message.rows)
  const { verify } = await openVerifier(spec)
  const item = {
    seed: seedOf(network, message),
    rows,
    root: message.root,
    sample: claimed === null ? sampleOf(spec, message, request!.message) : [claimed],
    openings,
    ...(witness !== undefined && { witnessOf: witnessOf(offer.message.checker, commitmentHash(network, message)) }),
  }
  const [answer] = await verify({ epochSeed, items: [item] })
  if (!answer!.ok) return { step: answer!.step, detail: answer!.detail }
  if (answer!.witness !== witness)
    return {
      step: 'WITNESS',
      detail: 'The seat’s witness is not the one that recomputing the rows gives: the seat did not recompute them.',
    }
  return claimed === null ? null : { step: 'ROW_CLAIM', detail: `Row ${claimed} is said to be wrong, and it is right.` }
}

function limitsOf(bundle: EvidenceBundle, specName: SpecName | null): string[] {
  const limits: string[] = [
    notProven.arrival,
    notProven.blocks,
    notProven.seed,
    notProven.registration,
    notProven.seat,
    notProven.choice,
    notProven.device,
  ]
  if (bundle.deviceReport === null) limits.push(notProven.record)
  if (bundle.environment === null) limits.push(notProven.environment)
  if (specName === null) limits.push(notProven.spec)
  return limits
}

function nameOf(hash: Hex): SpecName | null {
  try {
    return specByHash(hash).name
  } catch (error) {
    if (isKaisarError(error, 'JOB_SPEC_UNKNOWN')) return null
    throw error
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
