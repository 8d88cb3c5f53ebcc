/** How well a window is checked, in bits; without the forwarding of wrong rows three seats of five decide alone. */
import type { WindowFigures } from '../job/spec.ts'

export const soundnessText = ({ oneSeat, forwarding, alone }: WindowFigures['soundness'], seat: string): string =>
  `${oneSeat.toFixed(1)} bits by ${seat}, ${forwarding.toFixed(1)} by five that forward, ${alone.toFixed(1)} by five alone, against skipping a quarter`
