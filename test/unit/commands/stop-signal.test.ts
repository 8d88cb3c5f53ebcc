import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, it, onTestFinished } from 'vitest'
import { eventually } from '../../helpers/eventually.ts'
import { isolatedHome } from '../../helpers/run-cli.ts'

const program = fileURLToPath(new URL('../../helpers/draining-command.ts', import.meta.url))
const start = (...args: string[]) =>
  execa(process.execPath, [program, ...args], { env: isolatedHome().env, reject: false })

it('a process that drains without end is ended by the second SIGTERM', async () => {
  const child = spawn(process.execPath, [program, 'drains'], { env: { ...process.env, ...isolatedHome().env } })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  await eventually(() => expect(output).toContain('ready'), 30_000)
  child.kill('SIGTERM')
  await eventually(() => expect(output).toContain('draining'))
  expect(child.exitCode).toBeNull()
  // What follows within half a second counts as the same signal.
  await eventually(() => {
    child.kill('SIGTERM')
    expect(child.exitCode).toBe(130)
  }, 15_000)
})

it('an unhandled rejection ends a daemon with a coded error, in text and in JSON', async () => {
  const text = await start('rejects')
  expect(text.exitCode).toBe(1)
  expect(text.stderr).toContain('[UNEXPECTED] kaisar did not foresee this error: nobody awaits this')
  expect(text.stderr).not.toMatch(/^\s+at /m)
  const { exitCode, stdout } = await start('rejects', '--json')
  expect(exitCode).toBe(1)
  expect(JSON.parse(stdout.split('\n').at(-1)!).errors[0]).toMatchObject({ code: 'UNEXPECTED' })
})
