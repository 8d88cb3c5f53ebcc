/** The Provider daemon: probe, register, connect to the seats, work each window, answer; until it is asked to stop. */
import type { Address, Hex } from 'viem'
import { watchEpochs } from '../chain/epoch-watch.ts'
import { currentEpoch, getRoundRules, getTimeline } from '../chain/epochs.ts'
import { createHeadStream } from '../chain/head-stream.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import { createRoundStream } from '../chain/round-stream.ts'
import type { RoundEvent } from '../chain/rounds.ts'
import type { TransactionSender } from '../chain/tx/transaction-sender.ts'
import type { GpuProbe, ProbedDevice } from '../devices/probed-device.ts'
import type { ExecutionProvider } from '../job/execution-provider.ts'
import type { JobSpec } from '../job/spec.ts'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Clock } from '../platform/clock.ts'
import type { CrashPoint } from '../platform/crash-point.ts'
import { aborted } from '../platform/graceful-stop.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from '../platform/store.ts'
import { type EnvironmentRecord, hashRecordText } from '../protocol/device-record.ts'
import { heartbeatSeconds } from '../protocol/network-parameters.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { epochAt, isSameSeed } from '../protocol/trigger.ts'
import type { Signer } from '../report/signer.ts'
import { dialSession } from '../transport/dial-session.ts'
import { defaultBackoff, keepSessions } from '../transport/keep-sessions.ts'
import type { Identity, Transport } from '../transport/transport.ts'
import { providerErrors } from './errors.ts'
import { createHealthWatch } from './health-watch.ts'
import { createProviderJournal } from './journal.ts'
import { keptEnvironment } from './kept-environment.ts'
import { hostHardwareHash, type OwnDevice, ownDevices } from './own-devices.ts'
import type { ProviderEvent } from './provider-event.ts'
import { serveSeat } from './provider-session.ts'
import { registerDevices } from './register-devices.ts'
import { isReceiptWanted, reportFalseReceipts } from './report-false-receipts.ts'
import { type Roster, readRoster } from './roster.ts'
import { createRoundRunner } from './round-runner.ts'
import { createRoundWork, type WorkedRound } from './round-work.ts'
import { blockSource, createBlockFinder } from './sampling-block.ts'
import { isSameWork, specInForce } from './spec-in-force.ts'
import { startEngines } from './start-engines.ts'
import { createStatements } from './statements.ts'

export type ProviderOptions = {
  readonly network: ConnectedNetwork
  readonly payout: Address
  readonly executionProvider: ExecutionProvider | 'auto'
  /** How often the devices are looked at while they work; default 60,000. */
  readonly healthIntervalMs?: number
  readonly backoff?: { readonly baseMs: number; readonly capMs: number }
}

export type ProviderDependencies = {
  readonly signer: Signer
  readonly sender: TransactionSender
  readonly store: Store
  readonly probe: GpuProbe
  readonly readEnvironment: (engines: readonly WorkEngine[]) => Promise<EnvironmentRecord>
  /** The device certificate, made for these devices. */
  readonly certify: (binding: { readonly deviceIds: readonly Hex[]; readonly hardwareHash: Hex }) => Promise<Identity>
  /** Attestation evidence of a card that can attest, over this nonce, and its identity; null where it cannot or is not asked to. */
  readonly attest: (
    device: OwnDevice,
    nonce: Hex,
  ) => Promise<{ readonly evidence: string; readonly identity: Hex } | null>
  readonly openTransport: (identity: Identity) => Transport
  /** The engine that works for this device, pinned to it among all that were found. */
  readonly startEngine: (spec: JobSpec, device: ProbedDevice, all: readonly ProbedDevice[]) => Promise<WorkEngine>
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly emit: (event: ProviderEvent) => void
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
}

/** Epochs that the journal remembers: the chain keeps four, and no bond outlasts that and its audits by as much. */
const keptEpochs = 64

type RunningDevice = OwnDevice & { readonly engine: WorkEngine }

/**
 * Runs until the signal aborts, then finishes what is open and resolves.
 * @throws PROVIDER_NO_DEVICE, PROVIDER_DEPOSIT_MISSING, PROVIDER_PAYOUT_DIFFERS, PROVIDER_CPU_FALLBACK, PROVIDER_WINDOW_DIFFERS,
 * and what the chain or the execution provider refuse at start
 */
export async function runProvider(
  options: ProviderOptions,
  deps: ProviderDependencies,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    const renewal = new AbortController()
    await workSpec(options, deps, AbortSignal.any([stop, renewal.signal]), () => renewal.abort())
  }
}

