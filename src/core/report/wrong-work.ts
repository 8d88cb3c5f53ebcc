/**
 * Proof that a device committed to wrong work: its signed commitment and one wrong place of it, opened against the signed root. A seat
 * forwards it to the other seats of the committee, which recompute that place and judge WRONG too. Anybody can check it.
 *
 * Payload: place as u64 big-endian ‖ openings of that place alone, in the encoding of its kind.
 */
import type { Address, Hex } from 'viem'
import type { FailedStep, KindEngine } from '../job/round-kind.ts'
import type { RoundKindName } from '../protocol/constants.ts'
import type { Network, Signed } from '../protocol/typed-data.ts'
import { claimOf } from './commitment.ts'
import { isSignedBy } from './signer.ts'

export type WrongWork = { readonly place: number; readonly openings: Uint8Array }

export function encodeWrongWork({ place, openings }: WrongWork): Uint8Array {
  const payload = new Uint8Array(8 + openings.length)
  new DataView(payload.buffer).setBigUint64(0, BigInt(place))
  payload.set(openings, 8)
  return payload
}

/** Recomputes the work of one epoch, of every kind, as {@link import('../job/work-core.ts').WorkCore} does. */
export type Verifier = { readonly kinds: Readonly<Record<RoundKindName, Pick<KindEngine, 'verify'>>> }

export type WrongWorkJudgement =
  | ({ readonly proven: true; readonly step: FailedStep; readonly detail: string } & WrongWork)
  | { readonly proven: false; readonly reason: string }

/** Whether the payload proves the commitment wrong. Never throws for what was received. */
export async function judgeWrongWork(
  claim: {
    readonly network: Network
    /** Of the round that the commitment is for. */
    readonly kind: RoundKindName
    readonly epochSeed: Hex
    /** The device's registered operator. */
    readonly operator: Address
    readonly commitment: Signed<'Commitment'>
    readonly payload: Uint8Array
  },
  { kinds }: Verifier,
): Promise<WrongWorkJudgement> {
  const { network, kind, epochSeed, operator, commitment, payload } = claim
  if (payload.length < 8) return { proven: false, reason: 'The payload is cut short.' }
  if (!isSignedBy(network, 'Commitment', commitment, operator))
    return { proven: false, reason: 'The commitment is not signed by the device’s operator.' }
  const place = Number(new DataView(payload.buffer, payload.byteOffset, 8).getBigUint64(0))
  const openings = Uint8Array.from(payload.subarray(8))
  const item = { ...claimOf(network, commitment.message), sample: [place], openings }
  const [answer] = await kinds[kind]!.verify({ epochSeed, items: [item] })
  if (answer!.ok) return { proven: false, reason: `Place ${place} is right.` }
  const { step, detail, wrong } = answer!
  return wrong === null ? { proven: false, reason: detail } : { proven: true, step, detail, place, openings }
}
