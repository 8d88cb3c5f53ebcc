/** The newest release, as the npm registry says. Nothing is sent but the name of the package. */

import { z } from 'zod'
import { parseJson } from '../platform/output.ts'
import { updateErrors } from './errors.ts'

export type Release = {
  readonly installed: string
  readonly newest: string
  readonly isNewer: boolean
  /** Node that the newest one asks for, as npm writes it; null where it does not say. */
  readonly node: string | null
}

const version = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]{1,100}))?$/
const documentSchema = z.object({
  version: z.string().regex(version),
  engines: z.object({ node: z.string().max(100).optional() }).optional(),
})
const mostBytes = 1024 * 1024

type NewestReleaseOptions = { registry: string; name: string; installed: string; timeoutMs?: number }

/** @throws UPDATE_UNKNOWN */
export async function newestRelease({
  registry,
  name,
  installed,
  timeoutMs = 10_000,
}: NewestReleaseOptions): Promise<Release> {
  const unknown = (reason: string, cause?: unknown) =>
    updateErrors.UPDATE_UNKNOWN({ registry: URL.parse(registry)?.origin ?? registry, reason, cause })
  const url = URL.parse(`${registry.replace(/\/+$/, '')}/${encodeURIComponent(name)}/latest`)
  if (url === null || !/^https?:$/.test(url.protocol)) throw unknown('is no http:// or https:// address')
  let response: Response
  let text: string
  try {
    response = await fetch(url, { headers: { accept: 'application/json' }, signal: AbortSignal.timeout(timeoutMs) })
    text = await response.text()
  } catch (cause) {
    const { name: kind, message, cause: inner } = cause as Error
    const reason = (inner as { code?: string } | undefined)?.code ?? message
    throw unknown(
      kind === 'TimeoutError' ? `did not answer within ${timeoutMs / 1000} s` : `does not answer (${reason})`,
      cause,
    )
  }
  if (response.status === 404) throw unknown(`does not have the package "${name}"`)
  if (!response.ok) throw unknown(`answers with HTTP status ${response.status}`)
  const document = documentSchema.safeParse(text.length > mostBytes ? undefined : parseJson(text))
  if (!document.success) throw unknown('answers with what is no description of a package')
  const { version: newest, engines } = document.data
  return { installed, newest, isNewer: compareReleases(newest, installed) > 0, node: engines?.node ?? null }
}

/** By the rules of semver.org: of equal numbers a pre-release is older. Below zero where `a` is older. */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [version.exec(a), version.exec(b)]
  if (left === null || right === null) return 0
  for (const i of [1, 2, 3]) {
    const difference = Number(left[i]) - Number(right[i])
    if (difference !== 0) return difference
  }
  if (left[4] === right[4]) return 0
  if (left[4] === undefined || right[4] === undefined) return left[4] === undefined ? 1 : -1
  return comparePreReleases(left[4].split('.'), right[4].split('.'))
}

function comparePreReleases(a: readonly string[], b: readonly string[]): number {
  for (const [i, part] of a.entries()) {
    const other = b[i]
    if (other === undefined) return 1
    if (part === other) continue
    const [isNumber, otherIsNumber] = [/^\d+$/.test(part), /^\d+$/.test(other)]
    if (isNumber && otherIsNumber) return Number(part) - Number(other)
    if (isNumber !== otherIsNumber) return isNumber ? -1 : 1
    return part < other ? -1 : 1
  }
  return a.length - b.length
}