/** Works by the spec that is in force now until the signal aborts; `renew` is called where the chain names another one. */
async function workSpec(
  options: ProviderOptions,
  deps: ProviderDependencies,
  stop: AbortSignal,
  renew: () => void,
): Promise<void> {
  const { network, payout, executionProvider } = options
  const { signer, sender, clock, log, emit, crashPoint } = deps
  const journal = createProviderJournal(deps.store)
  const rules = await getRoundRules(network)
  const spec = specInForce(rules)

  const first = await deps.probe.probe()
  const own = ownDevices(first, signer.address)
  const health = createHealthWatch(
    { intervalMs: options.healthIntervalMs ?? 60_000, first },
    {
      probe: deps.probe,
      clock,
      onEvent: ({ type: change, device, reason, detail }) =>
        emit({ type: 'device.health', device, change, reason, detail }),
      onTrouble: error => log.error({ error }, 'the devices could not be looked at; trying again'),
    },
  )
  const startEngine = ({ probed }: OwnDevice) => deps.startEngine(spec, probed, first.devices)
  const engines = await startEngines({ executionProvider }, own, { startEngine, log })
  const devices: RunningDevice[] = own.map((device, i) => ({ ...device, engine: engines[i]! }))
  const deviceIds = own.map(({ deviceId }) => deviceId)
  const identity = await deps.certify({ deviceIds, hardwareHash: hostHardwareHash(own) })
  const { certificateHash } = identity
  const registering = registerDevices({ network, payout, certificateHash }, own, { sender, attest: deps.attest })
  const registered = await Promise.race([registering, aborted(stop)])
  if (registered === undefined) return closeEngines()
  for (const { device, change } of registered) {
    const { model } = devices.find(({ deviceId }) => deviceId === device.id)!.probed.record
    if (change !== 'none')
      emit({ type: 'device.registered', deviceId: device.id, change, generation: device.generation, model })
    log.info({ device: device.id, generation: device.generation, change }, `${model} is registered`)
  }

  const environment = keptEnvironment(
    journal.environment(await currentEpoch(network)),
    await deps.readEnvironment(engines),
  )
  const environmentHash = hashRecordText(environment)
  const rosters = new Map<number, Roster>()
  /** Epochs whose preparation is complete. */
  const entered = new Set<number>()
  const heads = createHeadStream({}, { chain: network.chain, clock, onTrouble: trouble })
  const roundWork = createRoundWork(
    { network, spec, specHash: rules.specHash, deviceIds },
    {
      signer,
      journal,
      clock,
      rulesOf: epoch => rosters.get(epoch)?.rounds.rules ?? null,
      crashPoint,
      findBlock: createBlockFinder(blockSource(network.chain, heads), clock),
    },
  )

  const statementOf = createStatements(
    { devices, certificateHash, environment },
    {
      attest: deps.attest,
      isAttested: deviceId =>
        registered.some(({ device: { id, record } }) => id === deviceId && record.attestedIdentity !== zeroBytes32),
      generationOf: deviceId =>
        newest(rosters)?.members.find(member => member.deviceId === deviceId)?.generation ?? null,
      intervalSeconds: () => heartbeatSeconds(newest(rosters)?.rounds.epochSeconds ?? 0),
      clock,
    },
  )

  const transport = deps.openTransport(identity)
  const sessions = keepSessions(
    options.backoff ?? { ...defaultBackoff, capMs: Math.min(defaultBackoff.capMs, rules.openingsMs) },
    {
      dial: (endpoint, signal) =>
        dialSession(
          {
            endpoint,
            network,
            role: 'provider',
            operator: signer.address,
            deviceIds,
            signal,
          },
          {
            transport,
            sign: (type, message) => signer.sign(type, message),
            clock,
            onFault: ({ type, error }) => log.debug({ error, type }, 'a message was refused'),
          },
        ),
      delay: (ms, signal) => clock.sleep(ms, signal).catch(() => undefined),
      now: () => clock.monotonicMs(),
      random: deps.random,
      onSession(session, { checker }) {
        serveSeat(session, {
          network,
          signer,
          journal,
          roundWork,
          log,
          statementOf,
          crashPoint,
          wantsReceipt: isReceiptWanted({ deviceIds, latestEpoch: () => newest(rosters)?.epoch ?? -1 }),
          now: () => clock.now(),
          onReceipt: (_, { epoch, deviceId, rate, flags }) =>
            emit({ type: 'receipt.received', epoch: Number(epoch), deviceId, checker, rate, flags }),
        })
        emit({ type: 'session.opened', checker, reason: null })
        session.onClose(({ code }) => emit({ type: 'session.closed', checker, reason: code }))
      },
      onUnreachable: ({ endpoint, reason, retryInMs }) =>
        log.warn({ checker: endpoint.checker, code: reason.code, retryInMs: Math.round(retryInMs) }, reason.message),
    },
  )

  const rounds = createRoundStream({ network, heads, onTrouble: error => trouble('rounds', error) })
  function trouble(where: string, error: unknown) {
    log.warn({ error, where }, 'the chain could not be read; trying again')
  }
  const runner = createRoundRunner({
    devices,
    environmentHash,
    rosterOf: epoch => rosters.get(epoch) ?? null,
    seatsOf: epoch =>
      (rosters.get(epoch)?.endpoints ?? []).flatMap(({ checker }) => sessions.sessionWith(checker) ?? []),
    tip: () => heads.tip,
    roundWork,
    journal,
    health,
    signer,
    clock,
    log,
    emit,
    crashPoint,
  })

  const idle = new Set<string>()
  /** Says once why there is nothing to do. */
  function sayIdle(reason: string) {
    if (idle.has(reason)) return
    idle.add(reason)
    const { code, message, fix } = providerErrors.PROVIDER_NO_SEATS({ reason })
    log.warn({ code, fix }, message)
    emit({ type: 'provider.idle', code, reason })
  }

  /** Reads an epoch once its seed is there, prepares its model, and connects to its seats. */
  async function enter(epoch: number): Promise<boolean> {
    const roster = await readRoster(network, epoch, deviceIds)
    if (roster === null) {
      // It takes some blocks of every epoch.
      const timeline = await getTimeline(network)
      const since = (heads.tip?.timestamp ?? 0) - rules.eligibleFromSeconds
      if (timeline !== null && epochAt(timeline, since) >= epoch) sayIdle(`epoch ${epoch} has no seed yet`)
      return false
    }
    if (entered.has(epoch) && isSameSeed(rosters.get(epoch)?.rounds, roster.rounds)) return true
    entered.delete(epoch)
    if (!isSameWork(roster.rounds.rules, rules)) {
      const { code, message } = providerErrors.PROVIDER_SPEC_CHANGED({ epoch })
      log.info({ code, epoch, specHash: roster.rounds.rules.specHash }, message)
      renew()
      return true
    }
    if (roster.members.length === 0) sayIdle(`none of its devices is a member of epoch ${epoch}`)
    else if (roster.endpoints.length === 0) sayIdle(`no seats were drawn for epoch ${epoch}`)
    journal.recordEnvironment(epoch, environment)
    journal.prune(epoch - keptEpochs)
    rosters.set(epoch, roster)
    rosters.delete(epoch - 3)
    entered.delete(epoch - 3)
    const endpoints = [...rosters.values()]
      .filter(({ epoch: other }) => other >= epoch - 1)
      .flatMap(each => each.endpoints)
    sessions.update([...new Map(endpoints.map(endpoint => [endpoint.checker, endpoint])).values()])
    runner.entered(epoch)
    await Promise.all(engines.map(engine => engine.prepare(roster.rounds.seed)))
    entered.add(epoch)
    emit({ type: 'epoch.started', epoch, devices: roster.members.length, seats: roster.endpoints.length })
    // By now they are settled; the chain knows them for two epochs more.
    for (const settled of [epoch - 2, epoch - 3].filter(each => each >= 0))
      reportFalseReceipts(
        { epoch: settled, deviceIds: own.map(({ deviceId }) => deviceId) },
        { ...deps, network, journal },
      ).catch(error => trouble('receipts', error))
    return true
  }

  rounds.onEvent((event: RoundEvent) => {
    if (event.type === 'round' && !stop.aborted) runner.take(event.round)
  })
  const leaveEpochs = watchEpochs({}, { network, heads, visit: enter, onTrouble: error => trouble('epochs', error) })

  if ((await getTimeline(network)) === null) sayIdle('the network has not been started')
  const watching = health.run(stop)
  await aborted(stop)
  leaveEpochs()
  await rounds.stop()
  await watching
  await runner.idle()
  await drainOpenings(roundWork.open().at(-1))
  await sessions.close()
  await heads.stop()
  await closeEngines()

  async function closeEngines() {
    await Promise.all(engines.map(engine => engine.close()))
  }

  /** A round that was committed to is answered for before we leave. */
  async function drainOpenings(round: WorkedRound | undefined) {
    const epoch = Number(round?.commitment.message.epoch ?? -1)
    const openingsMs = rosters.get(epoch)?.rounds.rules.openingsMs
    if (round === undefined || openingsMs === undefined) return
    const leftMs = round.seenAtMs + openingsMs - clock.monotonicMs()
    if (leftMs > 0) await clock.sleep(leftMs)
  }
}

const newest = (rosters: ReadonlyMap<number, Roster>): Roster | undefined =>
  [...rosters.values()].sort((a, b) => b.epoch - a.epoch)[0]
