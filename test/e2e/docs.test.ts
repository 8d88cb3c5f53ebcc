/** What the README and the docs say can be done is done, and what they link to is there. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { devnetRoles } from '../../src/core/devnet/roles.ts'
import {
  type CommandBlock,
  commandBlocks,
  docPages,
  headingAnchors,
  namedFiles,
  projectRoot,
  relativeLinks,
  simpleCommands,
} from '../helpers/doc-pages.ts'
import { cliPath, isolatedHome, runCli } from '../helpers/run-cli.ts'

const readJson = (path: string) => JSON.parse(readFileSync(join(projectRoot, path), 'utf8'))
const manifest: { commands: Record<string, { flags: Record<string, object> }> } = readJson('oclif.manifest.json')
const { scripts } = readJson('package.json') as { scripts: Record<string, string> }
const pages = docPages()
const blocks = pages.flatMap(page => commandBlocks(page))
const title = ({ page, line }: CommandBlock) => `${page}:${line}`

/** One devnet serves every block; the docs start it with the first of these and end it with the second. */
const opening = 'npx kaisar devnet up --detach'
const closing = 'npx kaisar devnet down'

it('finds the blocks', () => {
  expect(blocks.length).toBeGreaterThan(10)
  const commands = blocks.flatMap(block => block.commands)
  expect(commands).toContain(opening)
  expect(commands).toContain(closing)
})

describe('every command that is told', () => {
  const told = blocks.flatMap(block =>
    block.commands.flatMap(command => simpleCommands(command).map(words => ({ block, words }))),
  )

  it.each(told.filter(({ words }) => words.includes('kaisar')))('exists with its flags: $words', ({ words }) => {
    const [, ...rest] = words.slice(words.indexOf('kaisar'))
    const id = [rest.slice(0, 2).join(':'), rest[0]!].find(name => name in manifest.commands)
    expect(id, rest.join(' ')).toBeDefined()
    const flags = rest.filter(word => word.startsWith('--')).map(word => word.slice(2).split('=')[0]!)
    const known = Object.keys(manifest.commands[id!]!.flags)
    expect(known).toEqual(expect.arrayContaining(flags))
  })

  it.each(told.filter(({ words }) => words[0] === 'npm'))('is a script: $words', ({ words: [, verb, name] }) => {
    if (verb === 'run') expect(Object.keys(scripts)).toContain(name)
    else if (verb === 'test') expect(scripts.test).toBeDefined()
    else expect(['ci', 'install', 'pack']).toContain(verb)
  })

  it.each(blocks.filter(({ note }) => note?.kind === 'run by'))(
    'is run where it says: $page:$line',
    ({ note, commands }) => {
      const test = readFileSync(join(projectRoot, note!.text), 'utf8')
      for (const words of commands.flatMap(simpleCommands).filter(each => each.includes('kaisar'))) {
        const quoted = words.slice(words.indexOf('kaisar') + 1).map(word => `'${word}'`)
        expect(test).toContain(quoted.join(', '))
      }
    },
  )
})

