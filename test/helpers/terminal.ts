/** Runs the built binary on a terminal (a pseudo terminal of util-linux' script), as a person would. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cliPath } from './run-cli.ts'

export const hasTerminal = process.platform === 'linux' && existsSync('/usr/bin/script')
export const hasTmux = spawnSync('tmux', ['-V']).status === 0

export type TerminalResult = {
  readonly exitCode: number | null
  readonly screen: string
  readonly interrupted: boolean
}

/**
 * @param options.interruptAt - once the output matches, Ctrl-C is typed
 * @param options.answers - keys for one question after the other: each is typed once the output since the last one matches
 * @param options.within - what starts the program, such as `unshare` with its arguments
 * @param options.timeoutMs - after this the program is killed and `exitCode` is null: it hung
 */
export function runOnTerminal(
  args: readonly string[],
  options: {
    readonly env: Readonly<Record<string, string>>
    readonly interruptAt?: RegExp
    readonly answers?: readonly { readonly at: RegExp; readonly type: string }[]
    readonly within?: readonly string[]
    readonly timeoutMs?: number
  },
): Promise<TerminalResult> {
  const { env, interruptAt, answers = [], within = [], timeoutMs = 60_000 } = options
  const words = [...within, process.execPath, cliPath, ...args]
    .map(word => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ')
  const child = spawn('/usr/bin/script', ['-qec', `stty cols 100 rows 30; exec ${words}`, '/dev/null'], {
    env: { ...process.env, NO_COLOR: '1', CI: '', TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let screen = ''
  let interrupted = false
  let answered = 0
  let sinceAnswer = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      screen += chunk
      sinceAnswer += chunk
      const next = answers[answered]
      if (next?.at.test(sinceAnswer)) {
        answered++
        sinceAnswer = ''
        child.stdin.write(next.type)
      }
      if (interruptAt === undefined || interrupted || !interruptAt.test(screen)) return
      interrupted = true
      child.stdin.write('\x03')
    })
  return new Promise(resolve => {
    const deadline = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    child.on('close', code => {
      clearTimeout(deadline)
      resolve({ exitCode: code, screen, interrupted })
    })
  })
}
