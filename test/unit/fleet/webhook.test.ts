/** Webhooks over real HTTP: what is posted, what is tried again, and where nothing is posted to. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type FaultReport, openWebhook } from '../../../src/core/fleet/webhook.ts'
import { systemClock } from '../../../src/core/platform/clock.ts'

const fault = (digit: string) => ({
  change: 'appeared' as const,
  code: 'DEVICE_MISSED',
  device: `0x${digit.repeat(64)}` as const,
  operator: `0x${'a1'.repeat(20)}` as const,
  message: 'Epoch 7: it answered no round @everyone.',
  fix: 'Keep the Provider running.',
})
const report: FaultReport = {
  wallet: `0x${'b2'.repeat(20)}`,
  chainId: 31337,
  time: '2026-11-29T00:00:00.000Z',
  faults: [fault('d'), { ...fault('e'), change: 'cleared' }],
}

/** Answers with one status after another; the last one stays. */
async function receiver(...answers: readonly (number | 'silence')[]) {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answer = answers[Math.min(bodies.length, answers.length - 1)]!
    bodies.push(Buffer.concat(chunks).toString())
    if (answer === 'silence') return
    response.writeHead(answer, { 'retry-after': '7', location: '/elsewhere' }).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/token-of-the-hook`, bodies }
}

function open(url: string, form: 'generic' | 'discord' = 'generic', timeoutMs = 30_000) {
  const waits: number[] = []
  const clock = { ...systemClock, sleep: async (ms: number) => void waits.push(ms) }
  return { waits, webhook: openWebhook({ url, form, allowPrivate: true, timeoutMs }, clock) }
}

describe('a webhook', () => {
  test('is posted the whole report in the generic form', async () => {
    const { url, bodies } = await receiver(204)
    await open(url).webhook.post(report)
    expect(bodies.map(body => JSON.parse(body))).toEqual([{ source: 'kaisar', version: 1, ...report }])
  })

  test('is posted a message that Discord takes, which calls nobody, however many devices fail at once', async () => {
    const { url, bodies } = await receiver(204)
    const { webhook } = open(url, 'discord')
    await webhook.post(report)
    await webhook.post({ ...report, faults: Array.from({ length: 500 }, () => fault('d')) })
    const [few, many] = bodies.map(body => JSON.parse(body) as { content: string; allowed_mentions: object })
    expect(few!.content.split('\n')).toEqual([
      'kaisar: wallet `0xb2b2…b2b2`, chain 31337',
      '🔴 **DEVICE_MISSED** `0xdddd…dddd` Epoch 7: it answered no round @everyone.',
      '🟢 **DEVICE_MISSED** `0xeeee…eeee` is over',
    ])
    expect(few!.allowed_mentions).toEqual({ parse: [] })
    expect(many!.content.length).toBeLessThanOrEqual(2_000)
    const told = many!.content.match(/DEVICE_MISSED/g)!.length
    expect(many!.content).toMatch(new RegExp(`… and ${500 - told} more$`))
  })

  test('is tried again while it is busy or silent, as late as it asks for, and not for ever', async () => {
    const busy = await receiver(429, 503, 204)
    const patient = open(busy.url)
    await patient.webhook.post(report)
    expect([busy.bodies.length, patient.waits]).toEqual([3, [7_000, 7_000]])

    const silent = await receiver('silence')
    const failing = open(silent.url, 'generic', 100)
    await expect(failing.webhook.post(report)).rejects.toMatchObject({
      code: 'WEBHOOK_FAILED',
      context: { attempts: 4, reason: 'no answer in time' },
    })
    expect([silent.bodies.length, failing.waits]).toEqual([4, [1_000, 5_000, 15_000]])
  })

  test.each([404, 302])('is not tried again where it answers %s, and no redirect is followed', async status => {
    const { url, bodies } = await receiver(status)
    const error = await open(url)
      .webhook.post(report)
      .catch((error: Error) => error)
    expect(error).toMatchObject({ code: 'WEBHOOK_FAILED', context: { attempts: 1, reason: `HTTP status ${status}` } })
    expect(bodies).toHaveLength(1)
    expect(String((error as Error).message)).not.toContain('token-of-the-hook')
  })
})

describe('where reports go', () => {
  const refused = (url: string) => () => openWebhook({ url, form: 'generic', allowPrivate: false }, systemClock)
  test.each([
    'http://hooks.example/x',
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'https://169.254.169.254/latest/meta-data',
    'https://10.0.0.7/x',
    'https://[::ffff:192.168.0.1]/x',
    'ftp://hooks.example/x',
    'hooks.example',
  ])('%s is refused', url => expect(refused(url)).toThrow(expect.objectContaining({ code: 'WEBHOOK_URL_INVALID' })))

  test('a name that resolves to this machine is refused when it is looked up', async () => {
    const webhook = openWebhook({ url: 'https://localhost:1/x', form: 'generic', allowPrivate: false }, systemClock)
    await expect(webhook.post(report)).rejects.toMatchObject({ code: 'WEBHOOK_URL_INVALID' })
  })
})
