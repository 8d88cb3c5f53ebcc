/**
 * Proof that a device committed to a wrong row: its signed commitment, the row, and the row's leaf with its Merkle proof. A seat
 * forwards it to the other seats of the committee, which recompute that row and judge WRONG too. Anybody can check it.
 *
 * Payload: row as u64 big-endian ‖ openings of that row alone (job/tensor/row-openings.ts).
 */
import type { Address, Hex } from 'viem'
import type { Verification } from '../job/tensor/verify-rows.ts'
import type { VerifyItem } from '../job/work-core.ts'
import type { Network, Signed } from '../protocol/typed-data.ts'
import { seedOf } from './commitment.ts'
import { isSignedBy } from './signer.ts'

export type WrongRow = { readonly row: number; readonly openings: Uint8Array }

export function encodeWrongRow({ row, openings }: WrongRow): Uint8Array {
  const payload = new Uint8Array(8 + openings.length)
  new DataView(payload.buffer).setBigUint64(0, BigInt(row))
  payload.set(openings, 8)
  return payload
}

/** Recomputes rows of one epoch, as {@link import('../job/work-core.ts').WorkCore} does. */
export type RowVerifier = {
  verify(request: { readonly epochSeed: Hex; readonly items: readonly VerifyItem[] }): Promise<Verification[]>
}

export type WrongRowJudgement =
  | ({ readonly proven: true } & WrongRow)
  | { readonly proven: false; readonly reason: string }

/** Whether the payload proves the commitment wrong. Never throws for what was received. */
export async function judgeWrongRow(
  {
    network,
    epochSeed,
    operator,
    commitment,
    payload,
  }: {
    readonly network: Network
    readonly epochSeed: Hex
    /** The device's registered operator. */
    readonly operator: Address
    readonly commitment: Signed<'Commitment'>
    readonly payload: Uint8Array
  },
  { verify }: RowVerifier,
): Promise<WrongRowJudgement> {
  if (payload.length < 8) return { proven: false, reason: 'The payload is cut short.' }
  if (!isSignedBy(network, 'Commitment', commitment, operator))
    return { proven: false, reason: 'The commitment is not signed by the device’s operator.' }
  const row = Number(new DataView(payload.buffer, payload.byteOffset, 8).getBigUint64(0))
  const { rows, root } = commitment.message
  const item = {
    seed: seedOf(network, commitment.message),
    rows: Number(rows),
    root,
    sample: [row],
    openings: Uint8Array.from(payload.subarray(8)),
  }
  const [answer] = await verify({ epochSeed, items: [item] })
  if (answer!.ok) return { proven: false, reason: `Row ${row} is right.` }
  return answer!.step === 'ROW_WRONG'
    ? { proven: true, row, openings: item.openings }
    : { proven: false, reason: answer!.detail }
}
