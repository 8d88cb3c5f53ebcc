/**
 * The devices that a Provider works with, from what the probe sees to an engine each and a registration on chain: identified by
 * hardware, never by position.
 */
import { type Address, encodeAbiParameters, type Hex } from 'viem'
import { currentEpoch } from '../chain/epochs.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import { pinDevice } from '../devices/pin-devices.ts'
import {
  criticalFaults,
  freeMemory,
  type GpuProbe,
  type ProbedDevice,
  type ProbeResult,
} from '../devices/probed-device.ts'
import type { ExecutionProvider } from '../job/execution-provider.ts'
import type { Jobs } from '../job/jobs.ts'
import { groupBytes } from '../job/memory/memory-spec.ts'
import type { WorkOptions } from '../job/work-core.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import { isKaisarError, type KaisarError } from '../platform/errors.ts'
import { aborted } from '../platform/graceful-stop.ts'
import { keccak256 } from '../platform/keccak.ts'
import type { Logger } from '../platform/log.ts'
import { deviceIdOf, type EnvironmentRecord, hardwareHash, hashRecordText } from '../protocol/device-record.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { Signer } from '../report/signer.ts'
import type { Identity } from '../transport/transport.ts'
import { providerErrors } from './errors.ts'
import { createHealthWatch } from './health-watch.ts'
import type { ProviderJournal } from './journal.ts'
import type { ProviderEvent } from './provider-event.ts'
import { registerDevices } from './register-devices.ts'
import { keptEnvironment } from './statements.ts'

export type OwnDevice = {
  readonly deviceId: Hex
  readonly probed: ProbedDevice
}
type RunningDevice = OwnDevice & { readonly engine: WorkEngine }

export type WorkingDevicesOptions = {
  readonly network: ConnectedNetwork
  readonly payout: Address
  readonly executionProvider: ExecutionProvider | 'auto'
}

export type WorkingDevicesDependencies = {
  readonly signer: Signer
  readonly sender: TransactionSender
  readonly probe: GpuProbe
  readonly readEnvironment: (engines: readonly WorkEngine[]) => Promise<EnvironmentRecord>
  /** The device certificate, made for these devices. */
  readonly certify: (binding: { readonly deviceIds: readonly Hex[]; readonly hardwareHash: Hex }) => Promise<Identity>
  /** Attestation evidence of a card over this nonce, with its identity; null where the card cannot attest, or is not asked to. */
  readonly attest: (
    device: OwnDevice,
    nonce: Hex,
  ) => Promise<{ readonly evidence: string; readonly identity: Hex } | null>
  /** Starts the engine of a device, pinned to it among all devices that were found. @throws the signal's reason where that ends the start */
  readonly startEngine: (
    jobs: Jobs,
    device: ProbedDevice,
    all: readonly ProbedDevice[],
    stop?: AbortSignal,
  ) => Promise<WorkEngine>
  readonly clock: Clock
  readonly log: Logger
  readonly emit: (event: ProviderEvent) => void
}

/** How often the devices are probed while they work. */
const probeEveryMs = 60_000

export type PreparingDependencies = Pick<
  WorkingDevicesDependencies,
  'signer' | 'probe' | 'certify' | 'startEngine' | 'log'
>

/**
 * Probes, starts an engine for each device, and registers what the chain does not know yet.
 * @returns null where the signal aborted first; then no engine is left running
 * @throws as {@link prepareDevices} and `registerDevices`
 */
export async function openDevices(
  { network, payout, executionProvider }: WorkingDevicesOptions,
  { jobs, journal }: { readonly jobs: Jobs; readonly journal: ProviderJournal },
  dependencies: WorkingDevicesDependencies,
  stop: AbortSignal,
) {
  const { sender, probe, readEnvironment, attest, clock, log, emit } = dependencies
  const prepared = await prepareDevices({ executionProvider }, jobs, dependencies, stop).catch(error => {
    if (stop.aborted && error === stop.reason) return null
    throw error
  })
  if (prepared === null) return null
  const { first, own, identity, close } = prepared
  const { certificateHash } = identity
  const register = () => registerDevices({ network, payout, certificateHash }, own, { sender, attest })
  const registering = stop.aborted ? undefined : Promise.race([register(), aborted(stop)])
  const registered = await orClose(own, registering)
  if (registered === undefined) {
    await close()
    return null
  }
  for (const { device, change } of registered) {
    const { model } = own.find(({ deviceId }) => deviceId === device.id)!.probed.record
    if (change !== 'none')
      emit({ type: 'device.registered', deviceId: device.id, change, generation: device.generation, model })
    log.info({ device: device.id, generation: device.generation, change }, `${model} is registered`)
  }
  const environment = await orClose(own, environmentOfRun())

  async function environmentOfRun() {
    const recorded = journal.environment(await currentEpoch(network))
    return keptEnvironment(recorded, await readEnvironment(own.map(({ engine }) => engine)))
  }
  return {
    devices: own,
    identity,
    /** Canonical text of the environment record that this run's reports carry. */
    environment,
    environmentHash: hashRecordText(environment),
    /** Whether a device was registered with its attested identity. */
    isAttested: (deviceId: Hex): boolean =>
      registered.some(({ device: { id, record } }) => id === deviceId && record.attestedIdentity !== zeroBytes32),
    health: createHealthWatch(
      { intervalMs: probeEveryMs, first },
      {
        probe,
        clock,
        onEvent: ({ type: change, device, reason, detail }) =>
          emit({ type: 'device.health', device, change, reason, detail }),
        onTrouble: error => log.error({ error }, 'the devices could not be looked at; trying again'),
      },
    ),
    close,
  }
}

