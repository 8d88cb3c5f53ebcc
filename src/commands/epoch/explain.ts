import { styleText } from 'node:util'
import { Args } from '@oclif/core'
import type { Tone } from '../../core/view/line.ts'
import { BaseCommand, chainFlags, eventFlags, examples } from '../base.ts'
import { epochFlag, privateEndpointsFlag } from '../input-values.ts'
import { tableWidth } from '../print-table.ts'

const styles: Record<Tone, Parameters<typeof styleText>[0] | null> = {
  plain: null,
  strong: 'bold',
  dim: 'dim',
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  accent: 'cyan',
}

export default class EpochExplain extends BaseCommand<typeof EpochExplain> {
  static override description =
    `Account for every unit of a device's pay in an epoch: job, report, verdicts, consensus, score, share, payment.

It is recomputed from the openings on chain and compared with the transfer to the wei. The committee's Checkers are asked for what lies below:
each round with its proof, from which tensor rate, bandwidth, memory and their capacity are recomputed; without an answer it says so. For a device that earned nothing it names the reason and what to do.`
  static override examples = examples('0x12ab34cd', '0x12ab34cd --epoch 7 --json')
  static override args = {
    device: Args.string({ description: 'Device id, or its first digits', required: true }),
  }
  static override flags = {
    ...chainFlags,
    ...eventFlags,
    ...privateEndpointsFlag,
    ...epochFlag('Epoch to explain. Default: the latest with a result'),
  }

  async run() {
    const { createNetworkReader } = await import('../../core/network/network-reader.ts')
    const { readExplanation } = await import('../../core/explain/explain-device.ts')
    const { explanationLines } = await import('../../core/explain/explanation-lines.ts')
    const { foldLine } = await import('../../core/view/line.ts')
    const { createEvidenceSource } = await import('../../core/operator/ask-seats.ts')
    const { isDevelopmentChain } = await import('../../core/chain/network-presets.ts')
    const { findDevice } = await import('../../core/network/network-view.ts')
    const network = await this.openNetwork()
    const reader = createNetworkReader(network, this.readingFrom)
    const { history } = await reader.readHistory()
    const known = history.memberships.map(membership => membership.device)
    const device = findDevice(known, this.args.device)
    const evidence = createEvidenceSource({
      dialsPrivate: this.flags['private-endpoints'] || isDevelopmentChain(network.chainId),
    })
    const explanation = await readExplanation({ device, epoch: this.flags.epoch }, { reader, evidence })
    for (const line of explanationLines(explanation).flatMap(each => foldLine(each, tableWidth())))
      this.log(
        line
          .map(({ text, tone }) => {
            const style = styles[tone]
            return style === null ? text : styleText(style, text, { stream: process.stdout })
          })
          .join(''),
      )
    return explanation
  }
}
