/** Derives the inputs of the work proof from signed messages, in one place for Provider and Checker. */
import { type Address, bytesToHex, concat, type Hex } from 'viem'
import { jobSeed } from '../job/job-seed.ts'
import type { Job } from '../job/jobs.ts'
import type { VerifyItem } from '../job/round-kind.ts'
import { keccak256 } from '../platform/keccak.ts'
import type { Network, SignedMessage } from '../protocol/typed-data.ts'
import { reportErrors } from './errors.ts'
import { typedHash } from './typed-hash.ts'

type Commitment = SignedMessage<'Commitment'>
type Offer = SignedMessage<'JobOffer'>
type Request = SignedMessage<'SampleRequest'>

/** A commitment's EIP-712 digest: its name in sample requests, evidence leaves and audits. */
export const commitmentHash = (network: Network, commitment: Commitment): Hex =>
  bytesToHex(typedHash(network, 'Commitment', commitment))

/** The seed of the job that an offer or a commitment is about. */
export const seedOf = (
  { chainId }: Network,
  { round, deviceId, generation, specHash }: Pick<Commitment, 'round' | 'deviceId' | 'generation' | 'specHash'>,
): Uint8Array => jobSeed({ chainId, round, deviceId, generation, specHash })

/** What a witness of a commitment's work is bound to: the seat that asked for the sample, and the commitment. */
export const witnessOf = (seat: Address, hashOfCommitment: Hex): Hex => concat([seat, hashOfCommitment])

/** What is claimed by a commitment, as a verifier takes it. */
export const claimOf = (
  network: Network,
  commitment: Commitment,
): Pick<VerifyItem, 'seed' | 'device' | 'units' | 'root'> => {
  const { deviceId, generation, rows, root } = commitment
  return { seed: seedOf(network, commitment), device: { deviceId, generation }, units: Number(rows), root }
}

/** The places that a request samples from a commitment. */
export const sampleOf = (job: Pick<Job, 'sample'>, commitment: Commitment, request: Request): number[] =>
  job.sample(Number(commitment.rows), { ...request, root: commitment.root })

/** The first field in which a commitment differs from its offer, or null. */
export function bindingFault(offer: Offer, commitment: Commitment): keyof Commitment | null {
  const bound = ['epoch', 'round', 'deviceId', 'generation', 'specHash'] as const
  return bound.find(field => offer[field] !== commitment[field]) ?? null
}

/**
 * The Provider's check before it opens anything: the secret is the one its seat fixed in the offer, for the commitment that was
 * signed. Signatures are checked by the caller. @throws REPORT_SAMPLE_REFUSED
 */
export function checkSampleRequest(
  network: Network,
  { offer, commitment, request }: { readonly offer: Offer; readonly commitment: Commitment; readonly request: Request },
): void {
  const refuse = (problem: string) => reportErrors.REPORT_SAMPLE_REFUSED({ problem })
  if (request.checker !== offer.checker) throw refuse('it comes from another seat than the offer')
  if (keccak256(request.secret) !== offer.secretHash) throw refuse('its secret is not the one of the offer')
  if (request.commitmentHash !== commitmentHash(network, commitment)) throw refuse('it is about another commitment')
  const fault = bindingFault(offer, commitment)
  if (fault !== null) throw refuse(`the offer is about another ${fault}`)
}
