/** The Provider daemon: its services in the order in which they need each other, started with one signal and ended with it. */
import { getRoundRules } from '../chain/epochs.ts'
import { followChain } from '../daemon/follow-chain.ts'
import type { CrashPoint } from '../platform/crash-point.ts'
import { aborted } from '../platform/graceful-stop.ts'
import type { Store } from '../platform/store.ts'
import { type Backoff, defaultBackoff } from '../transport/keep-sessions.ts'
import type { Identity, Transport } from '../transport/transport.ts'
import { followEpochs } from './epochs.ts'
import { createProviderJournal } from './journal.ts'
import { openDevices, type WorkingDevicesDependencies, type WorkingDevicesOptions } from './own-devices.ts'
import { createPauseJournal, leastPauseSeconds } from './pause.ts'
import { createPauses, type Pauses } from './pauses.ts'
import { createReadiness } from './readiness.ts'
import { isReceiptWanted } from './report-false-receipts.ts'
import { createRosters, jobsInForce } from './rosters.ts'
import { createRoundRunner } from './round-runner.ts'
import { createRoundWork } from './round-work.ts'
import { blockSource, createBlockFinder } from './sampling-block.ts'
import { createSeats } from './seats.ts'
import { collectEverySeconds, createStatements } from './statements.ts'

export type ProviderOptions = WorkingDevicesOptions & { readonly backoff?: Backoff }

export type ProviderDependencies = WorkingDevicesDependencies & {
  readonly store: Store
  readonly openTransport: (identity: Identity) => Transport
  readonly random: () => number
  /** Lets the owner ask a running daemon for pauses; gives how to end that. Default: nobody asks. */
  readonly serveControl?: (pauses: Pauses) => Promise<() => Promise<void>>
  /** Called at named points between recording and saying; tests end the process there. */
  readonly crashPoint?: (name: CrashPoint) => void
}

/**
 * Runs until the signal aborts, then finishes what is open and resolves.
 * @throws PROVIDER_NO_DEVICE, PROVIDER_DEPOSIT_MISSING, PROVIDER_PAYOUT_DIFFERS, PROVIDER_CPU_FALLBACK, PROVIDER_MEMORY_NOT_ON_CARD, PROVIDER_WINDOW_DIFFERS,
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

/** Works by the spec that is in force now, until the signal aborts; `renew` is called when the chain names another spec. */
async function workSpec(
  options: ProviderOptions,
  deps: ProviderDependencies,
  stop: AbortSignal,
  renew: () => void,
): Promise<void> {
  const { network } = options
  const { clock } = deps
  const journal = createProviderJournal(deps.store)
  const pauseJournal = createPauseJournal(deps.store)
  const rules = await getRoundRules(network)
  const jobs = jobsInForce(rules)
  const own = await openDevices(options, { jobs, journal }, deps, stop)
  if (own === null) return
  const { devices, identity, environment, environmentHash, isAttested, health } = own
  const deviceIds = devices.map(({ deviceId }) => deviceId)

  const { heads, rounds, onTrouble } = followChain(network, deps)
  const rosters = createRosters()
  const roundWork = createRoundWork(
    { network, jobs, deviceIds },
    {
      ...deps,
      journal,
      rulesOf: epoch => rosters.of(epoch)?.rounds.rules ?? null,
      findBlock: createBlockFinder(blockSource(network.chain, heads), clock),
    },
  )
  const statementOf = createStatements(
    { devices, certificateHash: identity.certificateHash, environment },
    {
      ...{ ...deps, isAttested },
      generationOf: deviceId =>
        rosters.newest()?.members.find(member => member.deviceId === deviceId)?.generation ?? null,
      intervalSeconds: () => collectEverySeconds(rosters.newest()?.rounds.epochSeconds ?? 0),
    },
  )
  const longestWaitMs = Math.min(defaultBackoff.capMs, rules.openingsMs)
  const seats = createSeats(
    { network, deviceIds, backoff: options.backoff ?? { ...defaultBackoff, capMs: longestWaitMs } },
    {
      ...{ ...deps, journal, pauseJournal, roundWork, statementOf },
      transport: deps.openTransport(identity),
      wantsReceipt: isReceiptWanted({ deviceIds, latestEpoch: () => rosters.newest()?.epoch ?? -1 }),
    },
  )
  const pauses = createPauses(
    { deviceIds },
    {
      ...{ ...deps, journal: pauseJournal },
      leastSeconds() {
        const rounds = rosters.newest()?.rounds
        return rounds === undefined ? 0 : leastPauseSeconds({ ...rounds, ...rounds.rules })
      },
      isFreed: deviceId => readiness.isFreed(deviceId),
      isInRound: deviceId => runner.idleOf(deviceId) !== null || roundWork.openMs(deviceId) > 0,
      onChange: deviceId => void readiness.settle(deviceId),
    },
  )
  const runner = createRoundRunner({
    pauses: {
      isBusy: deviceId => pauses.isPaused(deviceId) || readiness.isFreed(deviceId),
      settle: deviceId => void readiness.settle(deviceId),
      journal: pauseJournal,
    },
    ...{ ...deps, devices, environmentHash, roundWork, jobs, journal, health },
    rosterOf: rosters.of,
    seatsOf: epoch => seats.sessionsWith(rosters.of(epoch)?.endpoints ?? []),
    tip: () => heads.tip,
  })
  const readiness = createReadiness({
    ...{ ...deps, devices, runner, roundWork, onTrouble },
    isPaused: pauses.isPaused,
    newestRoster: rosters.newest,
    blockTime: () => heads.tip?.timestamp ?? 0,
  })
  rounds.onEvent(event => {
    if (event.type === 'round' && !stop.aborted) runner.take(event.round)
    else if (event.type === 'dropped') runner.drop(event.round.hash)
  })
  const endControl = await deps.serveControl?.(pauses)
  const leaveEpochs = await followEpochs(
    { network, rules, deviceIds, environment },
    { ...deps, heads, rosters, seats, readiness, runner, journal, renew, onTrouble },
  )
  const watching = Promise.all([health.run(stop), pauses.run(stop)])
  await aborted(stop)
  await endControl?.()
  leaveEpochs()
  await rounds.stop()
  await watching
  await runner.idle()
  await roundWork.untilClosed()
  await seats.close()
  await heads.stop()
  await own.close()
}
