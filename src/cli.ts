/** Runs one command line through oclif, and turns whatever escapes it into the same report and exit code as a command's own errors. */
import type { Interfaces } from '@oclif/core'
import { ExitError } from '@oclif/core/errors'
import { run } from '@oclif/core/run'
import { writeError } from './commands/base.ts'
import { exitCodeOf, toKaisarError } from './commands/usage-errors.ts'
import { failureEnvelope, stringifyJson } from './core/platform/output.ts'

/** @param argv - the words after `kaisar` */
export async function runCli(argv: string[], options: Interfaces.LoadOptions): Promise<void> {
  try {
    await run(argv, options)
  } catch (error) {
    if (!(error instanceof ExitError)) {
      const explained = toKaisarError(error)
      if (argv.includes('--json')) process.stdout.write(`${stringifyJson(failureEnvelope(explained))}\n`)
      else writeError(explained)
    }
    // A failed command may have left a socket or a timer behind; it must end all the same, once its last line is out.
    const code = exitCodeOf(error)
    process.exitCode = code
    process.stdout.write('', () => process.exit(code))
  }
}
