import { BaseCommand, chainFlags, examples } from '../base.ts'
import { printLines } from '../print-table.ts'

export default class ChainParams extends BaseCommand<typeof ChainParams> {
  static override description =
    'Show every parameter of the network that is in force, with its unit; --json has amounts in wei.'
  static override examples = examples('', '--json')
  static override flags = { ...chainFlags }

  async run() {
    const { readParameters } = await import('../../core/chain/governance.ts')
    const parameters = await readParameters(await this.openNetwork())
    const { parameterLines } = await import('../../core/view/parameter-text.ts')
    await printLines(this, parameterLines(parameters))
    return parameters
  }
}
