// The help of every topic and command as text, so that `kaisar … --help` answers without loading the framework (4 times faster).
import { Config } from '@oclif/core/config'
import { Help } from '@oclif/core/help'

/** Stands where a page names the version, platform and Node of whoever rendered it. */
const userAgentPlaceholder = '{{user agent}}'

const width = 80
const folded = line => line.replaceAll(new RegExp(`(.{1,${width}})( |$)`, 'g'), '$1\n').trimEnd()

/** Lines of a paragraph are folded for whoever reads the source; a page folds them by its own width. A line that is set in stays one. */
const unfolded = text => text.replaceAll(/(?<=\S)\n(?=[^\s-])/g, ' ')

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
    for (const command of commands) command.description = unfolded(command.description ?? '')
    await new Page(config, { ...config.pjson.oclif.helpOptions, stripAnsi: true, maxWidth: width }).showHelp(
      id ? id.split(':') : [],
    )
    const page = `${lines.join('\n')}\n`.replace(config.userAgent, userAgentPlaceholder)
    // The one line that the framework does not fold.
    pages[id.replaceAll(':', ' ')] = page.replace(/^.+/, folded)
  }
  return pages
}
