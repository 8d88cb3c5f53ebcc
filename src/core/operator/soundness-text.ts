/** How well a window is checked, in bits; without the forwarding of wrong work a quorum of the committee decides. */
import type { Soundness } from '../job/soundness.ts'
import { committeeSize } from '../protocol/constants.ts'

export const soundnessText = ({ oneSeat, forwarding, alone }: Soundness, seat: string): string =>
  `${oneSeat.toFixed(1)} bits by ${seat}, ${forwarding.toFixed(1)} by ${committeeSize} that forward, ${alone.toFixed(1)} by ${committeeSize} alone, against skipping a quarter`
