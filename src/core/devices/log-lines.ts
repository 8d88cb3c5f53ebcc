import { isObject } from '../platform/output.ts'

/** A kernel log's lines with their times, whatever printed them, in the order in which they happened. */

type Form = 'uptime' | 'clock'
type Time = { readonly form: Form; readonly at: number; readonly rest: string }

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** `[  12.345678] `, `<6>[ …`, `6,3973,227996636,-;` (/dev/kmsg): seconds since the start of the kernel. */
const uptime = /^(?:<\d+>)?\[\s*(\d+\.\d{3,})\]\s?/
const kmsg = /^\d+,\d+,(\d+),[^;]*;/
/** `[Thu Jul 18 16:03:50 2024] ` (dmesg -T), `Jul 18 16:03:50 host kernel: `, `2024-07-18T16:03:50,123456+00:00 `. */
const dated = /^(?:<\d+>)?\[[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]?\d) (\d\d):(\d\d):(\d\d) (\d{4})\]\s?/
const syslog = /^([A-Z][a-z]{2}) ([ \d]?\d) (\d\d):(\d\d):(\d\d)(\.\d+)? (?:\S+ )?(?:\S+ )?kernel: ?/
const iso = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)? (?:\S+ kernel: ?)?/

function timeOf(line: string): Time | null {
  const rest = (match: RegExpExecArray) => line.slice(match[0].length).replace(uptime, '')
  const since = uptime.exec(line) ?? kmsg.exec(line)
  // /dev/kmsg counts microseconds.
  if (since) return { form: 'uptime', at: Number(since[1]) / (since[1]!.includes('.') ? 1 : 1e6), rest: rest(since) }
  const full = iso.exec(line)
  if (full) {
    const zone = (full[3] ?? 'Z').replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')
    const at = Date.parse(`${full[1]}.${(full[2] ?? '0').slice(0, 3)}${zone}`) / 1000
    return Number.isFinite(at) ? { form: 'clock', at, rest: rest(full) } : null
  }
  const day = dated.exec(line) ?? syslog.exec(line)
  if (!day) return null
  const [, month, date, hour, minute, second, more] = day
  // syslog leaves the year out; within one log any year orders the lines, and the turn of a year is seen below.
  const year = more !== undefined && /^\d{4}$/.test(more) ? Number(more) : 2000
  const fraction = more?.startsWith('.') ? Number(more) : 0
  const at = Date.UTC(year, months.indexOf(month!), Number(date), Number(hour), Number(minute), Number(second)) / 1000
  return { form: 'clock', at: at + fraction, rest: rest(day) }
}

export const isTimed = (line: string): boolean => timeOf(line) !== null || /\bkernel: /.test(line)

/** `dmesg --json` (one document) and `journalctl -k -o json` (one a line) as the text that they hold; null for any other JSON. */
export function logOfJson(values: readonly unknown[]): string | null {
  const entries = values.flatMap(value =>
    isObject(value) && Array.isArray(value.dmesg) ? value.dmesg.filter(isObject) : isObject(value) ? [value] : [],
  )
  const lines = entries.flatMap(({ msg, time, MESSAGE, __REALTIME_TIMESTAMP: stamp }) =>
    typeof msg === 'string'
      ? [`[${Number(time).toFixed(6)}] ${msg}`]
      : typeof MESSAGE === 'string'
        ? [`${new Date(Number(stamp ?? 0) / 1000 || 0).toISOString()} host kernel: ${MESSAGE}`]
        : [],
  )
  return lines.length > 0 && lines.length === entries.length ? lines.join('\n') : null
}

/** A start of the kernel: what was logged before it is of the run before. */
export const isBoot = (text: string): boolean => /^Linux version \d|^-- (?:Boot [0-9a-f]|Reboot --)/.test(text)

const halfYear = 180 * 86_400

/**
 * Text of each line without its time, oldest first. A log that is printed backwards is turned round; lines out of order are put
 * in order within one run of the kernel. A line without a time belongs to the one before it.
 */
export function orderedLines(log: string): string[] {
  const groups: { form: Form | null; at: number; texts: string[] }[] = []
  for (const full of log.split(/\r?\n/).filter(line => line.trim() !== '')) {
    const line = full.slice(0, 2048)
    const time = timeOf(line)
    if (time) groups.push({ form: time.form, at: time.at, texts: [time.rest.trim()] })
    else if (groups.length > 0) groups.at(-1)!.texts.push(line.trim())
    else groups.push({ form: null, at: Number.NEGATIVE_INFINITY, texts: [line.trim()] })
  }
  const timed = groups.filter(({ form }) => form !== null)
  // Two clocks in one text cannot be compared.
  if (new Set(timed.map(({ form }) => form)).size !== 1) return groups.flatMap(({ texts }) => texts)
  const steps = timed.slice(1).map(({ at }, before) => at - timed[before]!.at)
  const backwards = steps.filter(step => step < 0).length > steps.filter(step => step > 0).length
  const forward = backwards && steps.length > 1 ? groups.toReversed() : groups
  let run = 0
  let latest = Number.NEGATIVE_INFINITY
  const placed = forward.map(group => {
    const turnOfYear = group.form === 'clock' && group.at < latest - halfYear
    if (isBoot(group.texts[0]!) || turnOfYear) run++
    latest = turnOfYear ? group.at : Math.max(latest, group.at)
    return { ...group, run }
  })
  return placed.toSorted((a, b) => a.run - b.run || a.at - b.at).flatMap(({ texts }) => texts)
}
