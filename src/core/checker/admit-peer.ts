/** Who may open a session with a Checker: operators whose devices the chain knows by this certificate, and other Checkers. */
import { getChecker } from '../chain/checkers.ts'
import { getDevice } from '../chain/devices.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { Claim } from '../transport/session-handshake.ts'

/** @returns null, or why not */
export async function admitPeer(network: ConnectedNetwork, claim: Claim): Promise<string | null> {
  const { role, operator, deviceIds, certificateHash } = claim
  if (role === 'checker') {
    const checker = await getChecker(network, operator)
    if (checker === null) return `${operator} is not a bonded Checker`
    return certificateHash === zeroBytes32 || checker.certificateHash === certificateHash
      ? null
      : 'the certificate is not the registered one'
  }
  if (deviceIds.length === 0) return 'it names no device'
  const devices = await Promise.all(deviceIds.map(id => getDevice(network, id)))
  for (const [i, device] of devices.entries()) {
    if (device === null || device.operator !== operator)
      return `device ${deviceIds[i]} is not registered by ${operator}`
    if (certificateHash !== zeroBytes32 && device.record.certificateHash !== certificateHash)
      return `the certificate is not the registered one of device ${device.id}`
  }
  return null
}