/**
 * Probes, and starts an engine for each device that can work, which the chain may know or not: for one that cannot, no deposit is taken.
 * @throws PROVIDER_NO_DEVICE, PROVIDER_MEMORY_TOO_SMALL, as {@link startEngines}, and the signal's reason; then no engine is left running
 */
export async function prepareDevices(
  { executionProvider }: Pick<WorkingDevicesOptions, 'executionProvider'>,
  jobs: Jobs,
  { signer, probe, certify, log, ...dependencies }: PreparingDependencies,
  stop?: AbortSignal,
) {
  const first = await probe.probe()
  stop?.throwIfAborted()
  const found = withEnoughMemory(ownDevices(first, signer.address), jobs, log)
  const startEngine = ({ probed }: OwnDevice) => dependencies.startEngine(jobs, probed, first.devices, stop)
  const own = await startEngines({ executionProvider }, found, { startEngine, log })
  const binding = { deviceIds: own.map(({ deviceId }) => deviceId), hardwareHash: hostHardwareHash(own) }
  const identity = await orClose(own, certify(binding))
  return {
    /** What the probe saw. */
    first,
    own,
    identity,
    /** Ends the engines. */
    close: () => closeAll(own),
  }
}

/** The devices that can be given jobs, and those that cannot with the reason. @throws PROVIDER_NO_DEVICE when none can work */
export function ownDevices(result: ProbeResult, operator: Address): OwnDevice[] {
  const able = result.devices.filter(
    ({ schedulable, record }) => schedulable && criticalFaults(result, record.identity).length === 0,
  )
  if (able.length === 0) {
    const [fault] = result.faults.filter(({ critical }) => critical)
    const reason = fault === undefined ? 'none was found' : `${fault.code}: ${fault.meaning} ${fault.fix}`
    throw providerErrors.PROVIDER_NO_DEVICE({ reason })
  }
  return able.map(probed => ({ deviceId: deviceIdOf(operator, probed.localId), probed }))
}

/**
 * Those that hold what memory rounds ask for at least; the others would be paid nothing, so that no deposit is taken for them.
 * @throws PROVIDER_MEMORY_TOO_SMALL when none does
 */
export function withEnoughMemory(
  devices: readonly OwnDevice[],
  { memory }: Pick<Jobs, 'memory'>,
  log: Pick<Logger, 'warn'>,
): OwnDevice[] {
  const leastMiB = Math.ceil((memory.leastGroups * groupBytes(memory)) / 2 ** 20)
  const memoryOf = ({ probed }: OwnDevice) => probed.record.memoryMiB ?? Number.POSITIVE_INFINITY
  const small = devices.filter(device => memoryOf(device) < leastMiB)
  const refusals = small.map(device => {
    const { model, memoryMiB } = device.probed.record
    return providerErrors.PROVIDER_MEMORY_TOO_SMALL({ model, memoryMiB: memoryMiB ?? 0, leastMiB })
  })
  leaveOut(refusals, devices.length, log)
  return devices.filter(device => !small.includes(device))
}

/** Says why devices are left out. @throws the first reason where that leaves none */
function leaveOut(refusals: readonly KaisarError[], of: number, log: Pick<Logger, 'warn'>): void {
  if (refusals.length === of) throw refusals[0]!
  for (const { code, message, fix } of refusals) log.warn({ code, fix }, message)
}

