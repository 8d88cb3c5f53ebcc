// Every error by its code, and every error of the contracts by its name: what the troubleshooting page and `kaisar help CODE` say.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/** @returns in order, `{ codes, contracts, refusalFix }`: entries of a name and `{ meaning, fix, exit, isRefusal }`; a contract's error has the first two */
export async function readErrorCatalogue() {
  const modules = readdirSync(source, { recursive: true }).filter(path => /(^|[/-])errors\.ts$/.test(path))
  for (const path of modules.sort()) await import(join(source, path))
  const { errorCatalogue, refusalFix } = await import(join(source, 'core/platform/errors.ts'))
  const { contractErrors } = await import(join(source, 'core/chain/contract-errors.ts'))
  const byName = ([a], [b]) => (a < b ? -1 : 1)
  return {
    codes: [...errorCatalogue].sort(byName),
    contracts: [...contractErrors].sort(byName),
    refusalFix,
  }
}
