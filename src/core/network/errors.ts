import { definePreconditions } from '../platform/errors.ts'
import { committeeSize } from '../protocol/constants.ts'

export const networkErrors = definePreconditions({
  EXPLORER_DEVICE_UNKNOWN: {
    message: 'No device {device} was ever registered on this network.',
    meaning: 'The id is of another network, or was mistyped. A prefix has to match exactly one device.',
    fix: 'List the devices with "kaisar chain devices".',
  },
  EXPLORER_DEVICE_AMBIGUOUS: {
    message: ({ device, matches }: { device: string; matches: readonly string[] }) =>
      `${device} is the beginning of ${matches.length} device ids: ${matches.slice(0, 3).join(', ')}${matches.length > 3 ? ', …' : ''}.`,
    meaning: 'A device may be named by the first digits of its id, as long as they name one device only.',
    fix: 'Give more digits of the id.',
    exit: 2,
  },
  EXPLORER_NOT_STARTED: {
    message: 'The network has not started: there is no epoch yet.',
    meaning: `Epochs begin when the owner calls "start", with Checkers of ${committeeSize} owners bonded.`,
    fix: 'Wait for the start, or run a local network with "kaisar devnet up".',
  },
  EXPLORER_EPOCH_AHEAD: {
    message: 'Epoch {epoch} has not begun; the current epoch is {current}.',
    meaning: 'Only epochs that have begun can be explained.',
    fix: 'Give an --epoch up to the current one, or leave it out for the latest that is resolved.',
    exit: 2,
  },
  EXPLORER_HISTORY_INCOMPLETE: {
    message: 'The standing of {device} before epoch {epoch} cannot be found out.',
    meaning:
      'The endpoint no longer has the state of that block, and the events that were read do not reach back to the device’s registration.',
    fix: 'Use an endpoint with older state with --rpc-url, or read events from the deployment’s block on with --from-block.',
    exit: 1,
  },
  EXPLORER_PORT_UNUSABLE: {
    message: 'The explorer cannot listen on port {port}: {reason}.',
    meaning: 'Another process listens on this port, or this user may not use it.',
    fix: 'Choose another --port, or leave it out to get a free one.',
  },
})
