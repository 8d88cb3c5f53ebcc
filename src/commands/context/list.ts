import { isKaisarError } from '../../core/platform/errors.ts'
import { BaseCommand, examples } from '../base.ts'
import { printTable } from '../print-table.ts'

export default class ContextList extends BaseCommand<typeof ContextList> {
  static override description = 'List the networks that are known here, and which one commands work with.'
  static override examples = examples('', '--json')

  async run() {
    const { chooseContext, chosenContext, contextNames, isContextAlive, listContexts } = await import(
      '../../core/platform/context.ts'
    )
    const contexts = listContexts(this.contextHome)
    const readable = contexts.map(({ name }) => name)
    for (const name of contextNames(this.contextHome))
      if (!readable.includes(name)) this.warn(`The context "${name}" cannot be read.`)
    const meant = () => {
      try {
        return chooseContext(this.contextHome, this.flags.context)?.name ?? null
      } catch (error) {
        if (isKaisarError(error)) return null
        throw error
      }
    }
    const inUse = meant()
    const listed = contexts.map(context => ({
      name: context.name,
      inUse: context.name === inUse,
      chainId: context.chainId,
      rpcUrls: context.rpcUrls,
      kind: context.devnet === null ? 'network' : isContextAlive(context) ? 'running devnet' : 'ended devnet',
    }))
    for (const url of listed.flatMap(({ rpcUrls }) => rpcUrls)) this.redactor.addUrl(url)
    await printTable(
      { log: line => this.log(this.redactor.result(line)) },
      [
        { title: '', cell: ({ inUse }) => (inUse ? '*' : '') },
        { title: 'name', cell: ({ name }) => name },
        { title: 'chain', cell: ({ chainId }) => chainId, numeric: true },
        { title: 'kind', cell: ({ kind }) => kind },
        { title: 'endpoints', cell: ({ rpcUrls }) => rpcUrls.join(' '), least: 16 },
      ],
      listed,
      'No network is known. "kaisar context add" makes one known; "kaisar devnet up" starts one.',
    )
    return { inUse, chosen: chosenContext(this.contextHome) ?? null, contexts: listed }
  }
}
