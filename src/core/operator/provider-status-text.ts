import { counted, grouped, shortHex, sparkline, tokens } from '../view/figures.ts'
import type { ProviderDeviceStatus, ProviderStatus } from './provider-status.ts'
import { headLines, warningLines } from './status-parts.ts'

/** Epochs that the chart of scores shows. */
const chartEpochs = 32

/** The status as lines for people. */
export function providerStatusLines({ operator, network, daemon, devices, warnings }: ProviderStatus): string[] {
  const general = warnings.filter(({ device }) => device === null)
  return [
    ...headLines('provider', operator, network, daemon),
    ...warningLines(general),
    ...(devices.length === 0 ? ['', 'No device of this operator is registered.'] : []),
    ...devices.flatMap(device => [
      '',
      ...deviceLines(device),
      ...warningLines(warnings.filter(each => each.device === device.id)),
    ]),
  ]
}

function deviceLines(device: ProviderDeviceStatus): string[] {
  const { lastProof, history, faults } = device
  const shown = history.slice(-chartEpochs)
  const highest = shown.reduce((most, { score }) => (score !== null && score > most ? score : most), 0n)
  return [
    `device ${device.id}${device.model === null ? '' : `  ${device.model}`}`,
    `  lane        ${device.lane}, generation ${device.generation}, since epoch ${device.since}${device.until === null ? '' : `, until epoch ${device.until}`}`,
    `  last proof  ${lastProof === null ? 'none on chain yet' : `epoch ${lastProof.epoch}  ${lastProof.verdict.verdict}: ${lastProof.verdict.reason}`}`,
    ...(lastProof === null
      ? []
      : [
          `  score       ${lastProof.score === null ? 'none' : grouped(lastProof.score)} = ${grouped(lastProof.rate)} Mop/s × ${(lastProof.uptime / 100).toFixed(2)}% uptime`,
          `  paid        ${lastProof.amount === null ? 'not yet' : `${tokens(lastProof.amount)} KAI`}${lastProof.txHash === null ? '' : ` in ${lastProof.txHash}`}`,
          `  scores      ${sparkline(
            shown.map(({ score }) => score),
            chartEpochs,
          )}  epochs ${shown[0]!.epoch}–${shown.at(-1)!.epoch}, highest ${grouped(highest)}`,
        ]),
    `  standing    ${grouped(device.standing)}${device.silentEpochs === 0 ? '' : `, silent for ${counted(device.silentEpochs, 'epoch')}`}`,
    `  earned      ${tokens(device.earned)} KAI, owed ${tokens(device.owed)} KAI, to ${shortHex(device.payout)}`,
    `  faults      ${faults === null ? 'not seen by this machine’s probe' : faults.join(', ') || 'none'}`,
  ]
}
