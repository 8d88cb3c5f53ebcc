import { Args, Flags } from '@oclif/core'
import type { Address } from 'viem'
import type { ConnectedNetwork } from '../../core/chain/network.ts'
import { accountOf } from '../../core/daemon/operator-key.ts'
import type { EnrolmentPlan, HostDevice } from '../../core/fleet/enrol-devices.ts'
import { fleetErrors } from '../../core/fleet/errors.ts'
import { exactUnits } from '../../core/platform/exact-units.ts'
import { examples } from '../base.ts'
import { walletArg } from '../fleet-command.ts'
import { addressFlag } from '../input-values.ts'
import { printLines, printTable } from '../print-table.ts'
import { callFlags, feeCaps, SendingCommand } from '../sending-command.ts'

export default class FleetEnrol extends SendingCommand<typeof FleetEnrol> {
  static override description =
    `Register the devices of many hosts from one wallet, by the files that "kaisar provider enrol" printed on each.

The key pays all deposits and all gas; the hosts' operator keys need neither KAI nor gas. Every consent is checked and tried before anything is
asked or sent, and --dry-run stops there. What is signed is recorded before it leaves, and what is registered is read from the chain: the same
command goes on where it was interrupted. Devices that are paid to another wallet than <wallet> are refused.`
  static override examples = examples(
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 enrolments/*.json --key treasury --dry-run',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 enrolments/*.json --key treasury',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8 enrolments/*.json --payer 0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC --safe > enrol.json',
  )
  static override args = {
    wallet: walletArg,
    files: Args.string({ description: 'Enrolments of hosts', required: true, multiple: true }),
  }
  static override flags = {
    ...callFlags,
    payer: addressFlag({
      description: 'Wallet that pays, where its key is elsewhere. Default: that of --key',
    }),
    'dry-run': Flags.boolean({
      description: 'Send nothing: show what would be registered, and what it costs; needs no password',
    }),
  }

  async run() {
    const target = await this.chainTarget()
    const payer = this.flags.payer ?? (await this.keyAddress())
    const fleet = await import('../../core/fleet/enrol-devices.ts')
    const network = await this.connectNetwork(target)
    const expected = { network, payer, payout: this.args.wallet }
    const devices = fleet.readEnrolments(this.args.files, expected)
    const caps = feeCaps(this.flags)
    const plan = () => fleet.planEnrolment(network, { payer, devices, caps })
    if (this.printsCall)
      return this.printCalls(network.chainId, 'fleet enrol', fleet.enrolmentCalls(network, await plan()))
    if (this.flags['dry-run']) return this.tell(network, await plan())
    return this.send(network, payer, plan)
  }

  private async tell(network: ConnectedNetwork, plan: EnrolmentPlan) {
    const { assertPaid } = await import('../../core/fleet/enrol-devices.ts')
    const done = new Set(plan.done.map(({ deviceId }) => deviceId))
    await printTable(
      this,
      [
        { title: 'device', cell: ({ deviceId }) => deviceId, isHex: true },
        { title: 'model', cell: ({ model }) => model },
        { title: 'operator', cell: ({ message }) => message.operator, isHex: true },
        { title: 'state', cell: each => stateText(each, done.has(each.deviceId)) },
      ],
      [...plan.open, ...plan.done],
      'The files name no device.',
    )
    await printLines(this, [
      '',
      `${plan.open.length} devices would be registered in ${plan.transactions} transactions; nothing is sent now.`,
      `  deposits         ${exactUnits(plan.deposit)} KAI`,
      `  fees             at most ${exactUnits(plan.mostFees)} of the coin of chain ${network.chainId}`,
      `  ${plan.payer} holds ${exactUnits(plan.balances.KAI)} KAI and ${exactUnits(plan.balances.coin)} of the coin`,
    ])
    try {
      assertPaid(plan)
    } catch (error) {
      this.warn(error as Error)
    }
    return result(network, plan, [])
  }

  private async send(network: ConnectedNetwork, payer: Address, makePlan: () => Promise<EnrolmentPlan>) {
    const fleet = await import('../../core/fleet/enrol-devices.ts')
    const { openEnrolmentRecord } = await import('../../core/fleet/enrolment-record.ts')
    const account = await accountOf(await this.operatorKey())
    if (account.address.toLowerCase() !== payer)
      throw fleetErrors.ENROLMENT_KEY_NOT_PAYER({ key: account.address.toLowerCase(), payer })
    const record = await openEnrolmentRecord(
      { dataDir: this.dataDir, network },
      { account, onTrouble: error => this.warn(error.message) },
    )
    const { path } = record
    const caps = feeCaps(this.flags)
    try {
      const earlier = await fleet.settleEarlier(await record.open(caps))
      if (earlier > 0) this.progress(`Went on with ${path}: ${earlier} transactions of an earlier run are decided.`)
      const plan = await makePlan()
      if (plan.open.length === 0) {
        this.log(`All ${plan.done.length} devices are registered: nothing was sent.`)
        return result(network, plan, [])
      }
      fleet.assertPaid(plan)
      await this.confirm(
        `Register ${plan.open.length} devices from ${plan.payer} in ${plan.transactions} transactions? It takes ${exactUnits(plan.deposit)} KAI of deposits, which return to ${this.args.wallet}, and fees of at most ${exactUnits(plan.mostFees)} of the chain’s own coin.`,
      )
      // What a person agrees to is not exceeded; without a question the flags are the bound.
      const sender = await record.open({ ...caps, ...(!this.flags.yes && { feePerGas: plan.fee.maxFeePerGas }) })
      const transactions: object[] = []
      await fleet.sendEnrolment(network, plan, {
        sender,
        onMined: (devices, block, txHash) => {
          transactions.push({ devices: devices.length, block, txHash })
          this.progress(`${devices.length} devices: block ${block}`)
        },
      })
      this.log(
        `Registered ${plan.open.length} devices with ${exactUnits(plan.deposit)} KAI of deposits. Recorded in ${path}.`,
      )
      this.nextSteps([`kaisar fleet status ${this.args.wallet}`, 'kaisar provider run   (on each host)'])
      return result(network, plan, transactions)
    } finally {
      await record.close()
    }
  }
}

const stateText = ({ message }: HostDevice, isDone: boolean): string =>
  isDone ? 'registered' : message.generation === 1 ? '' : `generation ${message.generation}`

const result = ({ chainId }: ConnectedNetwork, plan: EnrolmentPlan, transactions: readonly object[]) => ({
  payer: plan.payer,
  chainId,
  open: plan.open.length,
  done: plan.done.length,
  deposit: plan.deposit,
  mostFees: plan.mostFees,
  transactions,
  devices: [...plan.open, ...plan.done].map(({ deviceId, model, message, path }) => ({
    deviceId,
    model,
    operator: message.operator,
    generation: message.generation,
    file: path,
  })),
})
