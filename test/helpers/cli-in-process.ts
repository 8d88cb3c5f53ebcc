/**
 * Runs a command line in this process, through the built `runCli`: for what a command says and how it exits. A process costs a
 * third of a second, and there are hundreds of these; that each command starts as a process of its own is held elsewhere
 * (cli-every-command.test.ts). `--version` and help are answered by bin/run.js alone and are not to be had here.
 */
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type CliOptions, type CliResult, cliResult } from './run-cli.ts'

type RunCli = (argv: string[], options: { root: string }) => Promise<void>
const root = fileURLToPath(new URL('../../', import.meta.url))
const built = new URL('../../dist/cli.js', import.meta.url).href

let last: Promise<unknown> = Promise.resolve()

/** `columns`: the width of a terminal, where the output is to be as on one. */
type HereOptions = Pick<CliOptions, 'env'> & { readonly columns?: number }

/** One at a time, however many are asked for at once: a command has the streams and the environment of the process to itself. */
export function runCliHere(args: readonly string[], options: HereOptions = {}): Promise<CliResult> {
  const run = last.then(() => runAlone(args, options))
  last = run.catch(() => undefined)
  return run
}

async function runAlone(args: readonly string[], { env = {}, columns }: HereOptions): Promise<CliResult> {
  const { runCli } = (await import(built)) as { runCli: RunCli }
  const stdout = collect()
  const stderr = collect()
  const exited = Promise.withResolvers<number>()
  const restores = [
    withEnvironment({ NO_COLOR: '1', ...env }),
    withListenersOf(['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException', 'unhandledRejection', 'exit']),
    withProperty(process, 'exitCode', undefined),
    ...(columns === undefined ? [] : [withProperty(process.stdout, 'columns', columns)]),
    withProperty(process, 'exit', (code?: number) => exited.resolve(code ?? Number(process.exitCode ?? 0))),
    withProperty(globalThis, 'console', new Console(stdout.stream, stderr.stream)),
    withProperty(process.stdout, 'write', stdout.write),
    withProperty(process.stderr, 'write', stderr.write),
    ...[process.stdin, process.stdout, process.stderr].map(stream => withProperty(stream, 'isTTY', false)),
  ]
  try {
    await Promise.race([exited.promise, runCli([...args], { root })])
    // A failure exits once its last line is out, which is a moment later.
    await new Promise(resolve => setImmediate(resolve))
    exited.resolve(Number(process.exitCode ?? 0))
    const exitCode = await exited.promise
    return cliResult({ stdout: stdout.text(), stderr: stderr.text(), exitCode, signal: undefined })
  } finally {
    for (const restore of restores.reverse()) restore()
  }
}

function collect() {
  let text = ''
  const write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const done = rest.find(each => typeof each === 'function')
    if (done) process.nextTick(done as () => void)
    return true
  }
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      write(chunk)
      done()
    },
  })
  return { write, stream, text: () => text }
}

/** The variables themselves are changed, as native code and child processes read them too. */
function withEnvironment(variables: Readonly<Record<string, string | undefined>>) {
  const before = Object.keys(variables).map(name => [name, process.env[name]] as const)
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
  for (const [name, value] of Object.entries(variables)) set(name, value)
  return () => {
    for (const [name, value] of before) set(name, value)
  }
}

function withProperty(target: object, name: string, value: unknown) {
  const before = Object.getOwnPropertyDescriptor(target, name)
  // An accessor, such as the exit code's, stays one.
  if (before?.set) {
    const held = Reflect.get(target, name)
    Reflect.set(target, name, value)
    return () => void Reflect.set(target, name, held)
  }
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: true })
  return () => {
    if (before) Object.defineProperty(target, name, before)
    else Reflect.deleteProperty(target, name)
  }
}

/** What a command listens for and forgot: a command that fails late is ended by its process. */
function withListenersOf(events: readonly string[]) {
  const before = new Map(events.map(event => [event, process.rawListeners(event)]))
  return () => {
    for (const [event, known] of before)
      for (const listener of process.rawListeners(event))
        if (!known.includes(listener)) process.removeListener(event, listener as () => void)
  }
}
