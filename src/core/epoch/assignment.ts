import { type Address, encodeAbiParameters, type Hex, keccak256 } from 'viem'
import { committeeSize, redraws } from '../protocol/constants.ts'

/**
 * The owners that judge a cohort, in seat order, as `CheckerSeats.committee` draws them. Draw i takes seat
 * hash mod seats of the frozen list, where hash = keccak256(abi.encode(seed, cohort, i)). While that seat's owner was drawn already, the
 * hash is hashed again; after {@link redraws} of them, the next seat in the list is taken whose owner was not.
 *
 * @param seats - owner of each seat, the frozen list of the epoch
 * @returns null when fewer different owners hold seats than a committee has
 */
export function drawCommittee(seats: readonly Address[], seed: Hex, cohort: number): Address[] | null {
  if (new Set(seats).size < committeeSize) return null
  const committee: Address[] = []
  for (let draw = 0; draw < committeeSize; draw++) {
    let hash = keccak256(
      encodeAbiParameters(
        [{ type: 'bytes32' }, { type: 'uint256' }, { type: 'uint256' }],
        [seed, BigInt(cohort), BigInt(draw)],
      ),
    )
    const drawn = () => Number(BigInt(hash) % BigInt(seats.length))
    const isTaken = (seat: number) => committee.includes(seats[seat]!)
    for (let again = 0; again < redraws && isTaken(drawn()); again++) hash = keccak256(hash)
    let seat = drawn()
    while (isTaken(seat)) seat = (seat + 1) % seats.length
    committee.push(seats[seat]!)
  }
  return committee
}
