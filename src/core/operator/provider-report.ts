/** What a Provider has on file: the rounds it committed to, what Checkers signed about them, what they refused. */
import type { Address } from 'viem'
import { decodeRate } from '../epoch/minifloat.ts'
import { kindOfSpec } from '../job/jobs.ts'
import type { ProviderRecords, ReceiptSummary } from '../provider/journal.ts'
import { figuresText, grouped, shortHex, uptimePercent } from '../view/figures.ts'
import { tableTexts } from '../view/table.ts'

export type ProviderReport = Omit<ProviderRecords, 'receipts' | 'pauses' | 'busy'> & {
  readonly operator: Address
  readonly folder: string
  /** `rate` is the capacity that was signed. */
  readonly receipts: readonly (Omit<ReceiptSummary, 'rate'> & { readonly rate: bigint })[]
}

export const providerReport = (operator: Address, folder: string, records: ProviderRecords): ProviderReport => ({
  operator,
  folder,
  rounds: records.rounds,
  receipts: records.receipts.map(receipt => ({ ...receipt, rate: decodeRate(receipt.rate) })),
  refusals: records.refusals,
})

/** The report as three tables for people, of at most `width` columns. */
export const reportLines = (
  { operator, folder, rounds, receipts, refusals }: ProviderReport,
  width: number,
): string[] => [
  `provider  ${operator}  ${folder}`,
  '\nRounds committed to',
  ...tableTexts(
    [
      { title: 'epoch', cell: ({ epoch }) => epoch, numeric: true },
      { title: 'device', cell: ({ deviceId }) => shortHex(deviceId) },
      { title: 'round', cell: ({ round }) => shortHex(round) },
      { title: 'kind', cell: ({ specHash }) => kindOfSpec(specHash) ?? '—' },
      { title: 'work', cell: ({ units }) => grouped(units), numeric: true },
      { title: 'commitment', cell: ({ commitmentHash }) => commitmentHash, isHex: true, rank: 1 },
    ],
    rounds,
    width,
    '  none: this Provider was in no round yet',
  ),
  '\nWhat Checkers signed',
  ...tableTexts(
    [
      { title: 'epoch', cell: ({ epoch }) => epoch, numeric: true },
      { title: 'device', cell: ({ deviceId }) => shortHex(deviceId) },
      { title: 'checker', cell: ({ checker }) => shortHex(checker) },
      { title: 'capacity', cell: ({ rate }) => grouped(rate), numeric: true },
      { title: 'of', cell: ({ measures }) => (measures === null ? '—' : figuresText(measures)), rank: 2 },
      { title: 'uptime', cell: ({ uptime }) => uptimePercent(uptime), numeric: true },
      { title: 'confirmed', cell: ({ flags }) => flags.join(' ') || 'nothing: it abstained', least: 10, rank: 1 },
    ],
    receipts,
    width,
    '  none: receipts come after an epoch’s COMMIT, from the seats that reach this Provider',
  ),
  '\nWhat they refused',
  ...tableTexts(
    [
      { title: 'time', cell: ({ time }) => new Date(time).toISOString() },
      { title: 'checker', cell: ({ checker }) => shortHex(checker) },
      { title: 'code', cell: ({ code }) => code },
      { title: 'why', cell: ({ message }) => message, least: 10, rank: 1 },
    ],
    refusals,
    width,
    '  nothing',
  ),
]
