/** The Checker daemon: its services in the order in which they need each other, started with one signal and ended with it. */
import { getDevice, identityOwner } from '../chain/devices.ts'
import { watchEpochs } from '../chain/epoch-watch.ts'
import { createEpochReader, getEpoch, getRoundRules, type ReadEpoch } from '../chain/epochs.ts'
import { followChain } from '../daemon/follow-chain.ts'
import type { Gather, Head } from '../epoch/settlement.ts'
import { aborted } from '../platform/graceful-stop.ts'
import { keptEpochs } from '../protocol/constants.ts'
import type { Identity } from '../transport/transport.ts'
import { bondSeats, type SeatsWanted } from './bond-seats.ts'
import { createDeviceJobs, type RecordPolicy, type RecordPolicyDependencies } from './device-check.ts'
import { createSettlement, drain } from './epoch/settle.ts'
import { createShowEvidence } from './epoch/show-evidence.ts'
import { createEpochs, devicesJudgedIn, type Epochs, type EpochsDependencies, isExpectedIn } from './epochs.ts'
import { createCheckerJournal } from './journal.ts'
import { createForwardWrongWork, createPeerServer, createPeers } from './peers.ts'
import { createEquivocationReports } from './report-equivocation.ts'
import { createRecomputers, type RecomputersDependencies } from './round/recompute.ts'
import {
  createConnectionCount,
  type SeatServerDependencies,
  type SeatServerOptions,
  startSeatServer,
} from './seat-server.ts'
import { createOperatorSessions, serveOperator } from './sessions.ts'
import { createStallWatch } from './stall-watch.ts'

export type CheckerOptions = Pick<SeatServerOptions, 'network' | 'listen' | 'publicUrl'> &
  Pick<SeatsWanted, 'payout' | 'seats'> & {
    /** Most connections that it holds; default: by what it has to judge. */
    readonly maxConnections?: number | null
    /** How long open rounds are judged on after it was asked to stop, in ms; default 20,000. */
    readonly drainMs?: number
  }

export type CheckerDependencies = Pick<
  EpochsDependencies,
  'signer' | 'secrets' | 'sender' | 'store' | 'evidence' | 'clock' | 'log' | 'emit' | 'crashPoint'
> &
  Pick<SeatServerDependencies, 'transport' | 'randomBytes'> &
  Pick<RecomputersDependencies, 'startEngine'> & {
    readonly identity: Identity
    readonly policy: (known: RecordPolicyDependencies) => RecordPolicy
    /** The keeper gives the current epoch its seed. `head`: the newest block. */
    readonly seed: (head: Head | undefined, readEpoch: ReadEpoch) => Promise<void>
    /** The keeper: does what else is open on chain. */
    readonly settle: (gather: Gather, head: Head | undefined, readEpoch: ReadEpoch) => Promise<void>
    /** Makes what looks at other seats; default: nothing does. `now`: timestamp of the newest block, in seconds. */
    readonly checkPeers?: (epochs: Epochs, now: () => number) => () => Promise<void>
    /** Told once it listens. @param read - the connections that it holds, and how many it may hold */
    readonly onListening?: (read: () => { readonly open: number; readonly most: number }) => void
  }

/** Leaves a process that may drain for 30 seconds the time to record what it could not judge. */
const defaultDrainMs = 20_000

/**
 * Runs until the signal aborts, then finishes what is open and resolves.
 * @throws CHECKER_BOND_MISSING, and what the chain, the port or the execution provider refuse at start
 */
