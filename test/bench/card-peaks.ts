/**
 * What vendors state of their cards, dense (without sparsity): int8 Top/s, bf16 and TF32 TFLOP/s with sums in fp32, GB/s of memory. From
 * the data sheets; a name is found by its pattern, the more particular first.
 */
export type CardPeak = {
  readonly card: string
  readonly int8: number
  readonly bf16: number
  readonly tf32: number
  readonly bandwidth: number
}

const table: readonly (readonly [RegExp, string, number, number, number, number])[] = [
  [/\bB200\b/, 'B200', 4_500, 2_250, 1_125, 8_000],
  [/\bH200\b/, 'H200', 1_979, 989, 495, 4_800],
  [/\bH100\b.*PCIe/i, 'H100 PCIe', 1_513, 756, 378, 2_000],
  [/\bH100\b/, 'H100 SXM', 1_979, 989, 495, 3_350],
  [/\bA100\b(?=.*PCIe).*80GB/i, 'A100 80 GB PCIe', 624, 312, 156, 1_935],
  [/\bA100\b.*80GB/i, 'A100 80 GB SXM', 624, 312, 156, 2_039],
  [/\bA100\b/, 'A100 40 GB', 624, 312, 156, 1_555],
  [/\bL40S\b/, 'L40S', 733, 362, 183, 864],
  [/\bL4\b/, 'L4', 242, 121, 60, 300],
  [/\bA10\b/, 'A10', 250, 125, 62.5, 600],
  [/RTX 5090\b(?! (Laptop|D))/, 'RTX 5090', 838, 209.5, 104.8, 1_792],
  [/RTX 4090\b(?! (Laptop|D))/, 'RTX 4090', 661, 165, 82.6, 1_008],
  [/RTX 3090\b(?! Ti)/, 'RTX 3090', 284, 71, 35.6, 936],
  [/RTX 3060\b(?! (Ti|Laptop))/, 'RTX 3060', 102, 25.5, 12.7, 360],
  [/MI300X\b/, 'MI300X', 2_615, 1_307, 654, 5_300],
]

/** The peaks of a card by the name that its driver gives, or null where it is not in the table. */
export function peakOf(name: string): CardPeak | null {
  const found = table.find(([pattern]) => pattern.test(name))
  if (found === undefined) return null
  const [, card, int8, bf16, tf32, bandwidth] = found
  return { card, int8, bf16, tf32, bandwidth }
}
