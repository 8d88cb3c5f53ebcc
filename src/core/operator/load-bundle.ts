/** An evidence bundle from a file, or by its hash from the Checker that serves it. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import type { Hex } from 'viem'
import { reportErrors } from '../report/errors.ts'
import { bundleHash, bundleLimit, decodeBundle, type EvidenceBundle } from '../report/evidence-bundle.ts'
import { getContent } from '../transport/get-content.ts'
import { operatorErrors } from './errors.ts'

export type LoadedBundle = { readonly hash: Hex; readonly bytes: Uint8Array; readonly bundle: EvidenceBundle }

/**
 * @param options.source - path of a file, or the bundle's hash
 * @param options.from - the endpoint that serves it, for a hash. It need not be trusted: the hash is.
 * @throws BUNDLE_SOURCE_MISSING, BUNDLE_FILE_UNREADABLE, BUNDLE_NOT_SERVED, BUNDLE_OTHER, REPORT_BUNDLE_MALFORMED,
 * REPORT_BUNDLE_VERSION_UNKNOWN, and what {@link getContent} throws
 */
export async function loadBundle(
  { source, from }: { readonly source: string; readonly from?: string | undefined },
  { get = getContent }: { readonly get?: typeof getContent } = {},
): Promise<LoadedBundle> {
  const named = /^0x[0-9a-f]{64}$/i.test(source)
  const bytes = named ? await fetchBundle(source.toLowerCase() as Hex, from, get) : await readBundle(source)
  return { hash: bundleHash(bytes), bytes, bundle: decodeBundle(bytes) }
}

/** @throws BUNDLE_FILE_UNWRITABLE, also where the file exists: nothing is overwritten */
export async function saveBundle({ bytes }: Pick<LoadedBundle, 'bytes'>, path: string): Promise<void> {
  try {
    await writeFile(path, bytes, { flag: 'wx' })
  } catch (cause) {
    throw operatorErrors.BUNDLE_FILE_UNWRITABLE({
      path,
      reason: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    })
  }
}

async function readBundle(path: string): Promise<Uint8Array> {
  try {
    // Before anything is read: a file of any size may be named.
    const { size } = await stat(path)
    if (size > bundleLimit)
      throw reportErrors.REPORT_BUNDLE_MALFORMED({
        problem: `it has ${size} bytes, at most ${bundleLimit} are possible`,
      })
    return await readFile(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === undefined || code.startsWith('REPORT_')) throw cause
    throw operatorErrors.BUNDLE_FILE_UNREADABLE({ path, reason: code, cause })
  }
}

async function fetchBundle(hash: Hex, endpoint: string | undefined, get: typeof getContent): Promise<Uint8Array> {
  if (endpoint === undefined) throw operatorErrors.BUNDLE_SOURCE_MISSING({ hash })
  const path = `/evidence/${hash}`
  const { status, body } = await get({ endpoint, path, limitBytes: bundleLimit, timeoutMs: 30_000 })
  if (status !== 200) throw operatorErrors.BUNDLE_NOT_SERVED({ endpoint, hash, status })
  const found = bundleHash(body)
  if (found !== hash) throw operatorErrors.BUNDLE_OTHER({ endpoint, hash, found })
  return body
}
