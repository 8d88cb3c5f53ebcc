/** The command blocks of the docs, run as they stand on a devnet that somebody else started. */
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, describe, expect, it } from 'vitest'
import { devnetRoles } from '../../../src/core/devnet/roles.ts'
import { type CommandBlock, commandBlocks, docPages, projectRoot } from '../../helpers/doc-pages.ts'
import { cliPath, type isolatedHome, runCli } from '../../helpers/run-cli.ts'

const blocks = docPages().flatMap(page => commandBlocks(page))
const title = ({ page, line }: CommandBlock) => `${page}:${line}`

/** What begins and ends the devnet in the docs: not run with the rest. */
export const opening = 'npx kaisar devnet up --detach'
export const closing = 'npx kaisar devnet down'

/** Runs commands of the docs in a shell, as a reader of the page would. */
export function docsShell(home: ReturnType<typeof isolatedHome>) {
  const shims = join(home.path, 'bin')
  const contexts = join(home.env.XDG_DATA_HOME!, 'kaisar')
  // What "npx kaisar" and an installed "kaisar" start, without npm's own second.
  mkdirSync(shims, { recursive: true })
  const shim = (name: string, script: string) => {
    writeFileSync(join(shims, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(shims, name), 0o755)
  }
  shim('kaisar', `exec '${process.execPath}' '${cliPath}' "$@"`)
  shim('npx', 'exec "$@"')

  /** A page about somebody's own machine gets a home of its own; pages that handle the devnet share the one it lives in. */
  function environmentOf(page: string, more: Readonly<Record<string, string>>) {
    const usesDevnet = commandBlocks(page).some(({ commands }) => commands.some(each => each.includes('kaisar devnet')))
    const own = join(home.path, page.replaceAll(/\W/g, '-'))
    mkdirSync(own, { recursive: true })
    // The docs' examples read from the clone that the reader stands in.
    if (!existsSync(join(own, 'fixtures'))) symlinkSync(join(projectRoot, 'fixtures'), join(own, 'fixtures'))
    const homes = usesDevnet ? home.env : { HOME: own, XDG_CONFIG_HOME: own, XDG_DATA_HOME: own, XDG_CACHE_HOME: own }
    const PATH = `${shims}${delimiter}${process.env.PATH}`
    return { cwd: own, env: { ...homes, ...more, PATH, KAISAR_CONTEXT_HOME: contexts, NO_COLOR: '1' } }
  }

  async function run(page: string, commands: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const script = ['set -euo pipefail', ...commands].join('\n')
    const { exitCode, all, stdout } = await execa('bash', ['-c', script], {
      ...environmentOf(page, more),
      all: true,
      reject: false,
      timeout: 120_000,
    })
    expect(exitCode, all).toBe(0)
    return stdout
  }

  /** One of the two that handle the devnet, from the page that tells it. */
  const runNamed = (command: string, more?: Readonly<Record<string, string>>) =>
    run(blocks.find(({ commands }) => commands.includes(command))!.page, [command], more)

  return { run, runNamed }
}

/**
 * @param home - where the devnet runs
 * @param untilPaid - ends once an epoch is paid: what reads one waits for it, and what needs none is run meanwhile
 */
export function describeBlocks(
  home: ReturnType<typeof isolatedHome>,
  shell: ReturnType<typeof docsShell>,
  untilPaid: () => Promise<void>,
): void {
  const isRunHere = ({ commands, note }: CommandBlock) =>
    note === null && commands.some(each => each !== opening && each !== closing && !/^npm /.test(each))
  /** What two pages tell in the same words is run for the first. */
  const isFirst = ({ commands }: CommandBlock, at: number, all: readonly CommandBlock[]) =>
    all.findIndex(each => each.commands.join('\n') === commands.join('\n')) === at
  /** A self-test would take the cores that the first epoch is worked on. */
  const isOfEpoch = ({ commands }: CommandBlock) =>
    commands.some(each => /\b(epoch|status|report|verify|self-test)\b/.test(each))
  const own = blocks.filter(isRunHere).filter(isFirst)

  describe('command blocks of the docs', () => {
    let variables: Record<string, string> = {}
    beforeAll(async () => {
      variables = await variablesOfNetwork(home.env)
    })
    const runEach = (of: readonly CommandBlock[]) =>
      it.each(of.map(block => [title(block), block] as const))(
        'run as they stand: %s',
        async (_title, { page, commands }) => {
          const more = commands.some(each => each.includes('$EVIDENCE')) ? await lastEvidence(home.env) : {}
          const told = commands.filter(each => each !== opening)
          await shell.run(page, told, { ...variables, ...more })
        },
        180_000,
      )

    runEach(own.filter(block => !isOfEpoch(block)))
    describe('of a paid epoch', () => {
      beforeAll(untilPaid, 150_000)
      runEach(own.filter(isOfEpoch))
    })
  })
}

/** What the docs' variables stand for. */
async function variablesOfNetwork(env: Record<string, string>): Promise<Record<string, string>> {
  type Status = {
    rpcUrl: string
    devices: { device: string; operator: string; payout: string }[]
  }
  const { rpcUrl, devices } = (await runCli(['devnet', 'status', '--json'], { env })).json<Status>().data
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
