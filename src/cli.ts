/** Runs one command line through oclif, and turns whatever escapes it into the same report and exit code as a command's own errors. */
import type { Interfaces } from '@oclif/core'
import { Config } from '@oclif/core/config'
import { ExitError } from '@oclif/core/errors'
import { run } from '@oclif/core/run'
import { exitCodeOf, toKaisarError, usageErrors, writeError } from './commands/usage-errors.ts'
import { failureEnvelope, stringifyJson } from './core/platform/output.ts'

/** @param argv - the words after `kaisar` */
export async function runCli(argv: string[], options: Interfaces.LoadOptions): Promise<void> {
  try {
    const config = await Config.load(options)
    refuseTopicInJson(argv, config)
    await run(argv, config)
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

/** A topic alone shows its help; a script that wants JSON gets an error instead of a page of text. */
function refuseTopicInJson(argv: readonly string[], config: Config): void {
  const topic = argv.filter(word => !word.startsWith('-')).join(':')
  if (!argv.includes('--json') || topic === '' || config.findCommand(topic)) return
  const names = config.commandIDs.filter(id => id.startsWith(`${topic}:`)).map(id => id.replaceAll(':', ' '))
  if (names.length > 0) throw usageErrors.COMMAND_INCOMPLETE({ topic: topic.replaceAll(':', ' '), names: names.sort() })
}
