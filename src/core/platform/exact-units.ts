/** One unit of a coin or token with 18 decimals. Amounts are written in whole units, never rounded. */
const one = 10n ** 18n

/** 1500000000000000000n → `1.5`. */
export function exactUnits(wei: bigint): string {
  const [sign, positive] = wei < 0n ? ['-', -wei] : ['', wei]
  const fraction = (positive % one).toString().padStart(18, '0').replace(/0+$/, '')
  return `${sign}${positive / one}${fraction === '' ? '' : `.${fraction}`}`
}

/**
 * `1.5` → 1500000000000000000n.
 *
 * @param decimals - of the unit: 18 for KAI and ether, 9 for gwei
 * @returns null where the text is not an amount above 0, or has more decimals than the unit
 */
export function parseUnits(input: string, decimals = 18): bigint | null {
  const [, whole, fraction = ''] = /^(\d{1,18})(?:\.(\d+))?$/.exec(input) ?? []
  if (whole === undefined || fraction.length > decimals) return null
  const wei = BigInt(`${whole}${fraction.padEnd(decimals, '0')}`)
  return wei === 0n ? null : wei
}
