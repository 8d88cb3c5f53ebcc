/**
 * The evidence of a round in which a device was busy: the seat's offer, and the device's signed word that its owner has paused it. The
 * file is an evidence bundle of version 5, without openings: nothing was worked.
 *
 * Why: docs/why/busy.md
 */
import type { Address } from 'viem'
import { z } from 'zod'
import { messageBodies } from '../protocol/messages.ts'
import { address, positive } from '../protocol/primitives.ts'
import type { SignedMessage } from '../protocol/typed-data.ts'
import { bundleVersion, decodeFile, encodeFile, malformed } from './evidence-bundle.ts'
import { isSignedBy, recoverSigner } from './signer.ts'

const busyVersion = 5

const busyBundle = z.object({
  network: z.object({ chainId: positive, consensus: address }),
  offer: messageBodies['job.offer'],
  busy: messageBodies['job.busy'],
})
export type BusyBundle = z.output<typeof busyBundle> & { readonly kind: 'busy' }

export const encodeBusyBundle = (bundle: Omit<BusyBundle, 'kind'>): Uint8Array =>
  encodeFile(busyVersion, busyBundle, bundle, new Uint8Array())

/** @throws REPORT_BUNDLE_MALFORMED where the bytes are no bundle at all */
export const isBusyBundle = (bytes: Uint8Array): boolean => bundleVersion(bytes) === busyVersion

/** @throws REPORT_BUNDLE_MALFORMED */
export function decodeBusyBundle(bytes: Uint8Array): BusyBundle {
  const { header, openings } = decodeFile(bytes, busyBundle)
  if (openings.length > 0) throw malformed('it has openings, and nothing was worked')
  return { ...header, kind: 'busy' }
}

/** The first field in which the device's word is about another job than the offer; null where it answers it. */
export const busyFault = (offer: SignedMessage<'JobOffer'>, busy: SignedMessage<'Busy'>): string | null =>
  (['epoch', 'round', 'deviceId', 'generation'] as const).find(field => offer[field] !== busy[field]) ?? null

/** The steps of the verification, in order; a failure names its step. */
export const busySteps = ['OFFER_SIGNATURE', 'BUSY_BINDING', 'BUSY_SIGNATURE'] as const
export type BusyStep = (typeof busySteps)[number]

export type BusyFacts = SignedMessage<'Busy'> & {
  readonly kind: 'busy'
  readonly operator: Address
  readonly checker: Address
}

/** The claims that it cannot prove by itself, in sentences for people. */
export const busyNotProven: readonly string[] = [
  'That the device said so within the grace after the trigger: only the Checker says so.',
  'That the round is a trigger of this chain: compare it with a node.',
  'That the operator and the generation are the registered ones: compare them with the registry.',
  'That the Checker held a seat of the device’s cohort in this epoch.',
  'That the device said the same to every seat: compare with what the others show of this round.',
]

/** Verifies it offline: both signatures, and that one answers the other. That it came in time only the seat says. */
export function verifyBusyBundle({
  network,
  offer,
  busy,
}: BusyBundle):
  | { readonly ok: true; readonly facts: BusyFacts }
  | { readonly ok: false; readonly step: BusyStep; readonly detail: string } {
  const { checker } = offer.message
  if (!isSignedBy(network, 'JobOffer', offer, checker))
    return { ok: false, step: 'OFFER_SIGNATURE', detail: 'The job offer is not signed by the Checker it names.' }
  const field = busyFault(offer.message, busy.message)
  if (field !== null)
    return {
      ok: false,
      step: 'BUSY_BINDING',
      detail: `The device’s word and the offer are about different values of ${field}.`,
    }
  try {
    const operator = recoverSigner(network, 'Busy', busy)
    return { ok: true, facts: { kind: 'busy', operator, checker, ...busy.message } }
  } catch (error) {
    return { ok: false, step: 'BUSY_SIGNATURE', detail: (error as Error).message }
  }
}
