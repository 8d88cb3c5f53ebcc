// The help of every topic and command as text, so that `kaisar … --help` answers without loading the framework (4 times faster).
import { Config } from '@oclif/core/config'
import { Help } from '@oclif/core/help'

/** Stands where a page names the version, platform and Node of whoever rendered it. */
const userAgentPlaceholder = '{{user agent}}'

/** @returns pages by the words after `kaisar`: '' is the root, 'keys' a topic, 'keys new' a command */
export async function renderHelp(root) {
  const config = await Config.load({ root })
  const [commands, topics] = [config.commands, config.topics].map(list => list.filter(({ hidden }) => !hidden))
  const commandIds = commands.map(({ id }) => id)
  const topicNames = topics.map(({ name }) => name)
  const pages = {}
  for (const id of ['', ...topicNames, ...commandIds]) {
    const lines = []
    class Page extends Help {
      log(...words) {
        lines.push(words.join(' '))
      }
    }
    // Rendering writes the spoken form into ids and names.
    for (const [i, command] of commands.entries()) command.id = commandIds[i]
    for (const [i, topic] of topics.entries()) topic.name = topicNames[i]
    await new Page(config, { ...config.pjson.oclif.helpOptions, stripAnsi: true, maxWidth: 80 }).showHelp(
      id ? id.split(':') : [],
    )
    pages[id.replaceAll(':', ' ')] = `${lines.join('\n')}\n`.replace(config.userAgent, userAgentPlaceholder)
  }
  return pages
}
