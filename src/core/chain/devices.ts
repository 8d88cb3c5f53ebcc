import { type Address, type Hex, zeroAddress } from 'viem'
import { cohortOf } from '../protocol/constants.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { deviceRegistryAbi } from './abi/device-registry.ts'
import { kaisarLensAbi } from './abi/kaisar-lens.ts'
import { at, type ConnectedNetwork, lowerCase, reading } from './network.ts'

/** The hashes with which a device is registered, 32 bytes each; `attestedIdentity` is zero where the card has none. */
type DeviceHashes = { readonly deviceHash: Hex; readonly certificateHash: Hex; readonly attestedIdentity: Hex }

/** A registered device. Epochs are numbers; `until` is null while it stays. Amounts in wei of KAI. */
export type RegisteredDevice = {
  readonly id: Hex
  readonly operator: Address
  readonly payout: Address
  /** Global lane; see {@link cohortOf}. */
  readonly lane: number
  readonly cohort: number
  readonly generation: number
  /** First epoch whose verdicts are about `generation`. */
  readonly generationFrom: number
  /** First epoch it is a member of. */
  readonly since: number
  readonly until: number | null
  readonly deposit: bigint
  readonly record: DeviceHashes
}

/** A device with its standing and its money. */
export type DeviceOverview = RegisteredDevice & {
  readonly standing: bigint
  readonly silentEpochs: number
  readonly payoutBalance: bigint
  readonly owed: bigint
}

/** A lane of a cohort in one epoch. */
export type LaneMember = {
  readonly id: Hex
  readonly generation: number
  readonly operator: Address
  readonly payout: Address
}

type RawDevice = Omit<RegisteredDevice, 'cohort' | 'until'> & { readonly until: number }

const toDevice = (raw: RawDevice): RegisteredDevice => ({
  ...raw,
  operator: lowerCase(raw.operator),
  payout: lowerCase(raw.payout),
  cohort: cohortOf(raw.lane),
  until: raw.until === 0xffff_ffff ? null : raw.until,
})

const registry = ({ contracts }: ConnectedNetwork) =>
  ({ address: contracts.DeviceRegistry, abi: deviceRegistryAbi }) as const

/** @returns null when the device is not registered */
export async function getDevice(network: ConnectedNetwork, id: Hex): Promise<RegisteredDevice | null> {
  const { client } = network.chain
  const known = { ...registry(network), functionName: 'isRegistered', args: [id] } as const
  if (!(await reading('isRegistered', client.readContract(known)))) return null
  const raw = { ...registry(network), functionName: 'getDevice', args: [id] } as const
  return toDevice(await reading('getDevice', client.readContract(raw)))
}

/** The wallet that a device is paid to, also after it has left; null for a device that was never registered. */
export async function registeredPayout(network: ConnectedNetwork, id: Hex): Promise<Address | null> {
  const call = { ...registry(network), functionName: 'payoutOf', args: [id] } as const
  const payout = await reading('payoutOf', network.chain.client.readContract(call))
  return payout === zeroAddress ? null : lowerCase(payout)
}

/** The newest generation of a device, also after it has left; 0 for a device that was never registered. */
export async function newestGeneration(network: ConnectedNetwork, id: Hex): Promise<number> {
  const recordOf = (generation: number) => {
    const call = { ...registry(network), functionName: 'recordOf', args: [id, generation] } as const
    return reading('recordOf', network.chain.client.readContract(call))
  }
  let generation = 0
  while ((await recordOf(generation + 1)).deviceHash !== zeroBytes32) generation++
  return generation
}

/** The deposit of a new device, in wei of KAI. */
export const deviceDeposit = (network: ConnectedNetwork): Promise<bigint> =>
  reading('deposit', network.chain.client.readContract({ ...registry(network), functionName: 'deposit' }))

/** The generation that verdicts of `epoch` are about; 0 when the device is not a member of the epoch. */
export const generationAt = (network: ConnectedNetwork, id: Hex, epoch: number): Promise<number> =>
  reading(
    'generationAt',
    network.chain.client.readContract({
      ...registry(network),
      functionName: 'generationAt',
      args: [id, BigInt(epoch)],
    }),
  )

/** The lanes of a cohort as frozen for `epoch`, null where empty. Exact for the previous, this and the next epoch. */
export async function cohortMembers(
  network: ConnectedNetwork,
  epoch: number,
  cohort: number,
  blockHash?: Hex,
): Promise<(LaneMember | null)[]> {
  const args = [BigInt(epoch), cohort] as const
  const call = { ...registry(network), functionName: 'devicesOf', args, ...at(blockHash) } as const
  const members = await reading('devicesOf', network.chain.client.readContract(call))
  return members.map(member =>
    member.id === zeroBytes32
      ? null
      : { ...member, operator: lowerCase(member.operator), payout: lowerCase(member.payout) },
  )
}

/** The number of members of `epoch`, and of cohorts that hold lanes in it. */
export async function countsOf(
  network: ConnectedNetwork,
  epoch: number,
  blockHash?: Hex,
): Promise<{ members: number; cohorts: number }> {
  const call = { ...registry(network), functionName: 'countsOf', args: [BigInt(epoch)], ...at(blockHash) } as const
  const [members, cohorts] = await reading('countsOf', network.chain.client.readContract(call))
  return { members, cohorts }
}

/** Every device that holds a lane, in the order of lanes, read 100 lanes at a time. */
export async function getDevices(network: ConnectedNetwork): Promise<DeviceOverview[]> {
  const { client } = network.chain
  const lanes = await reading('laneCount', client.readContract({ ...registry(network), functionName: 'laneCount' }))
  const devices: DeviceOverview[] = []
  for (let from = 0; from < lanes; from += 100) {
    const lens = { address: network.contracts.KaisarLens, abi: kaisarLensAbi } as const
    const page = await reading(
      'devices',
      client.readContract({ ...lens, functionName: 'devices', args: [from, Math.min(100, lanes - from)] }),
    )
    for (const { device, standing, silentEpochs, payoutBalance, owed } of page)
      devices.push({ ...toDevice(device), standing, silentEpochs: Number(silentEpochs), payoutBalance, owed })
  }
  return devices
}

/** The device that owns an attested identity; null while no claim to it was confirmed. */
export async function identityOwner(network: ConnectedNetwork, attestedIdentity: Hex): Promise<Hex | null> {
  const call = { ...registry(network), functionName: 'identityOwner', args: [attestedIdentity] } as const
  const owner = await reading('identityOwner', network.chain.client.readContract(call))
  return owner === zeroBytes32 ? null : owner
}

/** Those of the devices whose claim to their attested identity the registry would accept now. */
export async function claimableIdentities(
  network: ConnectedNetwork,
  devices: readonly Pick<RegisteredDevice, 'id' | 'record'>[],
): Promise<Hex[]> {
  const { client } = network.chain
  const attested = devices.filter(({ record }) => record.attestedIdentity !== zeroBytes32)
  const claimable: Hex[] = []
  for (const { id, record } of attested) {
    if ((await identityOwner(network, record.attestedIdentity)) === id) continue
    const claim = { ...registry(network), functionName: 'claimIdentity', args: [id] } as const
    // A refusal is the answer that is looked for here. The calls around this one notice an endpoint that does not answer.
    const accepted = await client.simulateContract(claim).then(
      () => true,
      () => false,
    )
    if (accepted) claimable.push(id)
  }
  return claimable
}