export async function runChecker(options: CheckerOptions, deps: CheckerDependencies, stop: AbortSignal): Promise<void> {
  const { network, drainMs = defaultDrainMs } = options
  const { sender, clock, log, emit } = deps
  const journal = createCheckerJournal(deps.store)
  const rules = await getRoundRules(network)
  const recomputers = createRecomputers({
    startEngine: deps.startEngine,
    clock,
    onRestart: error => log.error({ error }, 'the work engine is started again'),
  })
  try {
    await recomputers.of(rules).start(stop)
  } catch (error) {
    await recomputers.close()
    if (stop.aborted && error === stop.reason) return
    throw error
  }

  const { heads, rounds, onTrouble } = followChain(network, deps)
  const stalls = createStallWatch({ clock, isWaiting: () => epochs.newestFirst().some(({ judge }) => judge.isOpen()) })
  const sessions = createOperatorSessions({ findMs: rules.openingsMs }, { clock, emit })
  const jobs = createDeviceJobs({
    ...deps,
    network,
    journal,
    policy: deps.policy({
      measuredRate: journal.lastRate,
      identityOwner: identity => identityOwner(network, identity),
    }),
    registrationOf: id => getDevice(network, id),
    onJudged: (epoch, device, { deviceValid, environmentValid, findings }) =>
      emit({
        type: 'device.judged',
        epoch,
        device,
        valid: deviceValid && environmentValid,
        findings: findings.map(({ code }) => code),
      }),
  })
  const peers = createPeers({
    ...{ network, signer: deps.signer, transport: deps.transport, clock, log, answerMs: 1_500 },
    onGathered: () => {
      if (!stop.aborted) settlement.again('keeper')
    },
  })
  const isOver = (epoch: number) => journal.seatCommitment(epoch) !== null
  const forwardWrongWork = createForwardWrongWork({ tell: peers.tell, isOver, clock, log, stop })
  const { stoodStillAt, wake: onOpen } = stalls
  const epochs = createEpochs(
    { network, rules },
    { ...deps, journal, recomputers, heads, rounds, sessions, jobs, forwardWrongWork, stoodStillAt, onOpen, onTrouble },
    stop,
  )
  rounds.onEvent(event => void epochs.takeRoundEvent(event).catch(onTrouble('rounds')))
  const readEpoch = createEpochReader(
    epoch => getEpoch(network, epoch),
    () => heads.tip?.hash ?? null,
  )
  const servePeer = createPeerServer({
    seatOf: epoch => epochs.of(epoch)?.seat ?? null,
    judgeOf: epochs.judgeOf,
    phaseOf: async epoch => (await readEpoch(epoch)).phase,
    now: () => clock.monotonicMs(),
  })

  const countConnections = createConnectionCount()
  const maxConnections = () => options.maxConnections ?? countConnections(epochs.newestFirst().map(({ duty }) => duty))
  const serving = startSeatServer(
    { ...options, maxConnections },
    {
      ...deps,
      isExpected: isExpectedIn(epochs),
      devicesOf: devicesJudgedIn(epochs),
      showEvidence: createShowEvidence({
        seatOf: epoch => epochs.of(epoch)?.seat ?? null,
        now: () => clock.monotonicMs(),
      }),
      onSession(session) {
        if (session.role === 'checker') servePeer(session)
        else serveOperator(session, { sessions, epochs, jobs, onTrouble })
      },
    },
  )
  async function close() {
    peers.close()
    await rounds.stop()
    await (await serving.catch(() => null))?.close()
    await recomputers.close()
    await heads.stop()
  }
  /** Ends what runs where a step of the start fails. */
  const orClose = async <T>(step: Promise<T>): Promise<T> =>
    step.catch(async error => {
      await close()
      throw error
    })
  const server = await orClose(serving)
  sessions.listening()
  deps.onListening?.(() => ({ open: server.connections(), most: maxConnections() }))
  const endpoint = options.publicUrl ?? server.url
  const { payout, seats } = options
  const { certificateHash } = deps.identity
  const bond = () => bondSeats(network, { payout, seats, endpoint, certificateHash }, { sender })
  const bonded = stop.aborted ? undefined : await orClose(Promise.race([bond(), aborted(stop)]))
  if (bonded === undefined) return close()
  emit({ type: 'checker.listening', url: endpoint, seats: bonded.checker.seats, change: bonded.change })

  // What was committed to before a restart is still to be opened, and audited.
  const leaveEpochs = watchEpochs(
    { past: keptEpochs - 1 },
    { network, heads, visit: epochs.enter, onTrouble: onTrouble('epochs') },
  )
  const gather: Gather = async (epoch, cohort, seats) => {
    const committee = epochs.of(epoch)?.duty.committees.get(cohort)
    if (committee === undefined || journal.seatCommitment(epoch) === null) return null
    return peers.gather({ epoch, cohort, seats, committee, own: epochs.of(epoch)!.seat.opening(cohort) })
  }
  const now = () => heads.tip?.timestamp ?? 0
  const settlement = createSettlement({
    readEpoch,
    epochs: epochs.newestFirst,
    now,
    duties: {
      seed: () => deps.seed(heads.tip ?? undefined, readEpoch),
      keeper: () => deps.settle(gather, heads.tip ?? undefined, readEpoch),
      fraud: createEquivocationReports({ network, journal, sender, log, epochs, now }),
      ...(deps.checkPeers && { peers: deps.checkPeers(epochs, now) }),
    },
    onTrouble: (what, error) => onTrouble(what)(error),
  })
  const stopSettling = heads.onChange(settlement.pass)
  const watching = stalls.run(stop)
  await aborted(stop)
  leaveEpochs()
  stopSettling()
  // Open rounds still need their sampling blocks and openings; what is not judged in time is recorded as our own fault.
  const judges = epochs.newestFirst().map(({ judge }) => judge)
  await drain({ drainMs }, { clock, judges, settled: settlement.idle() })
  await watching
  await close()
}
