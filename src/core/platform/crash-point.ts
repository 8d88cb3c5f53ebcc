/**
 * Named points between recording something and saying it, at which a test ends the process as a power cut would. They do
 * nothing in an installed package: both the variable and the sources of the tests beside the program are needed.
 */
import { existsSync } from 'node:fs'

/** Names of points, separated by commas: the first one that is reached ends the process. */
export const crashVariable = 'KAISAR_CRASH_AT'

/** Points of the daemons; the transaction sender adds `transaction.recorded:<function>` and `transaction.sent:<function>`. */
export const crashPoints = {
  provider: ['provider.worked', 'provider.commitment-recorded', 'provider.commitment-sent', 'provider.opened'],
  checker: [
    'checker.offered',
    'checker.sampled',
    'checker.evidence-kept',
    'checker.verdict-recorded',
    'checker.openings-recorded',
  ],
} as const

export type CrashPoint = (typeof crashPoints)[keyof typeof crashPoints][number] | `transaction.${string}`

const tests = new URL('../../../test/sim/', import.meta.url)
const wanted = process.env[crashVariable]
const armed = new Set(wanted !== undefined && existsSync(tests) ? wanted.split(',') : [])

export function crashPoint(name: CrashPoint): void {
  if (!armed.has(name)) return
  process.stderr.write(`${JSON.stringify({ crash: name })}\n`)
  process.kill(process.pid, 'SIGKILL')
}
