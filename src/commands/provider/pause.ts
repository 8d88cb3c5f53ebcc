import { longestPauseSeconds } from '../../core/provider/pause.ts'
import { examples } from '../base.ts'
import { durationFlag } from '../input-values.ts'
import { PauseCommand, pausedDeviceFlag } from '../pause-command.ts'

export default class ProviderPause extends PauseCommand<typeof ProviderPause> {
  static override description = `Keep a device for yourself for some time: busy is not broken.

The running Provider frees its memory and tells the Checkers that it is busy. It earns nothing for the rounds that it leaves out, and its standing stays. A pause outlives a restart; of two the later end counts.`
  static override examples = examples('--for 2h', '--device 0x3f9a --json')
  static override flags = {
    ...pausedDeviceFlag,
    for: durationFlag({
      description: 'How long, such as 45m, 2h or 1h30m. Default: until "kaisar provider resume"',
      max: longestPauseSeconds,
    }),
  }

  async run() {
    const { device = null, for: forSeconds = null } = this.flags
    return this.ask({ command: 'pause', device, forSeconds })
  }
}
