/** What Providers say of themselves on their metrics page: their release, and which devices they work with. */
import { readFileSync } from 'node:fs'
import type { Hex } from 'viem'
import { failureReason, orRefuse } from '../platform/errors.ts'
import { mapSome } from '../platform/map-some.ts'
import { readBody } from '../transport/get-content.ts'
import { fleetErrors } from './errors.ts'

export type HostReading = {
  readonly url: string
  /** Null where it did not answer, or is no Provider. */
  readonly version: string | null
  /** Ids of devices that have worked since it started. */
  readonly devices: readonly Hex[]
  readonly trouble: string | null
}

/** Hosts asked at once. */
const atOnce = 32
const timeoutMs = 5_000
/** A page of metrics of a host with many cards has some 100 kB. */
const mostBytes = 4 * 1024 * 1024

/** The addresses in a file, one a line. @throws FLEET_HOSTS_UNREADABLE */
export function readHostList(path: string): string[] {
  const text = orRefuse(
    () => readFileSync(path, 'utf8'),
    cause => fleetErrors.FLEET_HOSTS_UNREADABLE({ path, reason: failureReason(cause) }),
  )
  const lines = text.split(/\r?\n/).map(line => line.replace(/#.*/, '').trim())
  const hosts = lines.filter(line => line !== '')
  const wrong = hosts.find(host => !isOrigin(URL.parse(host)))
  // The line is not shown: it may hold a password.
  if (wrong !== undefined)
    throw fleetErrors.FLEET_HOSTS_UNREADABLE({
      path,
      reason: `line ${lines.indexOf(wrong) + 1} is no address such as http://10.0.0.5:9464, without user, path and query`,
    })
  return [...new Set(hosts)]
}

/** Whether a URL is an origin and nothing more: `/metrics` of the origin is read, so a path would be ignored silently. */
const isOrigin = (url: URL | null): boolean =>
  url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`

export const readHosts = (urls: readonly string[]): Promise<HostReading[]> => mapSome(atOnce, urls, readHost)

async function readHost(url: string): Promise<HostReading> {
  const none = { url, version: null, devices: [] }
  try {
    const response = await fetch(new URL('/metrics', url), {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    })
    const body = await readBody(response.body ?? [], mostBytes)
    if (body === null) return { ...none, trouble: 'its answer is too long' }
    const text = Buffer.from(body).toString()
    const version = /^kaisar_provider_build_info\{version="([^"\\]{1,64})"\} 1$/m.exec(text)?.[1] ?? null
    if (version === null) return { ...none, trouble: `HTTP status ${response.status}, and no metrics of a Provider` }
    const devices = new Set(
      [...text.matchAll(/^kaisar_provider_\w+\{[^}\n]*?device="(0x[0-9a-f]{64})"/gm)].map(match => match[1] as Hex),
    )
    return { url, version, devices: [...devices], trouble: null }
  } catch (error) {
    const { name, message, cause } = error as Error
    const reason = (cause as { code?: string } | undefined)?.code ?? message
    return { ...none, trouble: name === 'TimeoutError' ? `no answer within ${timeoutMs / 1000} s` : reason }
  }
}
