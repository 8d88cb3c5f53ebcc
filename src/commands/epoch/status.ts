import { Args } from '@oclif/core'
import { committeeSize } from '../../core/protocol/constants.ts'
import { BaseCommand, chainFlags } from '../base.ts'
import { askedEpoch, epochFlag } from '../epoch-flag.ts'
import { printTable } from '../print-table.ts'

export default class EpochStatus extends BaseCommand<typeof EpochStatus> {
  static override description = 'Show where epochs stand: phase, seed, cohorts, payments. Default: the last five.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --epoch 7 --json',
  ]
  static override args = { epoch: Args.integer({ description: 'The same as --epoch', min: 0 }) }
  static override flags = { ...chainFlags, ...epochFlag('One epoch, with its cohorts. Default: the last five') }

  async run() {
    const target = await this.chainTarget()
    const { getCohort, getEpoch, getTimeline } = await import('../../core/chain/epochs.ts')
    const { epochAt } = await import('../../core/protocol/trigger.ts')
    const { counted, shortHex, tokens } = await import('../../core/view/figures.ts')
    const network = await this.connectNetwork(target)
    const timeline = await getTimeline(network)
    const { timestamp } = await network.chain.client.getBlock()
    const current = timeline === null ? -1 : epochAt(timeline, Number(timestamp))
    const one = askedEpoch(this.flags, this.args)
    const numbers =
      one !== undefined
        ? [one]
        : Array.from({ length: Math.min(5, current + 2) }, (_, i) => current + 1 - i).filter(epoch => epoch >= 0)
    const epochs = await Promise.all(
      numbers.map(async epoch => {
        const overview = await getEpoch(network, epoch)
        const detailed = one !== undefined && overview.seed !== null ? overview.cohorts : 0
        const cohortNumbers = Array.from({ length: detailed }, (_, i) => i)
        const cohortStates = await Promise.all(cohortNumbers.map(cohort => getCohort(network, epoch, cohort)))
        return { ...overview, cohortStates }
      }),
    )
    const number = { align: 'right' } as const
    await printTable(
      line => this.log(line),
      [
        { title: 'epoch', ...number },
        { title: 'phase' },
        { title: 'begins' },
        { title: 'seed', rank: 4 },
        { title: 'seeded', rank: 5 },
        { title: 'devices', ...number },
        { title: 'resolved', ...number, rank: 3 },
        { title: 'unpaid', ...number, rank: 2 },
        { title: 'paid KAI', ...number },
        { title: 'emission KAI', ...number, rank: 1 },
      ],
      (timeline === null ? [] : epochs).map(epoch => [
        String(epoch.epoch),
        epoch.phase,
        epoch.startsAt === 0 ? '–' : new Date(epoch.startsAt * 1000).toISOString().replace('.000', ''),
        epoch.seed === null ? 'none' : shortHex(epoch.seed),
        epoch.seededAt === null ? '–' : `+${epoch.seededAt - epoch.startsAt} s`,
        String(epoch.members),
        String(epoch.totals.resolvedLanes),
        String(epoch.totals.unpaid),
        tokens(epoch.money.paid),
        tokens(epoch.money.emission),
      ]),
      `Epochs have not begun: the owner starts them with "kaisar chain start" once ${committeeSize} Checkers are bonded.`,
    )
    for (const { cohort, state, committed, opened, lanesPaid } of epochs.flatMap(epoch => epoch.cohortStates))
      this.log(
        `cohort ${cohort}: ${state}, ${counted(bits(committed), 'seat')} committed, ${bits(opened)} opened, ${counted(lanesPaid, 'lane')} paid`,
      )
    return { currentEpoch: current < 0 ? null : current, epochs }
  }
}

const bits = (mask: number): number => mask.toString(2).replaceAll('0', '').length
