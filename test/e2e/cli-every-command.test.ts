/**
 * The contract with scripts, held for every command there is: read from the manifest, so a new command is held to it at once.
 * Each is started once as a process of its own, on a terminal where there is one; the rest is about what is said.
 */
import { readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { environmentName } from '../../src/core/platform/config.ts'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { isolatedHome, runCli } from '../helpers/run-cli.ts'
import { hasTerminal, runOnTerminal } from '../helpers/terminal.ts'

type Described = { description?: string; summary?: string; env?: string }
type ManifestCommand = { flags: Record<string, Described>; args: Record<string, Described> } & Described
const manifest: { commands: Record<string, ManifestCommand> } = JSON.parse(
  readFileSync(new URL('../../oclif.manifest.json', import.meta.url), 'utf8'),
)
const commands = Object.entries(manifest.commands).map(([id, command]) => ({ words: id.split(':'), ...command }))

/** Starts a network of its own when nothing is wrong with its flags: tested where it is at home. */
const startsForReal = new Set(['devnet up'])

const home = isolatedHome()
// What a job says is looked at elsewhere (one-devnet, operator-setup). Here it ends at a card that is not there, or is the small one.
Object.assign(home.env, { KAISAR_EXECUTION_PROVIDER: 'cuda', KAISAR_SPEC: 'devnet' })
/** The registry of `update check`, on this machine: nothing here asks a network. */
const asked: string[] = []
const registry = createServer((request, response) => {
  asked.push(request.url!)
  const version = request.url!.startsWith('/newer/') ? '99.0.0' : '0.0.1'
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ version }))
})
beforeAll(async () => {
  await new Promise<void>(resolve => registry.listen(0, '127.0.0.1', resolve))
  home.env.KAISAR_REGISTRY = `http://127.0.0.1:${(registry.address() as AddressInfo).port}`
})
afterAll(() => {
  registry.closeAllConnections()
  registry.close()
  rmSync(home.path, { recursive: true, force: true })
})
const kaisar = (...args: string[]) => runCliHere(args, { env: home.env })

it('finds the commands', () => expect(commands.length).toBeGreaterThan(3))

it('asks only the registry that the environment names whether there is a newer release', async () => {
  const { exitCode, json } = await kaisar('update', 'check', '--json')
  expect({ exitCode, asked }).toEqual({ exitCode: 0, asked: ['/kaisar/latest'] })
  expect(json().data).toMatchObject({ newest: '0.0.1', isNewer: false, command: null })
})

it('says how a newer release is installed: without CUDA’s part, which a host with a card fetches again', async () => {
  const words = ['update', 'check', '--registry', `${home.env.KAISAR_REGISTRY}/newer`]
  const command = 'ONNXRUNTIME_NODE_INSTALL=skip npm install --global kaisar@99.0.0'
  const { stdout, stderr } = await kaisar(...words)
  expect(stdout).toMatch(/^kaisar 99\.0\.0 is there; this is /)
  expect(stderr).toContain(`Next:\n  ${command}\n  on a host with a card: kaisar provider setup-gpu --install\n`)
  expect((await kaisar(...words, '--json')).json().data).toMatchObject({ isNewer: true, command })
})

describe.each(commands)('$words', ({ words, ...command }) => {
  const name = words.join(' ')
  let piped: ReturnType<typeof kaisar> | undefined
  /** Without arguments in a pipe: run once for all that look at it. */
  const inPipe = () => {
    piped ??= kaisar(...words, '--json')
    return piped
  }

  it('describes itself, its arguments and its flags, each with its variable', () => {
    expect(command.description ?? command.summary).toBeTruthy()
    for (const [flag, definition] of Object.entries(command.flags)) {
      expect(definition.description ?? definition.summary, `--${flag}`).toBeTruthy()
      expect(definition.env, `--${flag}`).toBe(environmentName(flag))
    }
    for (const [argument, definition] of Object.entries(command.args))
      expect(definition.description, argument).toBeTruthy()
    expect(Object.keys(command.flags)).toContain('json')
  })

  it('refuses a mistyped flag with exit code 2, in text and JSON, and suggests the one that was meant', async () => {
    const meant = Object.keys(command.flags).find(flag => flag.length > 5 && flag !== 'json')!
    const typed = `--${meant.slice(0, -2)}${meant.at(-1)}`
    const [text, json] = await Promise.all([kaisar(...words, typed), kaisar(...words, typed, '--json')])
    expect({ exit: text.exitCode, stdout: text.stdout }).toEqual({ exit: 2, stdout: '' })
    expect(text.stderr).toMatch(/^Error \[FLAG_UNKNOWN\].*Did you mean "--[a-z-]+"\?/s)
    expect({ exit: json.exitCode, code: json.json().errors[0]?.code }).toEqual({ exit: 2, code: 'FLAG_UNKNOWN' })
  })

  if (startsForReal.has(name)) return

  it('ends by itself on an empty machine, and says why in an envelope', async () => {
    const json = await inPipe()
    expect([0, 2, 3]).toContain(json.exitCode)
    // Every line of stdout parses, and the last one is the envelope.
    for (const event of json.events().slice(0, -1)) expect(event.type).toEqual(expect.any(String))
    const envelope = json.json()
    expect(envelope).toMatchObject({
      schemaVersion: 1,
      success: json.exitCode === 0,
      errors: expect.any(Array),
      warnings: expect.any(Array),
    })
    expect(envelope.errors.length > 0).toBe(json.exitCode !== 0)
    for (const error of envelope.errors) {
      expect(error.code).toMatch(/^[A-Z][A-Z0-9_]+$/)
      expect(error.code).not.toBe('UNEXPECTED')
      for (const part of [error.message, error.meaning, error.fix]) expect(part).toMatch(/\w/)
    }
  })

  // As a process of its own, in text: no stack, and the same codes. In a pipe it asks nothing.
  const isText = (text: string, codes: readonly string[]) => {
    expect(text).not.toMatch(/\n\s+at .*:\d+:\d+/)
    for (const code of codes) expect(text).toContain(`[${code}]`)
  }
  it(`ends in text as in JSON${hasTerminal ? ', on a terminal, or asks there and takes Ctrl-C for an answer' : ''}`, async () => {
    const told = await inPipe()
    const codes = told.json().errors.map(({ code }) => code)
    const asks = codes[0] === 'PROMPT_REFUSED'
    if (asks || !hasTerminal) {
      const piped = await (hasTerminal ? kaisar(...words) : runCli(words, { env: home.env }))
      expect(piped.exitCode).toBe(told.exitCode)
      isText(piped.stderr, codes)
    }
    if (!hasTerminal) return
    // A question of ours on a terminal begins with the mark of its library.
    const { exitCode, screen, interrupted } = await runOnTerminal(words, {
      env: home.env,
      ...(asks ? { interruptAt: /◆/ } : {}),
    })
    expect(exitCode, screen).toBe(asks ? 130 : told.exitCode)
    expect(interrupted).toBe(asks)
    isText(screen, asks ? [] : codes)
  })

  it('is suggested where its name was mistyped', async () => {
    const last = words.at(-1)!
    const typed = [...words.slice(0, -1), `${last.slice(0, -1)}`]
    if (manifest.commands[typed.join(':')] !== undefined || last.length < 3) return
    const { exitCode, json } = await kaisar(...typed, '--json')
    expect(exitCode).toBe(2)
    expect(json().errors[0]).toMatchObject({
      code: 'COMMAND_UNKNOWN',
      message: expect.stringContaining(`Did you mean "kaisar ${name}"?`),
    })
  })
})
