/** Who may open a session with a Checker: operators whose devices the chain knows by this certificate, and other Checkers. */
import type { Hex } from 'viem'
import { getChecker } from '../chain/checkers.ts'
import { getDevice, type RegisteredDevice } from '../chain/devices.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { Claim } from '../transport/session-handshake.ts'

/** Devices read at a time, once the first was found to be the operator's. */
const readAtOnce = 16
/** Devices remembered, the oldest of which make way. */
const rememberedDevices = 4_096

/**
 * @param read - reads a device from the chain
 * @returns what says null of a claim, or why it is not let in
 */
export function createAdmission(network: ConnectedNetwork, read = getDevice): (claim: Claim) => Promise<string | null> {
  /** A registration changes rarely; one that does not fit a claim is read again. */
  const remembered = new Map<Hex, RegisteredDevice>()

  async function fault(deviceId: Hex, claim: Claim): Promise<string | null> {
    const known = remembered.get(deviceId)
    if (known !== undefined && faultOf(deviceId, known, claim) === null) return null
    const device = await read(network, deviceId)
    const found = faultOf(deviceId, device, claim)
    remembered.delete(deviceId)
    if (device !== null && found === null) remembered.set(deviceId, device)
    for (const oldest of remembered.keys()) {
      if (remembered.size <= rememberedDevices) break
      remembered.delete(oldest)
    }
    return found
  }

  return async claim => {
    const { role, operator, deviceIds, certificateHash } = claim
    if (role === 'checker') {
      const checker = await getChecker(network, operator)
      if (checker === null) return `${operator} is not a bonded Checker`
      return certificateHash === zeroBytes32 || checker.certificateHash === certificateHash
        ? null
        : 'the certificate is not the registered one'
    }
    if (deviceIds.length === 0) return 'it names no device'
    // One alone first: whoever owns nothing costs one look at the chain, whatever the claim is.
    for (let from = 0; from < deviceIds.length; from += from === 0 ? 1 : readAtOnce) {
      const some = deviceIds.slice(from, from === 0 ? 1 : from + readAtOnce)
      const faults = await Promise.all(some.map(id => fault(id, claim)))
      const first = faults.find(each => each !== null)
      if (first !== undefined && first !== null) return first
    }
    return null
  }
}

function faultOf(id: Hex, device: RegisteredDevice | null, { operator, certificateHash }: Claim): string | null {
  if (device === null || device.operator !== operator) return `device ${id} is not registered by ${operator}`
  return certificateHash === zeroBytes32 || device.record.certificateHash === certificateHash
    ? null
    : `the certificate is not the registered one of device ${id}`
}
