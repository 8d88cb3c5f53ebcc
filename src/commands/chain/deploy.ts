import { Flags } from '@oclif/core'
import type { Chain } from '../../core/chain/client.ts'
import type { DeployPlan } from '../../core/chain/deploy.ts'
import type { DeploymentRecord } from '../../core/chain/deployment-file.ts'
import { chainErrors } from '../../core/chain/errors.ts'
import type { PresetName } from '../../core/chain/network-presets.ts'
import type { EvmVersion } from '../../core/chain/survey.ts'
import { accountOf } from '../../core/daemon/operator-key.ts'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { platformErrors } from '../../core/platform/platform-errors.ts'
import { committeeSize } from '../../core/protocol/constants.ts'
import { BaseCommand, chainFlags, examples } from '../base.ts'
import { addressFlag } from '../input-values.ts'
import { keyFlags } from '../key-flags.ts'
import { printLines } from '../print-table.ts'
import { feeCaps, feeFlags } from '../sending-command.ts'
import { usageErrors } from '../usage-errors.ts'

export default class ChainDeploy extends BaseCommand<typeof ChainDeploy> {
  static override description = `Deploy the contracts, fund the vault, and write a context that the other commands use.

The key that signs pays the gas and, unless told otherwise, owns the network and holds its treasury. The chain is examined first, as
by "kaisar chain doctor". A deployment that was interrupted goes on with the same command; its record, with everything that
verifies the contracts, is in the folder "deployments" of --data-dir. Epochs begin with "kaisar chain start", once ${committeeSize} different
Checkers are bonded.`
  static override examples = examples(
    '--preset devnet --rpc-url http://127.0.0.1:8545 --name local',
    '--preset peaq --name mainnet --owner 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --dry-run',
  )
  static override flags = {
    ...chainFlags,
    ...keyFlags,
    ...feeFlags,
    name: Flags.string({
      description: 'Name of the context that is written',
      default: 'deployed',
      helpValue: '<name>',
    }),
    preset: Flags.string({
      description:
        'Parameters: devnet (epochs of seconds); peaq, op-stack, arbitrum (a day, for its time between blocks)',
      options: ['devnet', 'peaq', 'op-stack', 'arbitrum'],
    }),
    'epoch-seconds': Flags.integer({
      description: 'Length of an epoch, of the devnet preset alone. Default: 16',
      min: 16,
      max: 86_400,
    }),
    owner: addressFlag({ description: 'Who may schedule changes: a timelock. Default: the key that signs' }),
    guardian: addressFlag({ description: 'Who may pause for seven days. Default: the owner' }),
    treasury: addressFlag({ description: 'Who receives the supply and what is slashed. Default: the key that signs' }),
    'dry-run': Flags.boolean({
      description:
        'Send nothing: show what would be deployed, by whom, with what, and what it costs; needs no password',
    }),
    deployer: addressFlag({
      description: 'Who would deploy, for --dry-run on a machine without the key',
    }),
    force: Flags.boolean({ description: 'Deploy on a chain where the contracts would not be safe' }),
  }

  async run() {
    const preset = await this.requirePreset()
    const { name, 'dry-run': isDryRun } = this.flags
    const { rpcUrls } = await this.chainTarget()
    const { assertContextName, contextNames, readContext, writeContext } = await import(
      '../../core/platform/context.ts'
    )
    assertContextName(name)
    if (contextNames(this.contextHome).includes(name))
      throw platformErrors.CONTEXT_EXISTS({ name, chainId: readContext(this.contextHome, name).chainId })
    const deployer = this.flags.deployer ?? (await this.keyAddress())
    const { connectChain } = await import('../../core/chain/client.ts')
    const chain = await connectChain({ rpcUrls })
    this.chains.push(chain)
    const evm = await this.examine(chain, preset)
    const { plan, record, file, isResumed } = await this.plan(chain, deployer, { preset, evm })
    const cost = await this.cost(chain, plan, record)
    if (isDryRun) return this.tell(chain, plan, cost, file)
    if (cost.balance < cost.most)
      throw chainErrors.FUNDS_INSUFFICIENT({ account: deployer, balanceWei: cost.balance, neededWei: cost.most })
    if (isResumed) this.progress(`Going on with the deployment of ${file}`)
    const done = await this.deploy(chain, plan, record, file)
    const { chainId, contracts, codeHashes, deployedAtBlock } = done
    writeContext(this.contextHome, {
      name,
      chainId,
      rpcUrls: [...rpcUrls],
      contracts,
      codeHashes,
      deployedAtBlock: Number(deployedAtBlock),
      devnet: null,
    })
    for (const [contract, address] of Object.entries(contracts)) this.log(`${contract.padEnd(16)} ${address}`)
    this.log(`Deployment file ${file}: hand it on, for "kaisar context add".`)
    this.log(`Context "${name}" written.`)
    this.nextSteps([
      `kaisar context use ${name}`,
      ...(plan.treasury === deployer ? [] : ['kaisar chain fund, with the key of the treasury']),
      `kaisar checker init and kaisar checker run, by ${committeeSize} different owners; "kaisar chain seats" lists them`,
      'kaisar provider init and kaisar provider run, where the devices are',
      'kaisar wallet send --file operators.csv, with the key of the treasury: KAI and gas for all of them',
      'kaisar chain start, with the key of the owner',
    ])
    return { chainId, contracts, codeHashes, deployedAtBlock, context: name, file }
  }

