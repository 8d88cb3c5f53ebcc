import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../../bin/run.js', import.meta.url))
const runs = 15

export const rowNames = ['cli.start', 'cli.help', 'cli.command']

/** Start-up in milliseconds (median), against a bare `node` that does nothing; ratio: how many times as long. */
export async function* rows() {
  const bare: number[] = []
  const start: number[] = []
  const help: number[] = []
  const command: number[] = []
  // In turn, so that a busy moment of the machine hits all of them.
  for (let i = 0; i < runs; i++) {
    bare.push(timeMs('-e', '0'))
    start.push(timeMs(entry, '--version'))
    help.push(timeMs(entry, '--help'))
    command.push(timeMs(entry, 'keys', 'list', '--json'))
  }
  const baseline = median(bare)
  for (const [name, times] of [
    ['cli.start', start],
    ['cli.help', help],
    ['cli.command', command],
  ] as const) {
    const value = median(times)
    yield { name, value, unit: 'ms', baseline, ratio: value / baseline }
  }
}

function timeMs(...args: string[]): number {
  const startedMs = performance.now()
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`)
  return performance.now() - startedMs
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
