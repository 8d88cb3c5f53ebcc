/** Lengths of time as people type them. */

const secondsOf = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

/** Seconds of `90s`, `45m`, `2h`, `1d` or `1h30m`, largest unit first; null where it is none of that, or nothing. */
export function parseDuration(input: string): number | null {
  const parts = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(input)
  if (parts === null) return null
  const [, days, hours, minutes, seconds] = parts.map(part => Number(part ?? 0))
  const sum = days! * secondsOf.d + hours! * secondsOf.h + minutes! * secondsOf.m + seconds!
  return sum === 0 ? null : sum
}
