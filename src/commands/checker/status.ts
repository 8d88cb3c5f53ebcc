import { Flags } from '@oclif/core'
import type { Network } from '../../core/protocol/typed-data.ts'
import { examples } from '../base.ts'
import { OperatorCommand, operatorFlags, roleFolder } from '../operator-command.ts'
import { printLines } from '../print-table.ts'

export default class CheckerStatus extends OperatorCommand<typeof CheckerStatus> {
  static override description = `Show a Checker from the chain outwards: seats, bond, duties, agreement, earned, owed.

It also asks the registered endpoint whether it answers, and says so where a running daemon is not seen by the network.`
  static override examples = examples('', '--operator 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --json')
  static override flags = {
    ...operatorFlags,
    epochs: Flags.integer({ description: 'How many epochs back duties are shown', default: 8, min: 1, max: 64 }),
  }

  async run() {
    const { network, operators } = await this.openOperators('checker')
    const { createNetworkReader } = await import('../../core/network/network-reader.ts')
    const { checkEndpoint } = await import('../../core/operator/ask-seats.ts')
    const { checkerStatus, checkerStatusLines } = await import('../../core/operator/checker-status.ts')
    const { readDuties } = await import('../../core/network/duties.ts')
    const reader = createNetworkReader(network)
    const view = await reader.read()
    const checkers = await Promise.all(
      operators.map(async ({ operator, dataDir }) => {
        const registered = view.checkers.find(checker => checker.operator === operator)
        const [duties, endpoint] = await Promise.all([
          readDuties({ operator, epochs: this.flags.epochs }, reader),
          registered === undefined ? null : checkEndpoint(registered.endpoint),
        ])
        const local = dataDir === null ? null : await this.lookAround(dataDir, network)
        return checkerStatus({ view, duties, operator, endpoint, local, nowMs: Date.now() })
      }),
    )
    await printLines(
      this,
      checkers.flatMap((status, i) => [...(i > 0 ? [''] : []), ...checkerStatusLines(status)]),
    )
    return { checkers }
  }

  /** What this machine says: the daemon's lock and journal. */
  private async lookAround(dataDir: string, network: Network) {
    const { dataDirOwner } = await import('../../core/daemon/data-dir-lock.ts')
    const { readCheckerRecords } = await import('../../core/checker/checker-records.ts')
    const { stateFile } = await import('../../core/platform/store.ts')
    const folder = roleFolder(dataDir, 'checker')
    return { running: dataDirOwner(folder), records: readCheckerRecords(stateFile(folder, network), 100) }
  }
}
