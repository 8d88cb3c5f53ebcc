import { type Address, type Hex, zeroAddress } from 'viem'
import { cohortOf } from '../protocol/constants.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { getEvents } from './events.ts'
import { type ConnectedNetwork, lowerCase } from './network.ts'
import { type Answer, callOf, read } from './read.ts'
import { simulateCall } from './tx/transact.ts'

type RawDevice = Answer<'DeviceRegistry', 'getDevice'>

/**
 * A registered device. Epochs are numbers; amounts in wei of KAI. `lane` is global, see {@link cohortOf}. `generationFrom`: first epoch whose
 * verdicts are about `generation`; `since`: first epoch it is a member of. `record`: the hashes with which it is registered, 32 bytes each,
 * of which `attestedIdentity` is zero where the card has none.
 */
export type RegisteredDevice = Omit<RawDevice, 'until'> & {
  readonly cohort: number
  /** Null while it stays. */
  readonly until: number | null
}

/** A device with its standing and its money. */
export type DeviceOverview = RegisteredDevice &
  Omit<Answer<'KaisarLens', 'devices'>[number], 'device' | 'silentEpochs'> & { readonly silentEpochs: number }

/** A lane of a cohort in one epoch. */
export type LaneMember = Answer<'DeviceRegistry', 'devicesOf'>[number]

const toDevice = (raw: RawDevice): RegisteredDevice => ({
  ...raw,
  operator: lowerCase(raw.operator),
  payout: lowerCase(raw.payout),
  cohort: cohortOf(raw.lane),
  until: raw.until === 0xffff_ffff ? null : raw.until,
})

/** @returns null when the device is not registered */
export async function getDevice(network: ConnectedNetwork, id: Hex): Promise<RegisteredDevice | null> {
  if (!(await read(network, 'DeviceRegistry', 'isRegistered', id))) return null
  return toDevice(await read(network, 'DeviceRegistry', 'getDevice', id))
}

/** The wallet that a device is paid to, also after it has left; null for a device that was never registered. */
export async function registeredPayout(network: ConnectedNetwork, id: Hex): Promise<Address | null> {
  const payout = await read(network, 'DeviceRegistry', 'payoutOf', id)
  return payout === zeroAddress ? null : lowerCase(payout)
}

/** The newest generation of a device, also after it has left; 0 for a device that was never registered. */
export async function newestGeneration(network: ConnectedNetwork, id: Hex): Promise<number> {
  const recordOf = (generation: number) => read(network, 'DeviceRegistry', 'recordOf', id, generation)
  let generation = 0
  while ((await recordOf(generation + 1)).deviceHash !== zeroBytes32) generation++
  return generation
}

/** The deposit of a new device, in wei of KAI. */
export const deviceDeposit = (network: ConnectedNetwork): Promise<bigint> => read(network, 'DeviceRegistry', 'deposit')

/** The generation that verdicts of `epoch` are about; 0 when the device is not a member of the epoch. */
export const generationAt = (network: ConnectedNetwork, id: Hex, epoch: number): Promise<number> =>
  read(network, 'DeviceRegistry', 'generationAt', id, BigInt(epoch))

/** The lanes of a cohort as frozen for `epoch`, null where empty. Exact for the previous, this and the next epoch. */
export async function cohortMembers(
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
): Promise<(LaneMember | null)[]> {
  const members = await read(network, 'DeviceRegistry', 'devicesOf', BigInt(epoch), cohort)
  return members.map(member =>
    member.id === zeroBytes32
      ? null
      : { ...member, operator: lowerCase(member.operator), payout: lowerCase(member.payout) },
  )
}

/** The number of members of `epoch`, and of cohorts that hold lanes in it. */
export async function countsOf(network: ConnectedNetwork, epoch: number) {
  const [members, cohorts] = await read(network, 'DeviceRegistry', 'countsOf', BigInt(epoch))
  return { members, cohorts }
}

/** Every device that holds a lane, in the order of lanes, read 100 lanes at a time. */
export async function getDevices(network: ConnectedNetwork): Promise<DeviceOverview[]> {
  const lanes = await read(network, 'DeviceRegistry', 'laneCount')
  const devices: DeviceOverview[] = []
  for (let from = 0; from < lanes; from += 100) {
    const page = await read(network, 'KaisarLens', 'devices', from, Math.min(100, lanes - from))
    for (const { device, silentEpochs, ...money } of page)
      devices.push({ ...toDevice(device), ...money, silentEpochs: Number(silentEpochs) })
  }
  return devices
}

/** The device that owns an attested identity; null while no claim to it was confirmed. */
export async function identityOwner(network: ConnectedNetwork, attestedIdentity: Hex): Promise<Hex | null> {
  const owner = await read(network, 'DeviceRegistry', 'identityOwner', attestedIdentity)
  return owner === zeroBytes32 ? null : owner
}

/**
 * Those of the devices whose claim to their attested identity the registry would accept now, and pay for: it pays the first of a device
 * and identity alone.
 *
 * @param paid - claims that were made before, which grows by those that are found: a claim stays made, so its events are read once
 */
export async function claimableIdentities(
  network: ConnectedNetwork,
  devices: readonly Pick<RegisteredDevice, 'id' | 'record'>[],
  paid: Set<string>,
): Promise<Hex[]> {
  const attested = devices.filter(({ record }) => record.attestedIdentity !== zeroBytes32)
  const claimable: Hex[] = []
  for (const { id, record } of attested) {
    const name = `${record.attestedIdentity}/${id}`
    if (paid.has(name) || (await identityOwner(network, record.attestedIdentity)) === id) continue
    const claim = callOf(network.contracts, 'DeviceRegistry', 'claimIdentity', id)
    // A refusal is the answer that is looked for here. The calls around this one notice an endpoint that does not answer.
    const accepted = await simulateCall(network.chain, undefined, claim).then(
      () => true,
      () => false,
    )
    if (!accepted) continue
    if (await wasClaimed(network, id, record.attestedIdentity)) paid.add(name)
    else claimable.push(id)
  }
  return claimable
}

/** False too where the endpoint no longer has the events: then a claim may earn nothing, and does no harm. */
async function wasClaimed(network: ConnectedNetwork, deviceId: Hex, attestedIdentity: Hex): Promise<boolean> {
  const since = { fromBlock: network.deployedAtBlock ?? 0n }
  const named = { attestedIdentity, deviceId }
  const claims = await getEvents(network, 'DeviceRegistry', 'IdentityClaimed', since, named).catch(() => [])
  return claims.length > 0
}
