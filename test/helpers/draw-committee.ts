import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { committeeSize } from '../../src/core/protocol/constants.ts'

/**
 * The owners that judge a cohort, in seat order, as `CheckerSeats.committee` draws them. Draw i takes seat
 * hash mod seats of the frozen list, where hash = keccak256(abi.encode(seed, cohort, i)). While that seat's owner was drawn already, it goes
 * on by a stride, (hash >> 128) mod (seats − 1) + 1; back at its first seat, it goes on one beside it.
 *
 * @param seats - owner of each seat, the frozen list of the epoch
 * @returns null when fewer different owners hold seats than a committee has
 */
export function drawCommittee(seats: readonly Address[], seed: Hex, cohort: number): Address[] | null {
  if (new Set(seats).size < committeeSize) return null
  const committee: Address[] = []
  for (let draw = 0; draw < committeeSize; draw++) {
    const hash = BigInt(
      keccak256(
        encodeAbiParameters(
          [{ type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }],
          [seed, BigInt(cohort), BigInt(draw)],
        ),
      ),
    )
    const stride = Number((hash >> 128n) % BigInt(seats.length - 1)) + 1
    let first = Number(hash % BigInt(seats.length))
    let seat = first
    while (committee.includes(seats[seat]!)) {
      seat = (seat + stride) % seats.length
      if (seat === first) seat = first = (first + 1) % seats.length
    }
    committee.push(seats[seat]!)
  }
  return committee
}
