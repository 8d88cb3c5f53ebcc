import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { parseDuration } from '../../../src/commands/input-values.ts'
import { askControl, serveControl } from '../../../src/core/daemon/control-socket.ts'
import { platformErrors } from '../../../src/core/platform/platform-errors.ts'
import { askProvider, controlPath } from '../../../src/core/provider/control.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'kaisar-control-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

it('one request gets one answer over a socket that nobody else may open, also where a process left one behind', async () => {
  const path = join(folder(), 'control.sock')
  writeFileSync(path, '')
  const server = await serveControl(path, request => ({ heard: request }))
  onTestFinished(server.close)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await askControl(path, { command: 'states' })).toEqual({ heard: { command: 'states' } })
  const both = await Promise.all([askControl(path, 1), askControl(path, 2)])
  expect(both).toEqual([{ heard: 1 }, { heard: 2 }])
})

it('a coded error arrives as one, and bytes that are no request end in an error and harm nobody', async () => {
  const path = join(folder(), 'control.sock')
  const server = await serveControl(path, () => {
    throw platformErrors.ADDRESS_INVALID({ input: 'x' })
  })
  onTestFinished(server.close)
  await expect(askControl(path, {})).rejects.toMatchObject({ code: 'ADDRESS_INVALID', fix: expect.any(String) })
  const said = await new Promise<string>(resolve => {
    const socket = connect(path, () => socket.write('no json\n'))
    socket.on('data', data => resolve(String(data)))
  })
  expect(JSON.parse(said)).toMatchObject({ ok: false })
  // A line without an end is cut off.
  await new Promise<void>(resolve => {
    const socket = connect(path, () => socket.write('x'.repeat(70_000)))
    socket.on('error', () => undefined).on('close', () => resolve())
  })
  await expect(askControl(path, {})).rejects.toMatchObject({ code: 'ADDRESS_INVALID' })
})

it('connections that cannot be accepted end nothing, however many they are', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen')
  onTestFinished(() => listen.mockRestore())
  const path = join(folder(), 'control.sock')
  const server = await serveControl(path, request => request)
  onTestFinished(server.close)
  const [listener] = listen.mock.contexts as Server[]
  const full = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' })
  for (const _ of [1, 2, 3]) expect(listener!.emit('error', full)).toBe(true)
  expect(await askControl(path, 1)).toBe(1)
})

it('a path that the kernel would cut off is refused', async () => {
  await expect(serveControl(join(folder(), 'x'.repeat(120)), () => null)).rejects.toThrow('longer than')
})

it('without a daemon the answer is what to do', async () => {
  const path = folder()
  await expect(askProvider(path, { command: 'states' })).rejects.toMatchObject({ code: 'CONTROL_NO_DAEMON', exit: 3 })
  expect(controlPath(path)).toBe(join(path, 'control.sock'))
})

it('lengths of time are read as people type them', () => {
  const read = ['90s', '45m', '2h', '1d', '1h30m', '1d2h3m4s']
  expect(read.map(parseDuration)).toEqual([90, 2_700, 7_200, 86_400, 5_400, 93_784])
  for (const bad of ['', '0m', '2', 'h', '2 h', '-1h', '30m1h', '1.5h']) expect(parseDuration(bad)).toBeNull()
})
