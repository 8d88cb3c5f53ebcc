/** The harness that runs commands in this process says what a process of its own would, and leaves it as it was. */
import { rmSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { isolatedHome, runCli } from '../helpers/run-cli.ts'

const home = isolatedHome()
afterAll(() => rmSync(home.path, { recursive: true, force: true }))

it.each([
  [['keys', 'list']],
  [['keys', 'list', '--json']],
  [['keys', 'lst']],
  [['keys', 'new', 'x', '--json']],
  [['epoch', 'status', '--log-level', 'loud']],
  [['provider', 'run']],
])('%j says the same here and in a process', async words => {
  const [here, there] = await Promise.all([runCliHere(words, { env: home.env }), runCli(words, { env: home.env })])
  const { stdout, stderr, exitCode } = there
  expect(here).toMatchObject({ stdout, stderr, exitCode })
})

it('gives each run its own environment and streams, and leaves nothing behind', async () => {
  const before = {
    env: { ...process.env },
    write: process.stdout.write,
    exit: process.exit,
    console: globalThis.console,
  }
  const listeners = process.eventNames().map(name => [name, process.listenerCount(name)])
  const runs = ['loud', 'quiet'].map(level =>
    runCliHere(['keys', 'list'], { env: { ...home.env, KAISAR_LOG_LEVEL: level } }),
  )
  const [first, second] = await Promise.all(runs)
  expect(first!.stderr).toContain('loud')
  expect(second!.stderr).toContain('quiet')
  expect(second!.stderr).not.toContain('loud')
  expect({ ...process.env }).toEqual(before.env)
  expect(process.stdout.write).toBe(before.write)
  expect(process.exit).toBe(before.exit)
  expect(globalThis.console).toBe(before.console)
  expect(process.exitCode).toBeUndefined()
  expect(process.eventNames().map(name => [name, process.listenerCount(name)])).toEqual(listeners)
})
