import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  isProcessAlive,
  processStart,
  readPidFile,
  stopWrittenProcess,
  sweepProcesses,
  writePidFile,
} from '../../../src/core/platform/pid-file.ts'
import { startSupervised } from '../../../src/core/platform/supervised-process.ts'
import { eventually } from '../../helpers/eventually.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kaisar-process-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const node = (script: string, extra: object = {}) =>
  startSupervised({ name: 'child', command: process.execPath, args: ['-e', script], ...extra })
const forever = 'setInterval(() => {}, 1000); console.log("ready")'

/** A child that has said it is ready. */
async function readyChild(script: string, extra: object = {}) {
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const child = await node(script, { onStdoutLine: () => resolve(), ...extra })
  await ready
  return child
}

describe('supervised process', () => {
  it('a supervised process delivers its lines and how it ended, and its output is kept', async () => {
    const out: string[] = []
    const child = await node('console.log("a\\nb"); process.stderr.write("c"); process.exitCode = 7', {
      onStdoutLine: (line: string) => out.push(line),
      logFile: join(folder, 'logs', 'child.log'),
    })
    expect(await child.exited).toEqual({ exitCode: 7, signal: null })
    expect({ out, running: isProcessAlive(child.pid) }).toEqual({ out: ['a', 'b'], running: false })
    await eventually(() =>
      expect(
        readFileSync(join(folder, 'logs', 'child.log'), 'utf8')
          .split('')
          .sort()
          .join(''),
      ).toBe('\n\nabc'),
    )
  })

  it('a supervised process ends on SIGTERM, and on SIGKILL when it ignores that', async () => {
    const willing = await readyChild(forever)
    expect(await willing.stop()).toEqual({ exitCode: null, signal: 'SIGTERM' })
    const deaf = await readyChild(`process.on('SIGTERM', () => {}); ${forever}`, { graceMs: 50 })
    expect(await deaf.stop()).toEqual({ exitCode: null, signal: 'SIGKILL' })
    expect(isProcessAlive(deaf.pid)).toBe(false)
  })

  it.runIf(process.platform === 'linux')(
    'a supervised process is not reached by a Ctrl-C meant for its parent',
    async () => {
      const child = await readyChild(forever)
      const groupOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[2]
      expect(groupOf(child.pid)).toBe(String(child.pid))
      await child.stop()
    },
  )

  it('the error names the program that could not be started', async () => {
    await expect(
      startSupervised({ name: 'anvil', command: join(folder, 'none'), args: [], diesWithParent: false }),
    ).rejects.toMatchObject({ code: 'PROCESS_NOT_STARTED', message: expect.stringContaining('ENOENT') })
  })

  it('a supervised process dies with its parent, even when that is killed', async () => {
    const module = new URL('../../../src/core/platform/supervised-process.ts', import.meta.url).href
    const script = `const { startSupervised } = await import(${JSON.stringify(module)})
      const child = await startSupervised({ name: 'child', command: process.execPath, args: ['-e', ${JSON.stringify(forever)}],
        onStdoutLine: () => console.log(child.pid) })`
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [chunk] = await once(parent.stdout, 'data')
    const pid = Number(String(chunk).trim())
    expect(isProcessAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    await eventually(() => expect(isProcessAlive(pid)).toBe(false))
  })
})

describe('pid files', () => {
  it('a pid file is written at the start and removed at the end', async () => {
    const pidFile = join(folder, 'child.pid')
    const child = await readyChild(forever, { pidFile })
    expect(readPidFile(pidFile)).toEqual({ name: 'child', pid: child.pid, processStart: processStart(child.pid) })
    await child.stop()
    expect(existsSync(pidFile)).toBe(false)
  })

  it('a later start ends the processes of pid files that were left behind', async () => {
    const child = await readyChild(forever)
    writePidFile(join(folder, 'left.pid'), { name: 'left', pid: child.pid })
    writePidFile(join(folder, 'gone.pid'), { name: 'gone', pid: 2 ** 22 - 1 })
    expect(await sweepProcesses(folder)).toEqual(['left'])
    expect(await child.exited).toEqual({ exitCode: null, signal: 'SIGTERM' })
    expect(await sweepProcesses(folder)).toEqual([])
    expect(await sweepProcesses(join(folder, 'none'))).toEqual([])
  })

  it('a pid file never names a process that has the same id by chance', async () => {
    const child = await readyChild(forever)
    expect(await stopWrittenProcess({ name: 'old', pid: child.pid, processStart: '1' })).toBe(false)
    expect(isProcessAlive(child.pid)).toBe(true)
    await child.stop()
  })
})
