/** Faults of a fleet, told to a webhook: in a form of our own, or in Discord's. The URL is a secret: whoever knows it can post. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Address, Hex } from 'viem'
import type { Clock } from '../platform/clock.ts'
import { failureReason, orRefuse } from '../platform/errors.ts'
import { PrivateAddressError, publicLookup, requirePublicHost } from '../transport/private-address.ts'
import { shortHex } from '../view/figures.ts'
import { fleetErrors } from './errors.ts'

export type FaultChange = {
  readonly change: 'appeared' | 'cleared'
  readonly code: string
  /** Null for what is the wallet's, the network's or a host's. */
  readonly device: Hex | null
  readonly operator: Address | null
  readonly message: string
  readonly fix: string
}

export type FaultReport = {
  readonly wallet: Address
  readonly chainId: number
  /** ISO 8601, by this machine's clock. */
  readonly time: string
  readonly faults: readonly FaultChange[]
}

type WebhookForm = 'generic' | 'discord'

export type WebhookOptions = {
  readonly url: string
  readonly form: WebhookForm
  /** Whether http:// and addresses that are not public may be posted to. */
  readonly allowPrivate: boolean
  /** For each attempt; default 10,000. */
  readonly timeoutMs?: number
}

export type Webhook = { post(report: FaultReport): Promise<void> }

/** Before another attempt. */
const waitsMs = [1_000, 5_000, 15_000]
const longestWaitMs = 60_000

/** @throws WEBHOOK_URL_INVALID */
export function openWebhook(
  { url: given, form, allowPrivate, timeoutMs = 10_000 }: WebhookOptions,
  clock: Clock,
): Webhook {
  const url = URL.parse(given)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw fleetErrors.WEBHOOK_URL_INVALID({ reason: 'it is no https:// address' })
  if (!allowPrivate) {
    if (url.protocol !== 'https:') throw fleetErrors.WEBHOOK_URL_INVALID({ reason: 'it is not https://' })
    orRefuse(
      () => requirePublicHost(url.hostname.replace(/^\[|\]$/g, '')),
      cause => fleetErrors.WEBHOOK_URL_INVALID({ reason: (cause as Error).message, cause }),
    )
  }
  const lookup = allowPrivate ? {} : { lookup: publicLookup() }

  /** A redirect is an answer like any other: it is not followed. */
  function attempt(body: string): Promise<{ status: number; retryAfterMs: number | null }> {
    const signal = AbortSignal.timeout(timeoutMs)
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const options = { method: 'POST', headers, signal, agent: false, ...lookup }
      const request = (url!.protocol === 'https:' ? requestHttps : requestHttp)(url!, options, response => {
        response.resume()
        const seconds = Number(response.headers['retry-after'])
        resolve({ status: response.statusCode ?? 0, retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : null })
      })
      request.on('error', error => reject(signal.aborted ? new Error('no answer in time') : error))
      request.end(body)
    })
  }

  return {
    async post(report) {
      const body = JSON.stringify(
        form === 'discord' ? discordForm(report) : { source: 'kaisar', version: 1, ...report },
      )
      for (let attempts = 1; ; attempts++) {
        const outcome = await attempt(body).catch((error: Error) => error)
        if (outcome instanceof PrivateAddressError)
          throw fleetErrors.WEBHOOK_URL_INVALID({ reason: outcome.message, cause: outcome })
        if (!(outcome instanceof Error) && outcome.status >= 200 && outcome.status < 300) return
        const isBusy = outcome instanceof Error || outcome.status === 429 || outcome.status >= 500
        const waitMs = waitsMs[attempts - 1]
        if (!isBusy || waitMs === undefined)
          throw fleetErrors.WEBHOOK_FAILED({
            host: url!.host,
            attempts,
            reason: outcome instanceof Error ? failureReason(outcome) : `HTTP status ${outcome.status}`,
          })
        const asked = outcome instanceof Error ? null : outcome.retryAfterMs
        await clock.sleep(Math.min(longestWaitMs, Math.max(waitMs, asked ?? 0)))
      }
    },
  }
}

/** Discord takes 2,000 characters. */
const mostText = 1_900

function discordForm({ wallet, chainId, faults }: FaultReport) {
  const lines = faults.map(
    ({ change, code, device, message }) =>
      `${change === 'appeared' ? '🔴' : '🟢'} **${code}**${device === null ? '' : ` \`${shortHex(device)}\``} ${change === 'cleared' ? 'is over' : message}`,
  )
  let text = `kaisar: wallet \`${shortHex(wallet)}\`, chain ${chainId}`
  for (const [i, line] of lines.entries()) {
    if (text.length + line.length > mostText) {
      text += `\n… and ${lines.length - i} more`
      break
    }
    text += `\n${line}`
  }
  // Nothing that a message quotes may call people.
  return { content: text, allowed_mentions: { parse: [] } }
}
