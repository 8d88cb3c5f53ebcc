/** The name under which it is recorded what the recipients of a file were sent. */
import { createHash } from 'node:crypto'
import { realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { ListedTransfer } from './transfer-list.ts'
import { slotOf, type TransferRecord } from './transfer-record.ts'

/** Of what has no place on a disk: flags, the standard input, a pipe. */
export const namelessList = 'transfers'

/**
 * The file's name and a mark of its place, without its ending: `may/pay.csv` and `june/pay.csv` are two lists, and a list that is corrected
 * where it lies stays the same one.
 *
 * @returns 1 to 57 letters, digits, `-` and `_`; {@link namelessList} for what is not a file
 */
export function nameOfListFile(file: string): string {
  if (!statSync(file).isFile()) return namelessList
  const path = realpathSync(file)
  const stem = basename(path, extname(path))
  const mark = createHash('sha256')
    .update(join(dirname(path), stem))
    .digest('hex')
    .slice(0, 8)
  return `${
    stem
      .replaceAll(/[^\w-]/g, '-')
      .replace(/^-+/, '')
      .slice(0, 48) || 'list'
  }-${mark}`
}

/** How many of the list were sent the same amount under another name, and under which, most first. */
export function sentUnderOtherNames(
  list: readonly ListedTransfer[],
  records: readonly TransferRecord[],
): { readonly name: string; readonly count: number }[] {
  return records
    .map(({ name, transfers }) => {
      const sent = new Map(transfers.filter(({ nonce }) => nonce !== null).map(each => [slotOf(each), each.amount]))
      return { name, count: list.filter(each => sent.get(slotOf(each)) === each.amount).length }
    })
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
}
