// Every code that kaisar shows: errors, those of its contracts by their names, faults of devices, and the reasons of verdicts, payments and
// statuses. What the troubleshooting page and `kaisar help CODE` say.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reasonGroups, reasons } from './reason-catalogue.mjs'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/**
 * @returns `{ codes, contracts, faults, reasons, reasonGroups, refusalFix }`: entries of a name and `{ meaning, fix, exit, isRefusal }`, the
 * last two for `codes` alone; all but reasons, which stand in their groups, in order
 */
export async function readErrorCatalogue() {
  const modules = readdirSync(source, { recursive: true }).filter(path => /(^|[/-])errors\.ts$/.test(path))
  for (const path of modules.sort()) await import(join(source, path))
  const { errorCatalogue, refusalFix } = await import(join(source, 'core/platform/errors.ts'))
  const { contractErrors } = await import(join(source, 'core/chain/contract-errors.ts'))
  const { faultTable } = await import(join(source, 'core/devices/fault-table.ts'))
  const { fixFor } = await import(join(source, 'core/devices/make-fault.ts'))
  const byName = ([a], [b]) => (a < b ? -1 : 1)
  return {
    codes: [...errorCatalogue].sort(byName),
    contracts: [...contractErrors].sort(byName),
    faults: Object.entries(faultTable)
      .map(([code, { meaning, fix }]) => [code, { meaning, fix: fixFor(fix, null) }])
      .sort(byName),
    reasons,
    reasonGroups,
    refusalFix,
  }
}
