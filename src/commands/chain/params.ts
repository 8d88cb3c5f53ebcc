import { BaseCommand, chainFlags } from '../base.ts'

export default class ChainParams extends BaseCommand<typeof ChainParams> {
  static override description = 'Show every parameter of the network that is in force, with its unit.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']
  static override flags = { ...chainFlags }

  async run() {
    const target = await this.chainTarget()
    const { readParameters } = await import('../../core/chain/parameters.ts')
    const parameters = await readParameters(await this.connectNetwork(target))
    for (const [group, values] of Object.entries(parameters)) {
      this.log(group)
      for (const [name, value] of Object.entries(values)) this.log(`  ${name.padEnd(22)} ${value}`)
    }
    return parameters
  }
}
