import { Flags } from '@oclif/core'
import { counted } from '../../core/view/figures.ts'
import { examples } from '../base.ts'
import { InitCommand, initFlags } from '../init-command.ts'

export default class CheckerInit extends InitCommand<typeof CheckerInit> {
  static override description =
    `Set up a Checker: an operator key, the payout wallet, the endpoint with its certificate, a configuration file.

What is there already is kept; nothing is sent to any network. "kaisar checker run" bonds and registers the endpoint.`
  static override examples = examples(
    '',
    '--payout 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --public-url wss://checker.example:7411 --password-file /etc/kaisar/checker-password',
  )
  static override flags = {
    ...initFlags,
    'public-url': Flags.string({ description: 'What Providers dial: wss://, a host name, a port', helpValue: '<url>' }),
    host: Flags.string({ description: 'Address to listen on', default: '0.0.0.0' }),
    port: Flags.integer({
      description: 'Port to listen on. Default: that of --public-url',
      min: 1,
      max: 65_535,
    }),
    seats: Flags.integer({ description: 'Seats to bond', default: 1, min: 1, max: 1024 }),
  }

  async run() {
    const { host, seats } = this.flags
    const url =
      this.flags['public-url'] ?? (await this.askText('What Providers dial (wss://host:port)', '--public-url'))
    const { parseEndpointUrl } = await import('../../core/transport/endpoint-url.ts')
    // A Checker always has a certificate; which one is decided below.
    const { port: dialled } = parseEndpointUrl(url, `0x${'ff'.repeat(32)}`)
    const settings = { 'public-url': url, host, port: this.flags.port ?? dialled, seats }
    const initialised = await this.initialise('checker', settings)
    const { operator } = initialised
    const { deviceIds: _, ...certificate } = await this.ensureCertificate('certificate.pem', async () => {
      return { role: 'checker', operator, deviceIds: [], hardwareHash: null }
    })
    this.showInitialised(initialised, [
      `Send KAI for the bond of ${counted(seats, 'seat')} and gas to ${initialised.operator}`,
      `Open port ${settings.port} for incoming connections`,
      this.runCommand,
    ])
    this.log(`certificate  ${certificate.file}`)
    return { ...initialised, endpoint: url, certificate }
  }
}