/** One hash over all hardware of this host, in any order; the device certificate is bound to it. */
export const hostHardwareHash = (devices: readonly OwnDevice[]): Hex =>
  keccak256(
    encodeAbiParameters([{ type: 'bytes32[]' }], [devices.map(({ probed }) => hardwareHash(probed.record)).sort()]),
  )

/**
 * Starts one engine per device, in order, and logs each execution provider that was refused for one. A device that would be paid nothing is
 * left out, and its engine is closed.
 * @param executionProvider - the operator's choice; only an explicit `cpu` lets the CPU do a card's work
 * @throws PROVIDER_CPU_FALLBACK and PROVIDER_MEMORY_NOT_ON_CARD when no device is left, and as `startEngine` does; then no engine is left running
 */
export async function startEngines(
  choice: { readonly executionProvider: ExecutionProvider | 'auto' },
  devices: readonly OwnDevice[],
  { startEngine, log }: { readonly startEngine: (device: OwnDevice) => Promise<WorkEngine>; readonly log: Logger },
): Promise<RunningDevice[]> {
  const outcomes = await Promise.allSettled(devices.map(startEngine))
  const started = outcomes.flatMap((outcome, i) =>
    outcome.status === 'fulfilled' ? [{ ...devices[i]!, engine: outcome.value }] : [],
  )
  try {
    const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
    // One that was given up says nothing; another's refusal does.
    if (failures.length > 0) throw failures.find(failure => isKaisarError(failure)) ?? failures[0]
    for (const { deviceId, engine } of started)
      for (const { provider, code, message, fix } of engine.description.refused)
        log.warn({ device: deviceId, provider, code, fix }, message)
    const judged = started.map(device => ({ device, refusal: refusalOf(device, choice) }))
    leaveOut(
      judged.flatMap(({ refusal }) => refusal ?? []),
      started.length,
      log,
    )
    await closeAll(judged.flatMap(({ device, refusal }) => (refusal === null ? [] : device)))
    return judged.flatMap(({ device, refusal }) => (refusal === null ? device : []))
  } catch (error) {
    await closeAll(started)
    throw error
  }
}

/** Why a device would be paid nothing: the CPU would do its work, or nothing its memory rounds. */
function refusalOf(
  { probed: { record }, engine: { description } }: RunningDevice,
  { executionProvider }: { readonly executionProvider: ExecutionProvider | 'auto' },
): KaisarError | null {
  const { kind, model } = record
  const { provider, refused, memory, memoryProblem } = description
  if (kind !== 'cpu' && provider === 'cpu' && executionProvider !== 'cpu')
    return providerErrors.PROVIDER_CPU_FALLBACK({ model, refused: refused.map(({ code }) => code) })
  return memory === 'nowhere'
    ? providerErrors.PROVIDER_MEMORY_NOT_ON_CARD({ model, reason: memoryProblem ?? '' })
    : null
}

const closeAll = async (devices: readonly RunningDevice[]): Promise<void> =>
  void (await Promise.all(devices.map(({ engine }) => engine.close())))

/** What the step gives; the engines are ended where it fails. */
async function orClose<T>(devices: readonly RunningDevice[], step: Promise<T> | T): Promise<T> {
  try {
    return await step
  } catch (error) {
    await closeAll(devices)
    throw error
  }
}

export type EngineChoice = {
  readonly executionProvider: ExecutionProvider | 'auto'
  /** Threads of one operator on the CPU. */
  readonly threads: number
  /** Memory to fill on each device, in MiB; null: the least of the job. */
  readonly memoryMiB: number | null
  /** CUDA_VISIBLE_DEVICES: the NVIDIA devices of this process, where it has only some of them. */
  readonly cudaVisibleDevices?: string | undefined
}

/** @param all - every device that the probe saw */
export const engineOptions = (
  { executionProvider, threads, memoryMiB, cudaVisibleDevices }: EngineChoice,
  jobs: Jobs,
  device: ProbedDevice,
  all: readonly ProbedDevice[],
): WorkOptions => ({
  jobs,
  threads,
  freeMemory: freeMemory(device),
  ...(memoryMiB !== null && { memoryGroups: Math.floor((memoryMiB * 2 ** 20) / groupBytes(jobs.memory)) }),
  provider: device.record.kind === 'cpu' && executionProvider === 'auto' ? 'cpu' : executionProvider,
  ...pinOf(device, all, cudaVisibleDevices),
})

function pinOf(device: ProbedDevice, all: readonly ProbedDevice[], visible: string | undefined) {
  const { model, ...pin } = pinDevice(device, all, visible)
  const { vendor } = device.record
  return vendor === 'cpu' ? pin : { ...pin, card: { vendor, ...(model !== undefined && { model }) } }
}
