/** Evidence bundles as files named by their hash: written once, synced before anything refers to them, served to anybody. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { writeFileAtomically } from '../platform/write-file-atomically.ts'
import { bundleHash, type EvidenceBundle, encodeBundle } from '../report/evidence-bundle.ts'

export type EvidenceStore = {
  /** Keeps a bundle and returns its content address. */
  keep(bundle: EvidenceBundle): Hex
  /** The bytes of a bundle, or null; any other name than a hash finds nothing. */
  read(hash: string): Uint8Array | null
  /** Forgets a bundle: when the seat that could be asked for it may unbond. */
  remove(hash: Hex): void
}

export function openEvidenceStore(directory: string): EvidenceStore {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pathOf = (hash: string) => join(directory, `${hash.slice(2)}.bundle`)
  return {
    keep(bundle) {
      const bytes = encodeBundle(bundle)
      const hash = bundleHash(bytes)
      if (!existsSync(pathOf(hash))) writeFileAtomically(pathOf(hash), bytes)
      return hash
    },
    read: hash => (/^0x[0-9a-f]{64}$/.test(hash) && existsSync(pathOf(hash)) ? readFileSync(pathOf(hash)) : null),
    remove: hash => rmSync(pathOf(hash), { force: true }),
  }
}
