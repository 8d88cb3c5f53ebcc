import { chainErrors } from '../../core/chain/errors.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { printLines } from '../print-table.ts'

export default class ChainDoctor extends BaseCommand<typeof ChainDoctor> {
  static override description =
    `Check a chain before a network is deployed on it: opcodes, block numbers and hashes, gas limit, time between blocks.

Only reads; nothing is sent. Exit code 3 where the contracts would not run, or would not be safe.`
  static override examples = examples('--rpc-url https://quicknode1.peaq.xyz', '--rpc-url http://127.0.0.1:8545 --json')
  static override flags = { ...chainFlags }

  async run() {
    const { rpcUrls } = await this.chainTarget()
    const { connectChain } = await import('../../core/chain/client.ts')
    const { judgeSurvey, surveyChain } = await import('../../core/chain/survey.ts')
    const { presetsFor } = await import('../../core/chain/network-presets.ts')
    const chain = await connectChain({ rpcUrls })
    this.chains.push(chain)
    const survey = await surveyChain(chain, Date.now())
    const fitness = judgeSurvey(survey)
    const presets = fitness.isFit ? presetsFor(survey.blocks) : []
    this.log(`Chain ${survey.chainId}${survey.client === null ? '' : `, ${survey.client}`}`)
    const marks = { ok: '✔', note: '•', fault: '✖' }
    await printLines(
      this,
      fitness.findings.map(({ check, level, text }) => `${marks[level]} ${check.padEnd(16)} ${text}`),
    )
    const result = { ...survey, ...fitness, presets }
    if (!fitness.isFit) {
      const faults = fitness.findings.filter(({ level }) => level === 'fault').map(({ check }) => check)
      this.fail(chainErrors.CHAIN_UNFIT({ faults }), result)
    }
    this.log(
      `Contracts for ${fitness.evm}; presets that fit: ${presets.join(', ') || 'none by its time between blocks'}`,
    )
    return result
  }
}
