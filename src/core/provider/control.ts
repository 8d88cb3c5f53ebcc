/** What an owner may ask a running Provider for, over the socket in its data folder. */
import { join } from 'node:path'
import { z } from 'zod'
import { askControl } from '../daemon/control-socket.ts'
import { dataDirOwner } from '../daemon/data-dir-lock.ts'
import { isKaisarError } from '../platform/errors.ts'
import { providerErrors } from './errors.ts'
import { isDeviceName, longestPauseSeconds } from './pause.ts'
import type { DeviceState, Pauses } from './pauses.ts'

const device = z.string().refine(isDeviceName).nullable()
const request = z.discriminatedUnion('command', [
  z.object({
    command: z.literal('pause'),
    device,
    forSeconds: z.number().int().min(1).max(longestPauseSeconds).nullable(),
  }),
  z.object({ command: z.literal('resume'), device }),
  z.object({ command: z.literal('states') }),
])
export type ControlRequest = z.output<typeof request>

export const controlPath = (folder: string): string => join(folder, 'control.sock')

/** @throws PAUSE_DEVICE_UNKNOWN, and what the schema refuses */
export function answerControl(pauses: Pauses, asked: unknown): { readonly devices: readonly DeviceState[] } {
  const parsed = request.parse(asked)
  switch (parsed.command) {
    case 'pause':
      return { devices: pauses.pause(parsed.device, parsed.forSeconds) }
    case 'resume':
      return { devices: pauses.resume(parsed.device) }
    case 'states':
      return { devices: pauses.states() }
  }
}

/** Asks the Provider that runs with this folder. @throws CONTROL_NO_DAEMON, CONTROL_UNREACHABLE, and what it answers */
export async function askProvider(
  folder: string,
  asked: ControlRequest,
): Promise<{ readonly devices: readonly DeviceState[] }> {
  const path = controlPath(folder)
  try {
    return (await askControl(path, asked)) as { devices: DeviceState[] }
  } catch (cause) {
    if (isKaisarError(cause)) throw cause
    if (dataDirOwner(folder) === null) throw providerErrors.CONTROL_NO_DAEMON({ folder, cause })
    throw providerErrors.CONTROL_UNREACHABLE({ path, reason: (cause as Error).message, cause })
  }
}
