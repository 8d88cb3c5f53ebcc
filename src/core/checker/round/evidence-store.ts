/** Evidence bundles by their hash, in the same database as the verdicts that rest on them: both reach the disk together. */
import type { Hex } from 'viem'
import type { Store } from '../../platform/store.ts'
import { bundleHash, type EvidenceBundle, encodeBundle } from '../../report/evidence-bundle.ts'

export const evidenceTable = 'CREATE TABLE evidence (hash TEXT PRIMARY KEY, bundle BLOB NOT NULL) STRICT;'

export type EvidenceStore = {
  /** Keeps a bundle and returns its content address. */
  keep(bundle: EvidenceBundle): Hex
  /** The bytes of a bundle, or null; any other name than a hash finds nothing. */
  read(hash: string): Uint8Array | null
}

export function createEvidenceStore(store: Store): EvidenceStore {
  return {
    keep(bundle) {
      const bytes = encodeBundle(bundle)
      const hash = bundleHash(bytes)
      store.run('INSERT OR IGNORE INTO evidence VALUES (?, ?)', hash, bytes)
      return hash
    },
    read: hash => store.get<{ bundle: Uint8Array }>('SELECT bundle FROM evidence WHERE hash = ?', hash)?.bundle ?? null,
  }
}
