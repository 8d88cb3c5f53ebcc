/** One value as a vendor's tool printed it. Tools write "no value" and "could not read it" in many ways; both are kept apart. */
export type Cell =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'failed'
      readonly code: 'GPU_RESET_REQUIRED' | 'GPU_LOST' | 'GPU_READING_DENIED' | 'GPU_READING_FAILED'
    }

/** What stands beside the first pattern that fits a text, or null. */
export const firstFit = <T>(text: string, rows: readonly (readonly [pattern: RegExp, means: T])[]): T | null =>
  rows.find(([pattern]) => pattern.test(text))?.[1] ?? null

const absentTexts =
  /^(?:n\/?a|none reported|not supported|not available|not found|not applicable|redacted|unknown|masked|-+|\?+|requested functionality has been deprecated|n\/a \(.*\))$/i

/** `[N/A]` and `N/A` mean the same; brackets are what the CSV form adds. */
export function readCell(raw: string | null | undefined): Cell {
  const text = (raw ?? '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .trim()
  if (text === '' || absentTexts.test(text)) return { kind: 'absent' }
  if (/requires? reset|reset required/i.test(text)) return { kind: 'failed', code: 'GPU_RESET_REQUIRED' }
  if (/gpu is lost|fallen off/i.test(text)) return { kind: 'failed', code: 'GPU_LOST' }
  if (/insufficient permissions?|no permission/i.test(text)) return { kind: 'failed', code: 'GPU_READING_DENIED' }
  if (/^(?:unknown error|err!?|error|failed|timeout|unable to .*)$/i.test(text))
    return { kind: 'failed', code: 'GPU_READING_FAILED' }
  // Some versions append a remark: "610.57.04 [Deprecated; use …]".
  return { kind: 'value', text: text.replace(/\s*\[deprecated[^\]]*\]$/i, '') }
}

export const textOf = (raw: string | null | undefined): string | null => {
  const cell = readCell(raw)
  return cell.kind === 'value' ? cell.text : null
}

/** The leading number, whatever unit follows: `53.0`, `16x`, `98 %`, `(1402Mhz)`. */
export function numberOf(raw: string | null | undefined): number | null {
  const text = textOf(raw)
  const match = text === null ? null : /^\(?([+-]?\d+(?:\.\d+)?)/.exec(text)
  const value = match ? Number(match[1]) : Number.NaN
  return Number.isFinite(value) ? value : null
}

export const integerOf = (raw: string | null | undefined): number | null => {
  const value = numberOf(raw)
  return value === null || Math.abs(value) > Number.MAX_SAFE_INTEGER ? null : Math.round(value)
}

const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  kb: 2 ** 10,
  kib: 2 ** 10,
  mb: 2 ** 20,
  mib: 2 ** 20,
  gb: 2 ** 30,
  gib: 2 ** 30,
  tb: 2 ** 40,
  tib: 2 ** 40,
}

/** A memory size in MiB. The tools that say MB and GB mean binary multiples. `unit` is used where the text has none. */
export function mebibytesOf(raw: string | null | undefined, unit: 'b' | 'mib' = 'mib'): number | null {
  const value = numberOf(raw)
  if (value === null || value < 0) return null
  const said = /[\d.]\s*([kmgt]?i?b|bytes)\b/i.exec(raw ?? '')?.[1]?.toLowerCase()
  const mebibytes = Math.floor((value * (unitBytes[said ?? unit] ?? 1)) / 2 ** 20)
  return Number.isSafeInteger(mebibytes) ? mebibytes : null
}

/** `Yes`/`No`, `Active`/`Not Active`, `Enabled`/`Disabled`; null for anything else. */
export function booleanOf(raw: string | null | undefined): boolean | null {
  const text = textOf(raw)?.toLowerCase()
  if (text === undefined) return null
  if (/^(?:yes|true|active|enabled|on|1)$/.test(text)) return true
  if (/^(?:no|false|not active|inactive|disabled|off|0)$/.test(text)) return false
  return null
}

/** PCI address with a four-digit domain where it fits, lower case: `00000000:01:00.0`, `PCI:0000:01:00`, `01:00.0`. */
export function pciAddressOf(raw: string | null | undefined): string | null {
  const match = /^(?:pci:)?(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})(?:\.([0-7]))?$/i.exec(
    (raw ?? '').trim(),
  )
  if (!match) return null
  const [, domain = '0', bus, device, fn = '0'] = match
  const hex = (text: string, width: number) => Number.parseInt(text, 16).toString(16).padStart(width, '0')
  return `${hex(domain, 4)}:${hex(bus!, 2)}:${hex(device!, 2)}.${fn}`
}

/** `vendor:device` from the forms in use: `233010DE`, `0x233010DE`, and `0x74a1` with the vendor known. */
export function pciDeviceIdOf(raw: string | null | undefined, vendor: '10de' | '1002' | '8086'): string | null {
  const hex = /^(?:0x)?([0-9a-f]{1,8})$/i.exec((raw ?? '').trim())?.[1]?.toLowerCase()
  if (!hex) return null
  const padded = hex.padStart(8, '0')
  if (hex.length > 4)
    return padded.endsWith(vendor) && !padded.startsWith('0000') ? `${vendor}:${padded.slice(0, 4)}` : null
  return /^0*$/.test(hex) ? null : `${vendor}:${hex.padStart(4, '0')}`
}

/** A UUID that tells devices apart: not empty, not masked. Masks seen: zeros, one repeated digit, X or * in place of digits. */
export function usableUuid(raw: string | null | undefined): string | null {
  const text = textOf(raw)
  if (!text || /[x*?]{3,}/i.test(text.replace(/^0x/i, ''))) return null
  const digits = text.replace(/^(?:mig-)?(?:gpu-)?(?:0x)?/i, '').replace(/[^0-9a-f]/gi, '')
  return digits.length < 6 || /^(.)\1*$/.test(digits) ? null : text
}

/**
 * A UUID that a vendor's tool made, where it tells cards apart. AMD's holds the chip's serial number in its first byte and its last
 * seven (amdsmi_get_gpu_device_uuid): without one it is the model's. Intel's tools fill it with ids and the PCI address, the same on
 * every host with that card in that slot; one that names a chip has digits in most places.
 */
export function vendorUuid(raw: string | null | undefined, vendor: 'nvidia' | 'amd' | 'intel'): string | null {
  const text = usableUuid(raw)
  const digits = text?.replace(/-/g, '').toLowerCase() ?? ''
  if (text === null || vendor === 'nvidia' || digits.length !== 32) return text
  if (vendor === 'amd' && digits.slice(8, 18) === '0000100080')
    return usableSerial(digits.slice(0, 2) + digits.slice(18)) === null ? null : text
  return digits.replace(/0/g, '').length < 16 ? null : text
}

/** What boards hold where nobody set a serial number (system firmware does the same). */
const placeholders =
  /^(?:default string|to be filled.*|not (?:specified|applicable)|system serial.*|serial ?number|none|123456789\d*|0123456789.*)$/i

/** A serial number that tells cards apart; virtual machines and maskers repeat one digit. */
export function usableSerial(raw: string | null | undefined): string | null {
  const text = textOf(raw)
  const digits = text?.replace(/^0x/i, '') ?? ''
  return !text || text.length < 4 || /^(.)\1*$/.test(digits) || /^[*xX]+$/.test(digits) || placeholders.test(text)
    ? null
    : text
}
