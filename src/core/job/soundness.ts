/** How well a window is checked, whatever the kind of round: in bits against a device that leaves out part of its work. */
import { committeeSize, quorum } from '../protocol/constants.ts'

/** Bits of soundness: −log2 of the chance that nobody sees what is left out. */
export type Soundness = {
  readonly oneSeat: number
  /** Seats forward what is wrong, so one of the committee that sees it is enough. */
  readonly forwarding: number
  /** A passing quorum of them suffices. */
  readonly alone: number
}

/**
 * @param samples - places that one seat samples
 * @param guess - chance that a place which was not worked passes all the same
 * @param skipped - share of the work that is left out
 */
export function soundnessBits(
  { samples, guess = 0 }: { readonly samples: number; readonly guess?: number },
  skipped = 0.25,
): Soundness {
  const oneSeat = -samples * Math.log2(1 - skipped * (1 - guess))
  const pass = 2 ** -oneSeat
  let quorumPasses = 0
  for (let passing = quorum; passing <= committeeSize; passing++)
    quorumPasses += choose(committeeSize, passing) * pass ** passing * (1 - pass) ** (committeeSize - passing)
  return { oneSeat, forwarding: committeeSize * oneSeat, alone: -Math.log2(quorumPasses) }
}

const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k)