describe('blocks', () => {
  const home = isolatedHome()
  const shims = join(home.path, 'bin')
  const contexts = join(home.env.XDG_DATA_HOME!, 'kaisar')
  let variables: Record<string, string> = {}

  /** A page about somebody's own machine gets a home of its own; pages that handle the devnet share the one it lives in. */
  function environmentOf({ page }: CommandBlock, more: Record<string, string>) {
    const usesDevnet = commandBlocks(page).some(({ commands }) => commands.some(each => each.includes('kaisar devnet')))
    const own = join(home.path, page.replaceAll(/\W/g, '-'))
    mkdirSync(own, { recursive: true })
    // The docs' examples read from the clone that the reader stands in.
    if (!existsSync(join(own, 'fixtures'))) symlinkSync(join(projectRoot, 'fixtures'), join(own, 'fixtures'))
    const homes = usesDevnet ? home.env : { HOME: own, XDG_CONFIG_HOME: own, XDG_DATA_HOME: own, XDG_CACHE_HOME: own }
    const PATH = `${shims}${delimiter}${process.env.PATH}`
    return { cwd: own, env: { ...homes, ...variables, ...more, PATH, KAISAR_CONTEXT_HOME: contexts, NO_COLOR: '1' } }
  }

  async function run(block: CommandBlock, commands = block.commands, more: Record<string, string> = {}) {
    const script = ['set -euo pipefail', ...commands].join('\n')
    const { exitCode, all } = await execa('bash', ['-c', script], {
      ...environmentOf(block, more),
      all: true,
      reject: false,
      timeout: 120_000,
    })
    expect(exitCode, all).toBe(0)
  }

  beforeAll(async () => {
    // What "npx kaisar" and an installed "kaisar" start, without npm's own second.
    mkdirSync(shims, { recursive: true })
    const shim = (name: string, script: string) => {
      writeFileSync(join(shims, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(shims, name), 0o755)
    }
    shim('kaisar', `exec '${process.execPath}' '${cliPath}' "$@"`)
    shim('npx', 'exec "$@"')
    await run(blocks.find(({ commands }) => commands.includes(opening))!, [opening])
    variables = await variablesOfNetwork(home.env)
  }, 240_000)

  afterAll(async () => {
    await run(blocks.find(({ commands }) => commands.includes(closing))!, [closing])
    rmSync(home.path, { recursive: true, force: true })
  }, 60_000)

  const isRunHere = ({ commands, note }: CommandBlock) =>
    note === null && commands.some(each => each !== opening && each !== closing && !/^npm /.test(each))

  for (const block of blocks.filter(isRunHere))
    it(
      `run as they stand: ${title(block)}`,
      async () =>
        run(
          block,
          block.commands.filter(each => each !== opening),
          block.commands.some(each => each.includes('$EVIDENCE')) ? await lastEvidence(home.env) : {},
        ),
      180_000,
    )
})

/** What the docs' variables stand for, once an epoch of the devnet is paid. */
async function variablesOfNetwork(env: Record<string, string>): Promise<Record<string, string>> {
  type Status = {
    rpcUrl: string
    devices: { device: string; operator: string; payout: string }[]
    epochs: { paid: boolean; payments: unknown[] }[]
  }
  const status = async () => (await runCli(['devnet', 'status', '--json'], { env })).json<Status>().data
  while (!(await status()).epochs.some(({ paid }) => paid)) await new Promise(resolve => setTimeout(resolve, 1_000))
  const { rpcUrl, devices } = await status()
  const { device, operator, payout } = devices[0]!
  const folder = join(env.XDG_DATA_HOME!, 'kaisar/devnet')
  const { name } = devnetRoles({ providers: 2, checkers: 5 }).find(role => role.operator === operator)!
  return { RPC_URL: rpcUrl, DEVICE: device, OPERATOR: operator, PAYOUT: payout, DATA_DIR: join(folder, name) }
}

/** A bundle that was written just now: those of old epochs go. */
async function lastEvidence(env: Record<string, string>): Promise<Record<string, string>> {
  type Status = { checkers: { checker: { endpoint: string }; verdicts: { evidence: string | null }[] }[] }
  const { checkers } = (await runCli(['checker', 'status', '--json'], { env })).json<Status>().data
  for (const { checker, verdicts } of checkers)
    for (const { evidence } of verdicts)
      if (evidence !== null) return { EVIDENCE: evidence, ENDPOINT: checker.endpoint }
  throw new Error('no Checker holds evidence')
}

describe('links', () => {
  it.each(pages)('of %s lead somewhere', page => {
    for (const { path, anchor } of relativeLinks(page)) {
      expect(existsSync(join(projectRoot, path)), path).toBe(true)
      if (anchor) expect(headingAnchors(path), `${path}#${anchor}`).toContain(anchor)
    }
  })

  it.each(pages.filter(page => !page.startsWith('docs/decisions')))('%s names files that exist', page => {
    // The page about the contracts names files below their folder.
    const isThere = (path: string) => ['', 'contracts'].some(folder => existsSync(join(projectRoot, folder, path)))
    expect(namedFiles(page).filter(path => !isThere(path))).toEqual([])
  })
})

it('the generated pages are what the sources say', async () => {
  const { exitCode, stderr } = await execa(process.execPath, ['scripts/docs.mjs', '--check'], {
    cwd: projectRoot,
    reject: false,
  })
  expect(exitCode, stderr).toBe(0)
})