  private async requirePreset(): Promise<PresetName> {
    const { preset, deployer, 'dry-run': isDryRun, 'epoch-seconds': epochSeconds } = this.flags
    if (deployer !== undefined && !isDryRun)
      throw usageErrors.USAGE_INVALID({ reason: '--deployer goes with --dry-run: whoever deploys signs, with --key.' })
    if (preset === undefined) {
      const { presetTitles } = await import('../../core/chain/network-presets.ts')
      throw chainErrors.PRESET_MISSING({ presets: presetTitles })
    }
    if (preset !== 'devnet' && epochSeconds !== undefined)
      throw usageErrors.USAGE_INVALID({
        reason: '--epoch-seconds is for --preset devnet: the others have epochs of a day.',
      })
    return preset as PresetName
  }

  /**
   * @returns what the contracts have to be compiled for
   * @throws CHAIN_UNFIT unless --force
   */
  private async examine(chain: Chain, preset: PresetName): Promise<EvmVersion> {
    const { judgeSurvey, surveyChain } = await import('../../core/chain/survey.ts')
    const { presetsFor } = await import('../../core/chain/network-presets.ts')
    const survey = await surveyChain(chain, Date.now())
    const { evm, findings } = judgeSurvey(survey)
    const faults = findings.filter(({ level }) => level === 'fault')
    for (const { check, text } of faults) this.progress(`✖ ${check}: ${text}`)
    if (faults.length > 0) {
      const error = chainErrors.CHAIN_UNFIT({ faults: faults.map(({ check }) => check) })
      if (!this.flags.force) this.fail(error, { ...survey, findings })
      this.warn(error.message)
    }
    const fitting = presetsFor(survey.blocks)
    if (survey.blocks.count >= 8 && !fitting.includes(preset))
      this.warn(
        `Blocks come every ${survey.blocks.meanSeconds.toFixed(2)} s here, for which ${fitting.length === 0 ? 'no preset is made' : `${fitting.join(', ')} ${fitting.length === 1 ? 'is' : 'are'} made`}: rounds would come more or less often than meant.`,
      )
    return evm
  }

  /** What is deployed, from the nonce that the record of an interrupted run says, or the key's next one. */
  private async plan(
    chain: Chain,
    deployer: `0x${string}`,
    { preset, evm }: { readonly preset: PresetName; readonly evm: EvmVersion },
  ) {
    const { planDeployment } = await import('../../core/chain/deploy.ts')
    const { deploymentPath, differences, readDeployment, recordOf } = await import(
      '../../core/chain/deployment-file.ts'
    )
    const { readArtifact } = await import('../../core/chain/artifacts.ts')
    const { presetParameters } = await import('../../core/chain/network-presets.ts')
    const { jobSets, jobsHash } = await import('../../core/job/jobs.ts')
    const { name, owner, guardian, treasury, 'epoch-seconds': epochSeconds } = this.flags
    const file = deploymentPath(this.dataDir, name)
    const begun = readDeployment(file)
    const hashes = { devnet: jobsHash(jobSets.devnet), standard: jobsHash(jobSets.standard) }
    const plan = planDeployment(
      { parameters: presetParameters(preset, hashes, epochSeconds), owner, guardian, treasury },
      {
        deployer,
        firstNonce:
          begun?.firstNonce ?? (await chain.client.getTransactionCount({ address: deployer, blockTag: 'pending' })),
      },
      contract => readArtifact(contract, evm),
    )
    const asked = recordOf(plan, { name, chainId: chain.chainId, preset, evm })
    const fields = begun === null ? [] : differences(begun, asked)
    if (fields.length > 0) throw chainErrors.DEPLOYMENT_DIFFERS({ file, fields })
    return { plan, record: begun ?? asked, file, isResumed: begun !== null }
  }

