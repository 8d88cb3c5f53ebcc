/** The verdicts of a seat on one round of one device. A verdict costs no stake: only an offence that is proven on chain does. */
export const verdicts = ['VALID', 'WRONG', 'TIMEOUT', 'OFFLINE', 'UNSUPPORTED', 'BUSY', 'CHECKER_FAULT'] as const
export type Verdict = (typeof verdicts)[number]

/** A verdict with its reason: `reason` is a stable code, `detail` a sentence for people. */
export type RoundVerdict = { readonly verdict: Verdict; readonly reason: string; readonly detail: string }

/** The four flags of a lane, in the order of their bits in the packed opening. */
export const flagBit = { device: 1, environment: 2, work: 4, judged: 8 } as const
export type Flag = keyof typeof flagBit

/** What a round that was judged valid is worth, by the names that its kind lists; whole numbers. */
export type Figures = Readonly<Record<string, number>>
