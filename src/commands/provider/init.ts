import { isKaisarError } from '../../core/platform/errors.ts'
import { examples } from '../base.ts'
import { InitCommand, initFlags } from '../init-command.ts'
import { signerFlags } from '../key-flags.ts'

export default class ProviderInit extends InitCommand<typeof ProviderInit> {
  static override description =
    `Set up a Provider: an operator key, the payout wallet, the device certificate, a configuration file.

What is there already is kept; nothing is sent to any network. With --signer-url no key is made: the signer is asked for the address.`
  static override examples = examples(
    '',
    '--payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --password-file /etc/kaisar/provider-password',
  )
  static override flags = { ...initFlags, ...signerFlags }

  async run() {
    const initialised = await this.initialise('provider', {})
    const certificate = await this.makeCertificate(initialised.operator)
    if (certificate !== null) this.log(`certificate  ${certificate.file}`)
    this.showInitialised(initialised, [
      'kaisar provider doctor',
      'kaisar provider self-test',
      `Send KAI for the deposit and gas to ${initialised.operator}, or let another wallet pay: kaisar provider enrol`,
      this.runCommand,
    ])
    return { ...initialised, certificate }
  }

  /** Bound to this machine's devices; without any it is made at the first run that finds one. */
  private async makeCertificate(operator: `0x${string}`) {
    const { hostHardwareHash, ownDevices } = await import('../../core/provider/own-devices.ts')
    const { createHostProbe } = await import('../../core/devices/host-probe.ts')
    const { nodeHost: host } = await import('../../core/devices/host.ts')
    try {
      return await this.ensureCertificate('device-certificate.pem', async () => {
        const own = ownDevices(await createHostProbe({}, { host }).probe(), operator)
        const deviceIds = own.map(({ deviceId }) => deviceId)
        return { role: 'provider', operator, deviceIds, hardwareHash: hostHardwareHash(own) }
      })
    } catch (error) {
      if (!isKaisarError(error, 'PROVIDER_NO_DEVICE')) throw error
      this.warn(`${error.message} The certificate is made once there is one; see "kaisar provider doctor".`)
      return null
    }
  }
}