  /** Of what is not mined yet. */
  private async cost(chain: Chain, plan: DeployPlan, record: DeploymentRecord) {
    const { estimateDeployment } = await import('../../core/chain/deploy.ts')
    const { progressOf } = await import('../../core/chain/deployment-file.ts')
    const { decodeChainError } = await import('../../core/chain/decode-error.ts')
    const done = progressOf(record).findLastIndex(({ block }) => block !== null) + 1
    try {
      const [cost, balance] = await Promise.all([
        estimateDeployment(chain, plan, done, feeCaps(this.flags)),
        chain.client.getBalance({ address: plan.deployer }),
      ])
      return { ...cost, balance }
    } catch (error) {
      throw decodeChainError(error, 'Estimating the deployment')
    }
  }

  /** What a dry run shows. */
  private async tell(
    { chainId }: Chain,
    plan: DeployPlan,
    cost: { gas: bigint; gasPrice: bigint; now: bigint; most: bigint; balance: bigint },
    file: string,
  ) {
    const { parameterLines } = await import('../../core/view/parameter-text.ts')
    const { deployer, owner, guardian, treasury, firstNonce, steps, parameters } = plan
    const { seatRules, seatBond, deviceDeposit, supply, vaultFunding, timeline, rounds, scores, emission } = parameters
    const contracts = Object.fromEntries(
      steps.flatMap(({ contract, address }) => (contract ? [[contract, address]] : [])),
    )
    const groups = {
      timeline,
      rounds,
      scores,
      seats: { ...seatRules, seatBond },
      devices: { deposit: deviceDeposit },
      emission,
      supply: { total: supply, vaultFunding },
    }
    await printLines(this, [
      `Chain ${chainId}, preset ${this.flags.preset}; nothing is sent.`,
      `  deployer         ${deployer}, from nonce ${firstNonce} on`,
      `  owner            ${owner}`,
      `  guardian         ${guardian}`,
      `  treasury         ${treasury}`,
      'contracts',
      ...Object.entries(contracts).map(([name, address]) => `  ${name.padEnd(16)} ${address}`),
      ...parameterLines(groups),
      `cost of ${steps.length} transactions`,
      `  gas              about ${cost.gas.toLocaleString('en')}`,
      `  now              ${exactUnits(cost.now)} of the chain’s own coin, at ${Number(cost.gasPrice) / 1e9} gwei`,
      `  at most          ${exactUnits(cost.most)}, which the deployer has to hold; it holds ${exactUnits(cost.balance)}`,
    ])
    if (cost.balance < cost.most)
      this.warn(`Send ${exactUnits(cost.most - cost.balance)} or more to ${deployer} first.`)
    if (treasury !== deployer)
      this.warn(
        `The treasury is not the deployer: it has to fund the vault itself, with ${exactUnits(vaultFunding)} KAI.`,
      )
    return {
      chainId,
      preset: this.flags.preset,
      deployer,
      firstNonce,
      owner,
      guardian,
      treasury,
      contracts,
      parameters,
      cost,
      file,
    }
  }

  private async deploy(chain: Chain, plan: DeployPlan, from: DeploymentRecord, file: string) {
    const { runDeployment } = await import('../../core/chain/deploy.ts')
    const { compilerInputPath, progressOf, withProgress, writeDeployment } = await import(
      '../../core/chain/deployment-file.ts'
    )
    const { readCompilerInput } = await import('../../core/chain/artifacts.ts')
    const { systemClock } = await import('../../core/platform/clock.ts')
    const { writeFileAtomically } = await import('../../core/platform/write-file-atomically.ts')
    const account = await accountOf(await this.operatorKey())
    let record = from
    writeDeployment(file, record)
    const { input } = readCompilerInput(record.evm)
    writeFileAtomically(compilerInputPath(this.dataDir, this.flags.name), JSON.stringify(input, null, 1))
    const deployment = await runDeployment(
      plan,
      {
        progress: progressOf(from),
        onStep: (i, progress) => {
          record = withProgress(record, i, progress)
          writeDeployment(file, record)
        },
      },
      {
        chain,
        account,
        clock: systemClock,
        caps: feeCaps(this.flags),
        onProgress: step => this.progress(step),
      },
    )
    const { codeHashes, deployedAtBlock } = deployment
    writeDeployment(file, { ...record, codeHashes, deployedAtBlock: Number(deployedAtBlock) })
    return deployment
  }
}
