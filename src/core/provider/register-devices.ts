/** Registers devices that are not on chain, and starts a new generation of devices that have changed; never twice. */
import { type Address, type Hex, toHex } from 'viem'
import {
  deviceDeposit,
  getDevice,
  newestGeneration,
  type RegisteredDevice,
  registeredPayout,
} from '../chain/devices.ts'
import { coinFor } from '../chain/funds.ts'
import { kaiAllowance, kaiShortage } from '../chain/kai.ts'
import { type ConnectedNetwork, lowerCase } from '../chain/network.ts'
import { callOf, reading } from '../chain/read.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { keccak256 } from '../platform/keccak.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { providerErrors } from './errors.ts'
import type { OwnDevice } from './own-devices.ts'

export type Registered = {
  readonly device: RegisteredDevice
  /** What this call did: nothing, a first registration, or a new generation with the reason. */
  readonly change: 'none' | 'registered' | 'hardware-changed' | 'certificate-changed'
}

export type Registration = {
  readonly network: ConnectedNetwork
  readonly payout: Address
  readonly certificateHash: Hex
}
export type AttestIdentity = (device: OwnDevice, nonce: Hex) => Promise<{ readonly identity: Hex } | null>
/** The chain's record of one of our devices. */
export type KnownDevice = {
  readonly own: OwnDevice
  /** Null while it is not registered. */
  readonly device: RegisteredDevice | null
  /** The wallet that it is or was paid to; null where it was never registered. */
  readonly paidTo: Address | null
  /** The generation that would be next. */
  readonly next: number
}

type RegisterDevicesOptions = { readonly sender: TransactionSender; readonly attest: AttestIdentity }

/**
 * Reads the chain first. A device that is registered with the same hashes is left as it is, whenever it was registered.
 *
 * @param payout - the cold wallet that rewards and deposits go to; only it can change itself later
 * @throws PROVIDER_DEPOSIT_MISSING, PROVIDER_GAS_MISSING, PROVIDER_PAYOUT_DIFFERS, PROVIDER_REGISTRATION_UNSEEN, and what the chain refuses
 */
export async function registerDevices(
  { network, payout, certificateHash }: Registration,
  devices: readonly OwnDevice[],
  { sender, attest }: RegisterDevicesOptions,
): Promise<Registered[]> {
  const known = await lookUp({ network, payout }, devices)
  const missing = known.filter(({ device }) => device === null)
  const wanted = known.filter(each => !isRegisteredSo(each, certificateHash))
  if (missing.length > 0) await assertDeposit(network, missing, sender.address)
  if (wanted.length > 0) await assertGas(network, wanted, sender.address)
  if (missing.length > 0) await approveDeposit(network, missing, sender)
  return Promise.all(known.map(each => registerOne({ network, payout, certificateHash }, each, { sender, attest })))
}

/** What the chain knows of them. @throws PROVIDER_PAYOUT_DIFFERS */
export async function lookUp(
  { network, payout }: Pick<Registration, 'network' | 'payout'>,
  devices: readonly OwnDevice[],
): Promise<KnownDevice[]> {
  const known = await Promise.all(devices.map(own => look(network, own)))
  for (const { own, paidTo } of known)
    if (paidTo !== null && paidTo !== lowerCase(payout))
      throw providerErrors.PROVIDER_PAYOUT_DIFFERS({ deviceId: own.deviceId, registered: paidTo, payout })
  return known
}

async function look(network: ConnectedNetwork, own: OwnDevice): Promise<KnownDevice> {
  const device = await getDevice(network, own.deviceId)
  const newest = device?.generation ?? (await newestGeneration(network, own.deviceId))
  return { own, device, paidTo: await registeredPayout(network, own.deviceId), next: newest + 1 }
}

async function registerOne(
  { network, payout, certificateHash }: Registration,
  { own, device: known, next }: KnownDevice,
  { sender, attest }: Parameters<typeof registerDevices>[2],
): Promise<Registered> {
  const { deviceId, probed } = own
  if (known !== null && isRegisteredSo({ own, device: known }, certificateHash))
    return { device: known, change: 'none' }
  const sameHardware = known?.record.deviceHash === probed.deviceHash
  const attestedIdentity = await identityOf({ own, device: known }, attest)
  const wanted = [probed.localId, payout, probed.deviceHash, certificateHash, attestedIdentity] as const
  // The key names the generation, which is registered once, also after the device has left and come back.
  const key = `register/${deviceId}/${next}`
  await sender.send({ key, ...callOf(network.contracts, 'DeviceRegistry', 'register', ...wanted) })
  const device = await getDevice(network, deviceId)
  if (device === null || device.generation < next) throw providerErrors.PROVIDER_REGISTRATION_UNSEEN({ deviceId })
  const change = known === null ? 'registered' : sameHardware ? 'certificate-changed' : 'hardware-changed'
  return { device, change }
}

/** Whether the chain has the device as it is, with this certificate. */
export const isRegisteredSo = ({ own, device }: Pick<KnownDevice, 'own' | 'device'>, certificateHash: Hex): boolean =>
  device?.record.deviceHash === own.probed.deviceHash && device.record.certificateHash === certificateHash

/** The card's identity does not depend on the nonce; Checkers ask for evidence over nonces of their own. */
export const identityOf = async (
  { own, device }: Pick<KnownDevice, 'own' | 'device'>,
  attest: AttestIdentity,
): Promise<Hex> => device?.record.attestedIdentity ?? (await attest(own, zeroBytes32))?.identity ?? zeroBytes32

const depositOf = async (network: ConnectedNetwork, missing: readonly KnownDevice[]): Promise<bigint> =>
  (await deviceDeposit(network)) * BigInt(missing.length)

async function assertDeposit(network: ConnectedNetwork, missing: readonly KnownDevice[], account: Address) {
  const shortage = await kaiShortage(network, account, await depositOf(network, missing))
  if (shortage !== null) throw providerErrors.PROVIDER_DEPOSIT_MISSING({ ...shortage, devices: missing.length })
}

/** A key that another wallet pays for holds nothing: it would wait for ever. One that has too little waits for more. */
async function assertGas(network: ConnectedNetwork, wanted: readonly KnownDevice[], account: Address) {
  const { balance, needed } = await reading('eth_getBalance', coinFor(network.chain, account))
  if (balance === 0n) throw providerErrors.PROVIDER_GAS_MISSING({ account, needed, devices: wanted.length })
}

async function approveDeposit(network: ConnectedNetwork, missing: readonly KnownDevice[], sender: TransactionSender) {
  const spender = network.contracts.DeviceRegistry
  const [needed, allowance] = await Promise.all([
    depositOf(network, missing),
    kaiAllowance(network, sender.address, spender),
  ])
  if (allowance >= needed) return
  // The key names the registrations that the approval is for and the allowance it adds to, so that a later approval has another key.
  const about = missing.map(({ own, next }) => `${own.deviceId}/${next}`).sort()
  await sender.send({
    key: `approve/deposit/${keccak256(toHex(about.join()))}/${allowance}/${needed}`,
    ...callOf(network.contracts, 'KaisarToken', 'approve', spender, needed),
  })
}
