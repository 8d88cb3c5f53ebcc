import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Identity } from '../../../src/core/transport/transport.ts'
import { createIdentity } from '../../helpers/identities.ts'
import { serve } from './hosts.ts'

const operator = `0x${'ab'.repeat(20)}` as const
const devices = [`0x${'d1'.repeat(32)}`, `0x${'d2'.repeat(32)}`] as const
const upgrade = [
  'GET / HTTP/1.1',
  'Host: checker',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n')

async function openssl(args: readonly string[], input = ''): Promise<{ code: number; output: string }> {
  const child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: 20_000 })
  let output = ''
  child.stdout.on('data', data => {
    output += data
  })
  child.stderr.on('data', data => {
    output += data
  })
  child.stdin.on('error', () => {})
  child.stdin.write(input)
  // s_client ends when its input does, which may be before the answer came.
  const answered = /\r\n\r\n/
  child.stdout.on('data', () => answered.test(output) && child.stdin.end())
  if (input === '') child.stdin.end()
  const [code] = (await once(child, 'close')) as [number | null]
  return { code: code ?? -1, output }
}

const found = await openssl(['version']).catch(() => null)
if (found === null) console.warn('SKIPPED: openssl is not installed, so nothing here is compared with it.')

describe.skipIf(found === null)('openssl', () => {
  let folder: string
  let client: Identity
  let server: Identity
  let certificate: string
  let stop: () => Promise<void>
  let address: string
  let sessions = 0

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kaisar-openssl-'))
    client = await createIdentity('provider', operator, devices)
    server = await createIdentity('checker', operator)
    certificate = join(folder, 'certificate.pem')
    await writeFile(certificate, `${client.keyPem}\n${client.certificatePem}\n`, { mode: 0o600 })
    const bundle = { contentType: 'application/json', body: Buffer.from('{"evidence":true}') }
    const served = await serve({
      identity: server,
      limits: { handshakeTimeoutMs: 500 },
      onSession: () => (sessions += 1),
      onGet: async path => (path === '/evidence/0xab' ? bundle : null),
    })
    address = served.server.url.replace('wss://', '')
    stop = () => served.server.close()
  })
  afterAll(async () => {
    await stop()
    await rm(folder, { recursive: true })
  })

  it('openssl reads a device certificate and shows what it binds', async () => {
    const { code, output } = await openssl(['x509', '-in', certificate, '-noout', '-text', '-ext', 'subjectAltName'])
    expect(code).toBe(0)
    expect(output).toContain('prime256v1')
    expect(output).toContain('ecdsa-with-SHA256')
    for (const value of [`operator:${operator}`, ...devices.map(id => `device:${id}`), 'role:provider'])
      expect(output).toContain(`URI:urn:kaisar:${value}`)
  })

  it('openssl computes the same certificate hash', async () => {
    const { output } = await openssl(['x509', '-in', certificate, '-noout', '-fingerprint', '-sha256'])
    const fingerprint = /Fingerprint=([0-9A-F:]+)/.exec(output)![1]!
    expect(`0x${fingerprint.replaceAll(':', '').toLowerCase()}`).toBe(client.certificateHash)
  })

  it('openssl finds the self-signature of a certificate valid', async () => {
    expect(await openssl(['verify', '-check_ss_sig', '-CAfile', certificate, certificate])).toMatchObject({ code: 0 })
  })

  const connect = (...args: string[]) => ['s_client', '-connect', address, '-ign_eof', ...args]

  it('openssl without a certificate is refused as a client', async () => {
    const { output } = await openssl(connect('-quiet'), upgrade)
    expect(output).toContain('HTTP/1.1 401 Unauthorized')
    expect(output).not.toContain('101 Switching Protocols')
  })

  it('openssl with a certificate is accepted until the session is due', async () => {
    const { output } = await openssl(connect('-quiet', '-cert', certificate, '-key', certificate), upgrade)
    expect(output).toContain('101 Switching Protocols')
    expect(sessions).toBe(0)
  })

  it('openssl gets evidence without a certificate', async () => {
    const get = (path: string) =>
      openssl(connect('-quiet'), `GET ${path} HTTP/1.1\r\nHost: checker\r\nConnection: close\r\n\r\n`)
    const { output } = await get('/evidence/0xab')
    expect(output).toContain('HTTP/1.1 200 OK')
    expect(output).toContain('{"evidence":true}')
    expect((await get('/evidence/0xcd')).output).toContain('HTTP/1.1 404 Not Found')
  })

  it('openssl cannot negotiate a version below TLS 1.3', async () => {
    const { code, output } = await openssl(connect('-tls1_2'))
    expect(code).not.toBe(0)
    expect(output).toMatch(/alert protocol version/)
    expect((await openssl(connect('-brief'), 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n')).output).toContain(
      'TLSv1.3',
    )
  })
})
