/** Registers what is not on chain, and starts a new generation of what has changed; never twice. */
import { type Address, encodeAbiParameters, formatEther, type Hex, keccak256 } from 'viem'
import { deviceRegistryAbi } from '../chain/abi/device-registry.ts'
import { kaisarTokenAbi } from '../chain/abi/kaisar-token.ts'
import { deviceDeposit, getDevice, type RegisteredDevice } from '../chain/devices.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { kaiAllowance, kaiBalance } from '../chain/vault.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { providerErrors } from './errors.ts'
import type { OwnDevice } from './own-devices.ts'

export type Registered = {
  readonly device: RegisteredDevice
  /** What this call did: nothing, a first registration, or a new generation with the reason. */
  readonly change: 'none' | 'registered' | 'hardware-changed' | 'certificate-changed'
}

/**
 * Reads the chain first: a device that is there with the same hashes is left alone, whoever registered it and whenever.
 *
 * @param payout - the cold wallet that rewards and deposits go to; only it can change itself later
 * @throws PROVIDER_DEPOSIT_MISSING, and what the chain refuses
 */
export async function registerDevices(
  { network, payout, certificateHash }: { network: ConnectedNetwork; payout: Address; certificateHash: Hex },
  devices: readonly OwnDevice[],
  {
    sender,
    attest,
  }: {
    readonly sender: TransactionSender
    readonly attest: (device: OwnDevice, nonce: Hex) => Promise<{ readonly identity: Hex } | null>
  },
): Promise<Registered[]> {
  const known = await Promise.all(devices.map(({ deviceId }) => getDevice(network, deviceId)))
  const missing = devices.filter((_, i) => known[i] === null)
  if (missing.length > 0) await approveDeposit(network, missing, sender)
  return Promise.all(
    devices.map((own, i) => registerOne({ network, payout, certificateHash }, own, known[i]!, { sender, attest })),
  )
}

async function registerOne(
  { network, payout, certificateHash }: { network: ConnectedNetwork; payout: Address; certificateHash: Hex },
  own: OwnDevice,
  known: RegisteredDevice | null,
  { sender, attest }: Parameters<typeof registerDevices>[2],
): Promise<Registered> {
  const { deviceId, probed } = own
  const sameHardware = known?.record.deviceHash === probed.deviceHash
  if (known !== null && sameHardware && known.record.certificateHash === certificateHash)
    return { device: known, change: 'none' }
  // Which card it is does not depend on the nonce; the Checkers ask for evidence over their own.
  const attestedIdentity = known?.record.attestedIdentity ?? (await attest(own, zeroBytes32))?.identity ?? zeroBytes32
  await sender.send({
    key: `register/${deviceId}/${(known?.generation ?? 0) + 1}`,
    to: network.contracts.DeviceRegistry,
    abi: deviceRegistryAbi,
    functionName: 'register',
    args: [probed.localId, known?.payout ?? payout, probed.deviceHash, certificateHash, attestedIdentity],
  })
  const device = (await getDevice(network, deviceId))!
  const change = known === null ? 'registered' : sameHardware ? 'certificate-changed' : 'hardware-changed'
  return { device, change }
}

async function approveDeposit(network: ConnectedNetwork, devices: readonly OwnDevice[], sender: TransactionSender) {
  const spender = network.contracts.DeviceRegistry
  const needed = (await deviceDeposit(network)) * BigInt(devices.length)
  const [balance, allowance] = await Promise.all([
    kaiBalance(network, sender.address),
    kaiAllowance(network, sender.address, spender),
  ])
  if (balance < needed)
    throw providerErrors.PROVIDER_DEPOSIT_MISSING({ needed: formatEther(needed), balance: formatEther(balance) })
  if (allowance >= needed) return
  const ids = devices.map(({ deviceId }) => deviceId).sort()
  await sender.send({
    key: `approve/deposit/${keccak256(encodeAbiParameters([{ type: 'bytes32[]' }], [ids]))}`,
    to: network.contracts.KaisarToken,
    abi: kaisarTokenAbi,
    functionName: 'approve',
    args: [spender, needed],
  })
}
