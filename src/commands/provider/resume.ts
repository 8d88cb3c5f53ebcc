import { examples } from '../base.ts'
import { PauseCommand, pausedDeviceFlag } from '../pause-command.ts'

export default class ProviderResume extends PauseCommand<typeof ProviderResume> {
  static override description =
    `End the pauses of a device: it fills its memory again where the epoch still has rounds, and works those that come once it is filled.`
  static override examples = examples('', '--device 0x3f9a --json')
  static override flags = { ...pausedDeviceFlag }

  async run() {
    return this.ask({ command: 'resume', device: this.flags.device ?? null })
  }
}
