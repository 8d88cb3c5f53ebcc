/** What a registry answers, over real HTTP. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { compareReleases, newestRelease } from '../../../src/core/update/newest-release.ts'

async function registryWith(status: number, body: string | null) {
  const asked: { url: string; headers: string[] }[] = []
  const server = createServer((request, response) => {
    asked.push({ url: request.url!, headers: Object.keys(request.headers).sort() })
    if (body !== null) response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { registry: `http://127.0.0.1:${(server.address() as AddressInfo).port}/npm/`, asked }
}
const of = (registry: string, timeoutMs = 60_000) =>
  newestRelease({ registry, name: 'kaisar', installed: '0.1.0', timeoutMs })

test('says what is newer, and which Node it needs; the registry learns the name of the package alone', async () => {
  const { registry, asked } = await registryWith(200, '{"version":"0.2.0","engines":{"node":">=24"},"more":1}')
  expect(await of(registry)).toEqual({ installed: '0.1.0', newest: '0.2.0', isNewer: true, node: '>=24' })
  expect(asked.map(({ url }) => url)).toEqual(['/npm/kaisar/latest'])
  const told = asked[0]!.headers.filter(name => /cookie|auth|machine|npm|kaisar/.test(name))
  expect(told).toEqual([])
  const same = await registryWith(200, '{"version":"0.1.0"}')
  expect(await of(same.registry)).toMatchObject({ isNewer: false, node: null })
})

test.each([
  ['a registry without the package', 404, '{}', 'does not have the package "kaisar"'],
  ['one that fails', 503, '', 'answers with HTTP status 503'],
  ['a page of a hotel', 200, '<html>Please log in', 'answers with what is no description of a package'],
  ['a version that is none', 200, '{"version":"$(reboot)"}', 'answers with what is no description of a package'],
  ['silence', 200, null, 'did not answer within 0.3 s'],
])('%s: says so', async (_, status, body, reason) => {
  const { registry } = await registryWith(status, body)
  await expect(of(registry, body === null ? 300 : undefined)).rejects.toMatchObject({
    code: 'UPDATE_UNKNOWN',
    exit: 3,
    context: { reason },
  })
})

test('offline: says so', async () => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  await expect(of(`http://127.0.0.1:${port}`)).rejects.toMatchObject({
    code: 'UPDATE_UNKNOWN',
    message: expect.stringContaining(`http://127.0.0.1:${port} does not answer (ECONNREFUSED)`),
  })
  await expect(of('registry')).rejects.toMatchObject({ code: 'UPDATE_UNKNOWN' })
})

describe('versions', () => {
  /** The order that semver.org gives as its example, and numbers that text would put elsewhere. */
  const ordered = [
    '1.0.0-alpha',
    '1.0.0-alpha.1',
    '1.0.0-alpha.beta',
    '1.0.0-beta',
    '1.0.0-beta.2',
    '1.0.0-beta.11',
    '1.0.0-rc.1',
    '1.0.0',
    '1.2.0',
    '1.10.0',
    '10.0.0',
  ]
  test('are ordered as semver.org says', () => {
    for (const [i, a] of ordered.entries())
      for (const [j, b] of ordered.entries())
        expect(Math.sign(compareReleases(a, b)), `${a} ${b}`).toBe(Math.sign(i - j))
  })
})
