import { Args } from '@oclif/core'
import { committeeSize } from '../../core/protocol/constants.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { askedEpoch, epochFlag } from '../input-values.ts'
import { printTable } from '../print-table.ts'

export default class EpochStatus extends BaseCommand<typeof EpochStatus> {
  static override description = 'Show where epochs stand: phase, seed, cohorts, payments. Default: the last five.'
  static override examples = examples('', '--epoch 7 --json')
  static override args = { epoch: Args.integer({ description: 'The same as --epoch', min: 0 }) }
  static override flags = { ...chainFlags, ...epochFlag('One epoch, with its cohorts. Default: the last five') }

  async run() {
    const { getCohort, getEpoch, getTimeline } = await import('../../core/chain/epochs.ts')
    const { readAt } = await import('../../core/chain/read.ts')
    const { epochAt } = await import('../../core/protocol/trigger.ts')
    const { counted, isoTime, shortHex, tokens } = await import('../../core/view/figures.ts')
    const network = await this.openNetwork()
    const timeline = await getTimeline(network)
    const head = await network.chain.client.getBlock()
    // However long before the first: that one is shown, with when it begins.
    const current = timeline === null ? -1 : Math.max(-1, epochAt(timeline, Number(head.timestamp)))
    const one = askedEpoch(this.flags, this.args)
    const numbers =
      one !== undefined
        ? [one]
        : Array.from({ length: Math.min(5, current + 2) }, (_, i) => current + 1 - i).filter(epoch => epoch >= 0)
    const epochs = await readAt(network, head.hash, at =>
      Promise.all(
        numbers.map(async epoch => {
          const overview = await getEpoch(at, epoch)
          const detailed = one !== undefined && overview.seed !== null ? overview.cohorts : 0
          const cohortNumbers = Array.from({ length: detailed }, (_, i) => i)
          const cohortStates = await Promise.all(cohortNumbers.map(cohort => getCohort(at, epoch, cohort)))
          return { ...overview, cohortStates }
        }),
      ),
    )
    await printTable(
      this,
      [
        { title: 'epoch', cell: ({ epoch }) => epoch, numeric: true },
        { title: 'phase', cell: ({ phase }) => phase },
        { title: 'begins', cell: ({ startsAt }) => (startsAt === 0 ? '–' : isoTime(startsAt)) },
        { title: 'seed', cell: ({ seed }) => (seed === null ? 'none' : shortHex(seed)), rank: 4 },
        {
          title: 'seeded',
          cell: ({ seededAt, startsAt }) => (seededAt === null ? '–' : `+${seededAt - startsAt} s`),
          rank: 5,
        },
        { title: 'devices', cell: ({ members }) => members, numeric: true },
        { title: 'resolved', cell: ({ totals }) => totals.resolvedLanes, numeric: true, rank: 3 },
        { title: 'unpaid', cell: ({ totals }) => totals.unpaid, numeric: true, rank: 2 },
        { title: 'paid KAI', cell: ({ money }) => tokens(money.paid), numeric: true },
        { title: 'emission KAI', cell: ({ money }) => tokens(money.emission), numeric: true, rank: 1 },
      ],
      timeline === null ? [] : epochs,
      `Epochs have not begun: the owner starts them with "kaisar chain start" once ${committeeSize} Checkers are bonded.`,
    )
    for (const { cohort, state, committed, opened, lanesPaid } of epochs.flatMap(epoch => epoch.cohortStates))
      this.log(
        state === 'forgotten'
          ? `cohort ${cohort}: forgotten, the chain keeps a later epoch in its place`
          : `cohort ${cohort}: ${state}, ${counted(bits(committed), 'seat')} committed, ${bits(opened)} opened, ${counted(lanesPaid, 'lane')} paid`,
      )
    return { currentEpoch: current < 0 ? null : current, epochs }
  }
}

const bits = (mask: number): number => mask.toString(2).replaceAll('0', '').length
