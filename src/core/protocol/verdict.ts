/** What a seat says of one round of one device. Only what can be proven on chain may cost stake. */
export const verdicts = ['VALID', 'WRONG', 'TIMEOUT', 'OFFLINE', 'UNSUPPORTED', 'CHECKER_FAULT'] as const
export type Verdict = (typeof verdicts)[number]

/** A verdict with its reason: `reason` is a stable code, `detail` a sentence for people. */
export type RoundVerdict = { readonly verdict: Verdict; readonly reason: string; readonly detail: string }

/** The four flags of a lane, in the order of their bits in the packed opening. */
export const flagBit = { device: 1, environment: 2, work: 4, judged: 8 } as const
export type Flag = keyof typeof flagBit
