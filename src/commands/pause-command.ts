/** What `provider pause` and `provider resume` share: the daemon they talk to, and how devices are told of. */
import type { Command } from '@oclif/core'
import { Flags } from '@oclif/core'
import type { ControlRequest } from '../core/provider/control.ts'
import { isDeviceName } from '../core/provider/pause.ts'
import type { DeviceState } from '../core/provider/pauses.ts'
import { BaseCommand } from './base.ts'
import { roleFolder } from './operator-command.ts'
import { usageErrors } from './usage-errors.ts'

export const pausedDeviceFlag = {
  device: Flags.string({
    description: 'Device id, or its first digits. Default: all devices of this Provider',
    helpValue: '<id>',
    async parse(input) {
      if (!isDeviceName(input))
        throw usageErrors.USAGE_INVALID({
          reason: `"${input}" is not a device id or its first digits, such as 0x3f9a.`,
        })
      return input
    },
  }),
}

export abstract class PauseCommand<T extends typeof Command> extends BaseCommand<T> {
  protected async ask(asked: ControlRequest): Promise<{ devices: readonly DeviceState[] }> {
    const { askProvider } = await import('../core/provider/control.ts')
    const { shortHex } = await import('../core/view/figures.ts')
    const { devices } = await askProvider(roleFolder(this.dataDir, 'provider'), asked)
    for (const device of devices) this.log(`device ${shortHex(device.deviceId)}  ${stateText(device)}`)
    return { devices }
  }
}

function stateText({ state, until, note }: DeviceState): string {
  const end = until === null ? 'until "kaisar provider resume"' : `until ${until}`
  const text = {
    working: 'works',
    finishing: `finishes the round that it is in, then is paused ${end}`,
    paused: `is paused ${end}`,
  }[state]
  return note === null ? text : `${text}. ${note}`
}
