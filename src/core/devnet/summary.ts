/** What a devnet has come to: the same data for the last line of `devnet up`, for `devnet status`, and for the table. */
import type { Hex } from 'viem'
import { kaiBalance } from '../chain/kai.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { readAt } from '../chain/read.ts'
import type { Measures } from '../epoch/capacity.ts'
import { readExplanation } from '../explain/explain-device.ts'
import { createNetworkReader, type NetworkReader } from '../network/network-reader.ts'
import type { DeviceView } from '../network/network-view.ts'
import { createEvidenceSource } from '../operator/ask-seats.ts'
import { grouped, measureText, shortHex, tokens } from '../view/figures.ts'
import { lineText } from '../view/line.ts'
import { tableLines } from '../view/table.ts'
import { type PaidEpoch, paidEpoch } from './epoch-feed.ts'

export type DevnetSummary = {
  readonly rpcUrl: string
  readonly chainId: number
  readonly contracts: Readonly<Record<string, string>>
  readonly epochs: readonly (PaidEpoch & { readonly paid: boolean })[]
  readonly devices: readonly {
    readonly device: Hex
    readonly operator: Hex
    readonly payout: Hex
    /** Rounds of the epochs it was judged in, as the chain's blocks give them. */
    readonly rounds: number
    /** The committee's verdicts on those epochs, by kind. */
    readonly verdicts: Readonly<Record<string, number>>
    /** The committee's median of the last epoch with a result; null before the first. */
    readonly capacity: bigint | null
    /** What that is made of, by a seat of the committee that said it and showed its rounds; null where none did. */
    readonly measures: Measures | null
    readonly score: bigint
    /** Share of all payments to devices, 0 to 1. */
    readonly share: number
    readonly paid: bigint
    readonly balance: bigint
  }[]
  /** KAI (wei) of every payout wallet. */
  readonly balances: Readonly<Record<string, bigint>>
}

type SummarizeDevnetOptions = { readonly rpcUrl: string; readonly network: ConnectedNetwork }

export async function summarizeDevnet({ rpcUrl, network }: SummarizeDevnetOptions): Promise<DevnetSummary> {
  const reader = createNetworkReader(network)
  const view = await reader.read()
  // What is paid after the block that the view is of is in neither.
  const wallets = [...new Set(view.devices.map(({ payout }) => payout))]
  const held = await readAt(network, view.head.hash, at =>
    Promise.all(wallets.map(async wallet => [wallet, await kaiBalance(at, wallet)] as const)),
  )
  const balances = Object.fromEntries(held)
  const opened = view.epochs.filter(({ money }) => money !== null).toReversed()
  const rounds = await Promise.all(
    opened.map(async ({ epoch }) => [epoch, (await reader.roundsOf(epoch, view.head))?.length ?? 0] as const),
  )
  const roundsOfEpoch = new Map(rounds)
  const measures = await Promise.all(view.devices.map(device => measuresOfDevice(reader, device)))
  const total = view.devices.reduce((sum, { earned }) => sum + earned, 0n)
  return {
    rpcUrl,
    chainId: view.chainId,
    contracts: view.contracts,
    epochs: opened.map(epoch => ({ ...paidEpoch(epoch, view), paid: epoch.isPaid })),
    devices: view.devices.map(({ id, operator, payout, history, earned }, at) => {
      const verdicts: Record<string, number> = {}
      for (const { verdict } of history) verdicts[verdict.verdict] = (verdicts[verdict.verdict] ?? 0) + 1
      return {
        device: id,
        operator,
        payout,
        rounds: history.reduce((sum, { epoch }) => sum + (roundsOfEpoch.get(epoch) ?? 0), 0),
        verdicts,
        capacity: history.at(-1)?.rate ?? null,
        measures: measures[at] ?? null,
        score: history.at(-1)?.score ?? 0n,
        share: total === 0n ? 0 : Number((earned * 10_000n) / total) / 10_000,
        paid: earned,
        balance: balances[payout] ?? 0n,
      }
    }),
    balances,
  }
}

/** Of the last epoch with a result. */
async function measuresOfDevice(reader: NetworkReader, { id, history }: DeviceView): Promise<Measures | null> {
  const last = history.at(-1)
  if (last === undefined || last.verdict.verdict === 'VOID') return null
  const evidence = createEvidenceSource({ dialsPrivate: true })
  const { seats } = await readExplanation({ device: id, epoch: last.epoch }, { reader, evidence })
  return seats.find(({ below, rate }) => below?.equal === true && rate === last.rate)?.below?.measures ?? null
}

const measureCell =
  (name: keyof Measures) =>
  ({ measures }: DevnetSummary['devices'][number]): string =>
    measures === null ? '—' : measureText(name, measures[name])

/** The table that `devnet up` ends with, of at most `width` columns. */
export const summaryTable = ({ devices }: DevnetSummary, width: number): string =>
  tableLines(
    [
      { title: 'device', cell: ({ device }) => shortHex(device) },
      { title: 'rounds', cell: ({ rounds }) => rounds, numeric: true, rank: 4 },
      {
        title: 'verdicts',
        cell: ({ verdicts }) =>
          Object.entries(verdicts)
            .map(([verdict, count]) => `${verdict} ${count}`)
            .join(', '),
        least: 8,
      },
      { title: 'tensor', cell: measureCell('tensor'), numeric: true },
      { title: 'bandwidth', cell: measureCell('bandwidth'), numeric: true },
      { title: 'memory', cell: measureCell('resident'), numeric: true },
      { title: 'capacity', cell: ({ capacity }) => (capacity === null ? '—' : grouped(capacity)), numeric: true },
      { title: 'score', cell: ({ score }) => grouped(score), numeric: true, rank: 3 },
      { title: 'share', cell: ({ share }) => `${(share * 100).toFixed(1)} %`, numeric: true, rank: 1 },
      { title: 'paid (KAI)', cell: ({ paid }) => tokens(paid, 4), numeric: true },
      { title: 'wallet (KAI)', cell: ({ balance }) => tokens(balance, 4), numeric: true, rank: 2 },
    ],
    devices,
    { width },
  )
    .map(lineText)
    .join('\n')

/**
 * What is worth doing below that table.
 * @param context - to be named in commands; null where they take this devnet without it
 * @param leaveRunning - what leaves a network running, where this one has ended; null where it goes on
 */
export function nextStepsOf(
  { devices }: DevnetSummary,
  { context, leaveRunning }: { readonly context: string | null; readonly leaveRunning: string | null },
): string[] {
  const at = context === null ? '' : ` --context ${context}`
  const commands = [
    `kaisar epoch explain ${devices[0] === undefined ? '<device>' : shortHex(devices[0].device)}${at}`,
    `kaisar epoch rewards${at}`,
    `kaisar chain ui${at}`,
  ]
  if (leaveRunning === null) return [...commands, 'Ctrl-C ends the network']
  return [
    `The network ended with this command. ${leaveRunning} running; then, in another terminal:`,
    ...commands.map(command => `  ${command}`),
  ]
}
