/**
 * Registers the devices of many hosts from one wallet: by consents that the hosts signed, with one deposit and one record. What is signed is
 * on disk before it leaves; the chain says what is registered, so that the same command goes on where it was interrupted.
 *
 * Why: docs/why/daemons-and-operators.md
 */
import { readFileSync } from 'node:fs'
import { type Address, type Hex, toHex } from 'viem'
import { deviceDeposit, registeredPayout } from '../chain/devices.ts'
import { assertFunds } from '../chain/funds.ts'
import { kaiAllowance, kaiBalance } from '../chain/kai.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { callOf, read, reading } from '../chain/read.ts'
import { type Fee, type FeeCaps, firstFee, readFeeMarket } from '../chain/tx/fees.ts'
import { type Call, simulateCall } from '../chain/tx/transact.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { failureReason, isKaisarError, orRefuse } from '../platform/errors.ts'
import { keccak256 } from '../platform/keccak.ts'
import { mapSome } from '../platform/map-some.ts'
import { devicesOf, type EnrolledDevice, enrolmentProblems, parseEnrolment } from '../report/enrolment.ts'
import { fleetErrors } from './errors.ts'

/** Registrations in one transaction: about 8 million gas, which every chain takes. */
const mostInOne = 50
/** Bounds, with room to spare; contracts/test/Gas.t.sol measures 150,000 for a device. */
const gasOf = { approve: 60_000n, transaction: 50_000n, device: 220_000n } as const
/** Questions to the endpoint at the same time. */
const mostAsked = 16

export type HostDevice = EnrolledDevice & { readonly path: string }

/** What is to be done. Amounts in wei. */
export type EnrolmentPlan = {
  readonly payer: Address
  readonly open: readonly (HostDevice & { readonly joins: boolean })[]
  /** Registered before. */
  readonly done: readonly HostDevice[]
  /** Of the devices that are not in yet; a new generation of one that is needs none. */
  readonly deposit: bigint
  readonly transactions: number
  readonly fee: Fee
  /** The fees at the highest price that is offered now. */
  readonly mostFees: bigint
  readonly balances: { readonly KAI: bigint; readonly coin: bigint }
}

/**
 * Reads the files of all hosts, each device once.
 *
 * @throws ENROLMENT_UNREADABLE, ENROLMENTS_REFUSED with everything that is wrong in any of them
 */
export function readEnrolments(
  paths: readonly string[],
  expected: Parameters<typeof enrolmentProblems>[1],
): HostDevice[] {
  const files = paths.map(path => ({ path, enrolment: parseEnrolment(readText(path), path) }))
  const problems = files.flatMap(({ path, enrolment }) =>
    enrolmentProblems(enrolment, expected).map(problem => `${path}: ${problem}`),
  )
  const devices = new Map<Hex, HostDevice>()
  for (const { path, enrolment } of files)
    for (const device of devicesOf(enrolment)) {
      const known = devices.get(device.deviceId)
      if (known === undefined) devices.set(device.deviceId, { ...device, path })
      else if (known.signature !== device.signature)
        problems.push(`${path}: device ${device.deviceId} is in ${known.path} too, signed otherwise`)
    }
  if (problems.length > 0) throw fleetErrors.ENROLMENTS_REFUSED({ problems })
  return [...devices.values()]
}

const readText = (path: string): string =>
  orRefuse(
    () => readFileSync(path, 'utf8'),
    cause => fleetErrors.ENROLMENT_FILE_UNREADABLE({ path, reason: failureReason(cause), cause }),
  )

type PlanEnrolmentOptions = { readonly payer: Address; readonly devices: readonly HostDevice[]; readonly caps: FeeCaps }

/**
 * Asks the chain about each device, and what all of it costs. Nothing is sent.
 *
 * @throws ENROLMENTS_REFUSED, TRANSACTION_FEE_CAP, RPC_FAILED
 */
export async function planEnrolment(
  network: ConnectedNetwork,
  { payer, devices, caps }: PlanEnrolmentOptions,
): Promise<EnrolmentPlan> {
  const asked = await mapSome(mostAsked, devices, async device => ({ device, ...(await ask(network, payer, device)) }))
  const problems = asked.flatMap(({ device, problem }) =>
    problem === undefined ? [] : [`${device.path}: ${device.model} ${device.deviceId}: ${problem}`],
  )
  if (problems.length > 0) throw fleetErrors.ENROLMENTS_REFUSED({ problems })
  const open = asked.flatMap(({ device, joins }) => (joins === null ? [] : [{ ...device, joins }]))
  const [each, market, KAI, coin, allowance] = await Promise.all([
    deviceDeposit(network),
    readFeeMarket(network.chain),
    kaiBalance(network, payer),
    reading('eth_getBalance', network.chain.client.getBalance({ address: payer })),
    kaiAllowance(network, payer, network.contracts.DeviceRegistry),
  ])
  const deposit = each * BigInt(open.filter(({ joins }) => joins).length)
  const batches = Math.ceil(open.length / mostInOne)
  const needsApproval = allowance < deposit
  const gas =
    (needsApproval ? gasOf.approve : 0n) + BigInt(batches) * gasOf.transaction + BigInt(open.length) * gasOf.device
  const fee = firstFee(market, caps, { key: `${open.length} registrations`, gas })
  return {
    payer,
    open,
    done: asked.flatMap(({ device, joins }) => (joins === null ? [device] : [])),
    deposit,
    transactions: batches + (needsApproval ? 1 : 0),
    fee,
    mostFees: gas * fee.maxFeePerGas,
    balances: { KAI, coin },
  }
}

