/**
 * Named points between recording something and sending it, at which a test ends the process as a power cut would. They do nothing in
 * an installed package, because both the variable and the folder of tests beside the program are needed.
 *
 * Why: docs/why/testing.md
 */
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder } from './own-files.ts'

/** The variable names a folder. A point is active while a file of its name is in that folder; the process that ends there renames the file to `<point>@<pid>`. */
export const crashVariable = 'KAISAR_CRASH_POINTS'

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

const tests = new URL('test/sim/', packageFolder)
const named = process.env[crashVariable]
const folder = named !== undefined && existsSync(tests) ? named : null

export function crashPoint(name: CrashPoint): void {
  if (folder === null) return
  try {
    renameSync(join(folder, name), join(folder, `${name}@${process.pid}`))
  } catch {
    return
  }
  process.kill(process.pid, 'SIGKILL')
}
