import { Flags } from '@oclif/core'
import { operatorErrors } from '../../core/operator/errors.ts'
import { isKaisarError } from '../../core/platform/errors.ts'
import { BaseCommand, examples } from '../base.ts'
import { operatorFlags, roleFolder } from '../operator-command.ts'
import { printLines, tableWidth } from '../print-table.ts'

export default class ProviderReport extends BaseCommand<typeof ProviderReport> {
  static override description = `Show what this Provider has on file: rounds, signed receipts of Checkers, refusals.

It reads the journal in the data folder, also while the daemon runs, and asks no network. A receipt is a Checker's signed word.`
  static override examples = examples('', '--last 100 --json')
  static override flags = {
    ...operatorFlags,
    last: Flags.integer({ description: 'How many of each kind are shown', default: 20, min: 1, max: 10_000 }),
  }

  async run() {
    const { findOperators } = await import('../../core/operator/find-operator.ts')
    const { newestStateFile } = await import('../../core/platform/store.ts')
    const { readProviderRecords } = await import('../../core/provider/journal.ts')
    const { providerReport, reportLines } = await import('../../core/operator/provider-report.ts')
    const { key, operator, last } = this.flags
    const { dataDir } = this
    const devnetDataDir = await this.devnetDataDir()
    const found = findOperators({ role: 'provider', dataDir, key, operator, devnetDataDir })
    const reports = found.flatMap(each => {
      const folder = roleFolder(each.dataDir ?? dataDir, 'provider')
      const records = readProviderRecords(newestStateFile(folder), last)
      return records === null ? [] : [providerReport(each.operator, folder, records)]
    })
    if (reports.length === 0)
      throw operatorErrors.OPERATOR_NO_RECORDS({ role: 'Provider', folder: roleFolder(dataDir, 'provider') })
    await printLines(
      this,
      reports.flatMap(report => reportLines(report, tableWidth())),
    )
    return { reports }
  }

  /** The journals are on this disk: without any network they can be read all the same. */
  private async devnetDataDir(): Promise<string | null> {
    try {
      return (await this.chainTarget()).context?.devnet?.dataDir ?? null
    } catch (error) {
      if (isKaisarError(error, 'CONTEXT_MISSING')) return null
      throw error
    }
  }
}
