import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLogger } from '../../../src/core/platform/log.ts'
import { platformErrors } from '../../../src/core/platform/platform-errors.ts'
import { createRedactor } from '../../../src/core/platform/redact.ts'
import { anyText } from '../../helpers/arbitraries.ts'

function logged(format: 'json' | 'text' = 'json') {
  const lines: string[] = []
  const redactor = createRedactor()
  const log = createLogger({ level: 'debug', name: 'provider', format }, { write: line => lines.push(line), redactor })
  return { log, redactor, lines, last: () => JSON.parse(lines.at(-1)!) }
}

describe('redaction', () => {
  const secret = 'c0ffee'.repeat(10)
  it.each([
    ['a field', { privateKey: secret }],
    ['a nested field', { a: [{ b: { operator_private_key: secret } }] }],
    ['a password', { keystorePassword: secret }],
    ['an error', { error: Object.assign(new Error('x'), { password: secret }) }],
    ['the cause of an error', { error: new Error('x', { cause: { mnemonic: secret } }) }],
    ['a header', { headers: { Authorization: `Bearer ${secret}` } }],
    ['an RPC path', { url: `https://mainnet.example/v3/${secret}` }],
    ['an RPC query', { url: `wss://rpc.example/?key=${secret}` }],
    ['user info', { url: `https://user:${secret}@rpc.example` }],
    ['an error about a URL', { error: new Error(`fetch failed: https://rpc.example/${secret}`) }],
    ['bytes', { secretBytes: Buffer.from(secret), other: Buffer.from(secret) }],
  ])('a secret is removed from %s', (_where, fields) => {
    const { log, lines } = logged()
    log.warn(fields, 'something')
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toContain(secret)
  })

  it('the private part of a URL is removed from a message, and its host stays', () => {
    const { log, last } = logged()
    log.info(`no answer from https://mainnet.example:8545/v3/${secret}?x=1, trying http://127.0.0.1:8545`)
    expect(last().message).toBe('no answer from https://mainnet.example:8545/…, trying http://127.0.0.1:8545')
  })

  it('a known secret is removed wherever it appears, with or without 0x', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string(), fc.string(), (bytes, before, after) => {
        const hex = Buffer.from(bytes).toString('hex')
        const { log, redactor, lines } = logged()
        redactor.add(`0x${hex}`)
        log.info({ note: `${before}${hex}${after}`, list: [`0x${hex}`] }, `${before} 0x${hex}`)
        expect(lines[0]).not.toContain(hex)
      }),
      { numRuns: 200 },
    )
  })

  it('a password of six characters or more is removed however it is written', () => {
    const sixOrMore = anyText({ minLength: 6, maxLength: 40 }).filter(secret => /\W/.test(secret))
    fc.assert(
      fc.property(fc.oneof(sixOrMore, fc.constant('a"b\\c"d\n')), password => {
        const { log, redactor, last } = logged()
        redactor.add(password)
        log.info({ note: `<${password}>` }, `it was ${password}.`)
        expect([last().note, last().message]).toEqual(['<[redacted]>', 'it was [redacted].'])
      }),
      { numRuns: 1000 },
    )
    const { log, redactor, last } = logged()
    redactor.add('abcde')
    log.info('abcde')
    expect(last().message).toBe('abcde')
  })

  it('the key of an RPC URL is removed also where the rest of the URL is missing, and other URLs stay whole', () => {
    const redactor = createRedactor()
    const [path, query, password] = ['k'.repeat(16), 'q'.repeat(20), 'p@ssw0rd']
    redactor.addUrl(`https://user:${password}@rpc.example/mainnet/${path}?apikey=${query}`)
    for (const secret of [path, query]) expect(redactor.result(`"${secret}"`)).toBe('"[redacted]"')
    for (const secret of [path, query, password]) expect(redactor.text(`"${secret}"`)).toBe('"[redacted]"')
    redactor.add('operator')
    const result = '{"operator":"http://127.0.0.1:9464/metrics on mainnet"}'
    expect(redactor.result(result)).toBe(result)
  })

  it('public values stay in the log', () => {
    const { log, last } = logged()
    const fields = { address: '0x00', seedHash: 'a', secretHash: 'b', epoch: 12n, missing: null }
    log.info(fields, 'public')
    expect(last()).toMatchObject({ ...fields, epoch: '12', level: 'info', name: 'provider', message: 'public' })
  })
})

it('an error of ours is logged with its code, and a cyclic object does not hang the log', () => {
  const { log, last } = logged()
  log.error({ error: platformErrors.INTERRUPTED() }, 'failed')
  expect(last().error).toMatchObject({ code: 'INTERRUPTED', message: 'Interrupted.' })
  const cycle: Record<string, unknown> = {}
  cycle.self = cycle
  log.info({ cycle }, 'cycle')
  expect(last().message).toBe('cycle')
})

it('a terminal gets a readable line', () => {
  const { log, lines } = logged('text')
  log.warn({ device: '0xab', rows: 3 }, 'slow')
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}provider: slow {2}device=0xab rows=3\n$/)
})
