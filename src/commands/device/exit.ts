import { examples } from '../base.ts'
import { deviceArg, findRegistered, withdrawalText } from '../device-command.ts'
import { callFlags, SendingCommand } from '../sending-command.ts'

export default class DeviceExit extends SendingCommand<typeof DeviceExit> {
  static override description = `Let a device leave after the present epoch. Its operator or its payout wallet may.

Its Provider may run until then. The deposit is taken back with "kaisar device withdraw", later; the answer says when.`
  static override examples = examples('0x12ab34cd', '0x12ab34cd --calldata')
  static override args = { device: deviceArg }
  static override flags = { ...callFlags }

  async run() {
    const network = await this.openNetwork()
    const { callOf } = await import('../../core/chain/read.ts')
    const { depositWithdrawal } = await import('../../core/chain/withdrawal.ts')
    const { getDevice } = await import('../../core/chain/devices.ts')
    const device = await findRegistered(network, this.args.device)
    const allowed = [device.operator, device.payout]
    const call = callOf(network.contracts, 'DeviceRegistry', 'requestExit', device.id)
    if (this.printsCall) return this.printCall(network, call, { allowed })
    const question = `Let device ${device.id} leave?`
    const { from, receipt } = await this.sendCall(network, call, { allowed, question })
    const left = (await getDevice(network, device.id))!
    const withdrawal = await depositWithdrawal(network, left)
    this.log(`Device ${device.id} leaves; its last epoch is ${left.until}.`)
    this.log(`${withdrawalText(left.deposit, withdrawal)}: "kaisar device withdraw ${device.id}".`)
    return { device: device.id, from, until: left.until, deposit: left.deposit, withdrawal, txHash: receipt.hash }
  }
}
