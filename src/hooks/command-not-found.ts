import type { Hook } from '@oclif/core'
import { usageErrors } from '../commands/usage-errors.ts'
import { nearestName } from '../core/platform/nearest-name.ts'

/** An unknown command: exit code 2, the nearest one as a suggestion, JSON where it was asked for (the caller prints). */
const commandNotFound: Hook.CommandNotFound = async ({ id, argv, config }) => {
  const words = [...id.split(':'), ...(argv ?? []).filter(word => !word.startsWith('-'))]
  // With spaces between words, oclif takes a superfluous argument for a part of the command.
  for (let length = words.length - 1; length > 0; length--) {
    const command = words.slice(0, length).join(':')
    if (config.findCommand(command)) throw usageErrors.ARGUMENT_UNEXPECTED({ values: words.slice(length) })
  }
  const topic = config.topics.find(({ name }) => name === words[0])
  const names = topic
    ? config.commandIDs.filter(command => command.startsWith(`${topic.name}:`))
    : [...config.commandIDs, ...config.topics.map(({ name }) => name)]
  const typed = topic ? words.slice(0, 2).join(':') : id
  const suggestion =
    nearestName(typed, names) ??
    nearestName(
      words[0] ?? '',
      config.topics.map(({ name }) => name),
    )
  throw usageErrors.COMMAND_UNKNOWN({
    command: typed.replaceAll(':', ' '),
    suggestion: suggestion && `kaisar ${suggestion.replaceAll(':', ' ')}`,
  })
}

export default commandNotFound