/**
 * Tries one registration as its payer. The deposit is taken last: where that alone fails, all else is right.
 *
 * @returns whether it joins, null where it is registered already
 */
async function ask(
  network: ConnectedNetwork,
  payer: Address,
  device: HostDevice,
): Promise<{ readonly joins: boolean | null; readonly problem?: string }> {
  const isIn = await read(network, 'DeviceRegistry', 'isRegistered', device.deviceId)
  const { message, signature } = device
  try {
    const call = callOf(network.contracts, 'DeviceRegistry', 'registerSigned', message, signature)
    await simulateCall(network.chain, payer, call)
  } catch (error) {
    if (!isKaisarError(error, 'CONTRACT_REVERTED')) throw error
    const { errorName, reason } = error.context as { errorName: string; reason: string }
    if (errorName === 'TransferFailed') return { joins: !isIn }
    if (errorName === 'GenerationTaken' && isIn && (await isRecorded(network, device))) {
      const payout = await registeredPayout(network, device.deviceId)
      // Whoever holds a host's key can register its devices for a wallet of his own.
      return payout === message.payout
        ? { joins: null }
        : { joins: false, problem: `it is registered, and paid to ${payout}` }
    }
    return { joins: !isIn, problem: reason }
  }
  return { joins: !isIn }
}

/** Whether this very consent, or one for the same device as it is, made the generation. */
async function isRecorded(network: ConnectedNetwork, { deviceId, message }: HostDevice): Promise<boolean> {
  const record = await read(network, 'DeviceRegistry', 'recordOf', deviceId, message.generation)
  return record.deviceHash === message.deviceHash && record.certificateHash === message.certificateHash
}

/** @throws KAI_INSUFFICIENT, FUNDS_INSUFFICIENT, KAI_AND_COIN_INSUFFICIENT where the payer does not hold what the plan needs */
export const assertPaid = ({ payer, deposit, mostFees, balances }: EnrolmentPlan): void =>
  assertFunds(payer, { balances, needed: { KAI: deposit, coin: mostFees } })

/** The calls that do it, in their order: for a wallet whose key is elsewhere. */
export function enrolmentCalls({ contracts }: ConnectedNetwork, { open, deposit }: EnrolmentPlan): Call[] {
  return [
    ...(deposit === 0n ? [] : [callOf(contracts, 'KaisarToken', 'approve', contracts.DeviceRegistry, deposit)]),
    ...batchesOf(open).map(batch => callOf(contracts, 'DeviceRegistry', 'registerMany', signedOf(batch))),
  ]
}

/** Waits for what an earlier run sent, whatever became of it: only then the chain says what is still to be done. */
export async function settleEarlier(sender: TransactionSender): Promise<number> {
  const open = sender.open()
  await Promise.all(open.map(({ key }) => sender.outcome(key).catch(() => undefined)))
  return open.length
}

/**
 * Approves the deposits and sends the registrations, several transactions at once, until all are mined.
 *
 * @param onMined - called with the devices of each transaction
 * @throws CONTRACT_REVERTED, and what the sender throws; the others are mined or recorded all the same, and the next run goes on
 */
export async function sendEnrolment(
  network: ConnectedNetwork,
  { open, deposit }: EnrolmentPlan,
  {
    sender,
    onMined,
  }: {
    readonly sender: TransactionSender
    readonly onMined: (devices: readonly HostDevice[], block: bigint, hash: Hex) => void
  },
): Promise<void> {
  const { contracts } = network
  const [allowance, count] = await Promise.all([
    kaiAllowance(network, sender.address, contracts.DeviceRegistry),
    reading('eth_getTransactionCount', network.chain.client.getTransactionCount({ address: sender.address })),
  ])
  if (allowance < deposit)
    await sender.send({
      key: `enrol/approve/${namesOf(open)}/${count}`,
      ...callOf(contracts, 'KaisarToken', 'approve', contracts.DeviceRegistry, deposit),
    })
  const sent = batchesOf(open).map(async batch => {
    const { blockNumber, hash } = await sender.send({
      key: `enrol/${namesOf(batch)}/${count}`,
      ...callOf(contracts, 'DeviceRegistry', 'registerMany', signedOf(batch)),
    })
    onMined(batch, blockNumber, hash)
  })
  const outcomes = await Promise.allSettled(sent)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

const signedOf = (devices: readonly HostDevice[]) =>
  devices.map(({ message: registration, signature }) => ({ registration, signature }))

/** Of what the chain does not have: with the account's count, so that a registration that a reorganisation took out is sent again. */
const namesOf = (devices: readonly HostDevice[]): Hex =>
  keccak256(toHex(devices.map(({ deviceId, message }) => `${deviceId}/${message.generation}`).join()))

const batchesOf = (devices: readonly HostDevice[]): HostDevice[][] =>
  Array.from({ length: Math.ceil(devices.length / mostInOne) }, (_, i) =>
    devices.slice(mostInOne * i, mostInOne * (i + 1)),
  )
