import { devnetPlace } from '../../core/devnet/devnet-folder.ts'
import { devnetErrors } from '../../core/devnet/errors.ts'
import { BaseCommand, examples } from '../base.ts'
import { tableWidth } from '../print-table.ts'

export default class DevnetStatus extends BaseCommand<typeof DevnetStatus> {
  static override description =
    'Show a running devnet: its endpoint, contracts, devices, epochs and payments, read from its chain.'
  static override examples = examples('', '--json')

  async run() {
    const { isContextAlive, listContexts } = await import('../../core/platform/context.ts')
    const { folder, name } = devnetPlace(this.flags['data-dir'], this.config.dataDir)
    const context = listContexts(this.contextHome).find(each => each.name === name)
    if (context === undefined || !isContextAlive(context)) throw devnetErrors.DEVNET_NOT_RUNNING({ dataDir: folder })
    const { counted } = await import('../../core/view/figures.ts')
    const { summarizeDevnet, summaryTable } = await import('../../core/devnet/summary.ts')
    const network = await this.connectNetwork(context)
    const summary = await summarizeDevnet({ rpcUrl: context.rpcUrls[0]!, network })
    this.log(
      `${summary.rpcUrl}  chain ${summary.chainId}  ${counted(summary.epochs.length, 'epoch')} opened for payment`,
    )
    for (const [contract, address] of Object.entries(summary.contracts)) this.log(`${contract.padEnd(16)} ${address}`)
    this.log(summaryTable(summary, tableWidth()))
    return { folder, pid: context.devnet?.pid ?? null, ...summary }
  }
}
