import { PauseCommand, pausedDeviceFlag } from '../pause-command.ts'

export default class ProviderResume extends PauseCommand<typeof ProviderResume> {
  static override description =
    `End the pauses of a device: it works the next round, and fills its memory again where the epoch still has rounds.`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --device 0x3f9a --json',
  ]
  static override flags = { ...pausedDeviceFlag }

  async run() {
    return this.ask({ command: 'resume', device: this.flags.device ?? null })
  }
}
