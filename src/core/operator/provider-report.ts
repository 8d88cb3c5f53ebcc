/** What a Provider has on file: the rounds it committed to, what Checkers signed about them, what they refused. */
import type { Address } from 'viem'
import { decodeRate } from '../epoch/minifloat.ts'
import type { ProviderRecords, ReceiptSummary } from '../provider/journal.ts'
import { grouped, shortHex } from '../view/figures.ts'
import type { Column } from '../view/table-lines.ts'

export type ProviderReport = Omit<ProviderRecords, 'receipts'> & {
  readonly operator: Address
  readonly folder: string
  /** `rate` in Mop/s. */
  readonly receipts: readonly (Omit<ReceiptSummary, 'rate'> & { readonly rate: bigint })[]
}

export const providerReport = (operator: Address, folder: string, records: ProviderRecords): ProviderReport => ({
  operator,
  folder,
  rounds: records.rounds,
  receipts: records.receipts.map(receipt => ({ ...receipt, rate: decodeRate(receipt.rate) })),
  refusals: records.refusals,
})

export type ReportTable = {
  readonly title: string
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly string[])[]
  /** What an empty table means. */
  readonly empty: string
}

/** The report as three tables for people. */
export function reportTables({ rounds, receipts, refusals }: ProviderReport): ReportTable[] {
  const right = { align: 'right' } as const
  return [
    {
      title: 'Rounds committed to',
      columns: [
        { title: 'epoch', ...right },
        { title: 'device' },
        { title: 'round' },
        { title: 'rows', ...right },
        { title: 'commitment', isHex: true, rank: 1 },
      ],
      rows: rounds.map(({ epoch, deviceId, round, rows, commitmentHash }) => [
        String(epoch),
        shortHex(deviceId),
        shortHex(round),
        grouped(rows),
        commitmentHash,
      ]),
      empty: 'none: this Provider was in no round yet',
    },
    {
      title: 'What Checkers signed',
      columns: [
        { title: 'epoch', ...right },
        { title: 'device' },
        { title: 'checker' },
        { title: 'rate Mop/s', ...right },
        { title: 'uptime', ...right },
        { title: 'confirmed', least: 10, rank: 1 },
      ],
      rows: receipts.map(({ epoch, deviceId, checker, rate, uptime, flags }) => [
        String(epoch),
        shortHex(deviceId),
        shortHex(checker),
        grouped(rate),
        `${(uptime / 100).toFixed(2)}%`,
        flags.join(' ') || 'nothing: it abstained',
      ]),
      empty: 'none: receipts come after an epoch’s COMMIT, from the seats that reach this Provider',
    },
    {
      title: 'What they refused',
      columns: [{ title: 'time' }, { title: 'checker' }, { title: 'code' }, { title: 'why', least: 10, rank: 1 }],
      rows: refusals.map(({ time, checker, code, message }) => [
        new Date(time).toISOString(),
        shortHex(checker),
        code,
        message,
      ]),
      empty: 'nothing',
    },
  ]
}
