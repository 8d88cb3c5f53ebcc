import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { committeeSize } from '../../src/core/protocol/constants.ts'

/**
 * The owners that judge a cohort, in seat order, as `CheckerSeats.committee` draws them. Draw i takes seat
 * keccak256(abi.encode(seed, cohort, i)) mod seats of the frozen list. Where its owner was drawn already, it takes the next seat in
 * the list whose owner was not.
 *
 * @param seats - owner of each seat, the frozen list of the epoch
 * @returns null when fewer different owners hold seats than a committee has
 */
export function drawCommittee(seats: readonly Address[], seed: Hex, cohort: number): Address[] | null {
  if (new Set(seats).size < committeeSize) return null
  const committee: Address[] = []
  for (let draw = 0; draw < committeeSize; draw++) {
    const hash = keccak256(
      encodeAbiParameters(
        [{ type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }],
        [seed, BigInt(cohort), BigInt(draw)],
      ),
    )
    let seat = Number(BigInt(hash) % BigInt(seats.length))
    while (committee.includes(seats[seat]!)) seat = (seat + 1) % seats.length
    committee.push(seats[seat]!)
  }
  return committee
}
