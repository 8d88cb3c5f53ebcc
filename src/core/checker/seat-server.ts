/**
 * Where a Checker listens (the port it was given, or that of its last run where any will do), and who may open a session with it: operators
 * whose devices the chain knows by this certificate, and other Checkers.
 */
import type { Address, Hex } from 'viem'
import { type BondedChecker, getChecker } from '../chain/checkers.ts'
import { getDevice, type RegisteredDevice } from '../chain/devices.ts'
import type { ConnectedNetwork } from '../chain/network.ts'
import type { Clock } from '../platform/clock.ts'
import { isKaisarError } from '../platform/errors.ts'
import type { Logger } from '../platform/log.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import { recoverSigner, type Signer } from '../report/signer.ts'
import { type SessionServer, serveSessions } from '../transport/serve-sessions.ts'
import type { Session } from '../transport/session.ts'
import { type Claim, hashClaim } from '../transport/session-handshake.ts'
import { createTokenBucket, type TokenBucket } from '../transport/token-bucket.ts'
import type { Transport } from '../transport/transport.ts'
import type { Duty } from './duty.ts'
import type { ShowEvidence } from './epoch/show-evidence.ts'
import type { EvidenceStore } from './round/record.ts'

export type SeatServerOptions = {
  readonly network: ConnectedNetwork
  /** Address and port to listen on; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number }
  /** What Providers dial, where it differs from where we listen. */
  readonly publicUrl: string | null
  /** Most connections now, those of strangers too. */
  readonly maxConnections: () => number
}

export type SeatServerDependencies = {
  readonly signer: Signer
  readonly evidence: EvidenceStore
  readonly showEvidence: ShowEvidence
  readonly transport: Transport
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Logger
  readonly onSession: (session: Session) => void
  /** As {@link import('./seat-server.ts').AdmissionDependencies.isExpected}. */
  readonly isExpected: (operator: Address) => boolean
  /** As {@link import('../transport/serve-sessions.ts').ServeSessionsDependencies.devicesOf}. */
  readonly devicesOf: (operator: Address) => number
}

/** Connections beside those of a duty: of strangers while they say who they are, of newcomers, of keepers, and of who reads evidence. */
const spareConnections = 1_024

/**
 * Most connections that a seat holds: two of everybody whom the duties name, since who connects again is let in before the connection
 * that it lost is noticed, and as many more as {@link spareConnections}.
 */
export function connectionsFor(duties: Iterable<Pick<Duty, 'operators' | 'peers'>>): number {
  const expected = new Set<Address>()
  for (const { operators, peers } of duties) for (const each of [...operators, ...peers]) expected.add(each)
  return 2 * expected.size + spareConnections
}

/** {@link connectionsFor}, counted again only for other duties: it is asked at each new connection. */
export function createConnectionCount(): (duties: readonly Pick<Duty, 'operators' | 'peers'>[]) => number {
  let counted: Parameters<ReturnType<typeof createConnectionCount>>[0] = []
  let most = connectionsFor(counted)
  return duties => {
    if (duties.length !== counted.length || duties.some((duty, i) => duty !== counted[i])) {
      counted = duties
      most = connectionsFor(duties)
    }
    return most
  }
}

/** Refused clients that the log tells of: strangers who come without end fill no disk. */
const refusalsInLog = { perSecond: 1 / 10, burst: 32 }

/** @throws TRANSPORT_PORT_IN_USE */
export async function startSeatServer(
  { network, listen, publicUrl, maxConnections }: SeatServerOptions,
  {
    signer,
    evidence,
    showEvidence,
    transport,
    clock,
    randomBytes,
    log,
    onSession,
    isExpected,
    devicesOf,
  }: SeatServerDependencies,
): Promise<SessionServer> {
  const admit = createAdmission(network, { clock, isExpected })
  const toldRefusals = createTokenBucket(refusalsInLog, () => clock.monotonicMs())
  const last = listen.port === 0 && publicUrl === null ? await lastPort() : listen.port
  try {
    return await serve(last)
  } catch (error) {
    if (listen.port === last || !isKaisarError(error, 'TRANSPORT_PORT_IN_USE')) throw error
    return serve(listen.port)
  }

  /** Providers find us again without a transaction. */
  async function lastPort(): Promise<number> {
    const known = await getChecker(network, signer.address)
    return known === null ? 0 : Number(new URL(known.endpoint).port)
  }

  function serve(port: number): Promise<SessionServer> {
    return serveSessions(
      {
        host: listen.host,
        port,
        network,
        checker: signer.address,
        maxConnections,
        async onGet(path) {
          const shown = await showEvidence(path)
          if (shown !== null) return { contentType: 'application/json', body: shown }
          const body = evidence.read(/^\/evidence\/(0x[0-9a-f]{64})$/.exec(path)?.[1] ?? '')
          return body === null ? null : { contentType: 'application/octet-stream', body }
        },
      },
      {
        transport,
        recover: (type, message, signature) => recoverSigner(network, type, { message, signature }),
        randomNonce: () => `0x${Buffer.from(randomBytes(32)).toString('hex')}`,
        admit,
        devicesOf,
        // Whoever has registered devices anywhere may come, and come back when this seat has to judge them; no number of them keeps
        // out whom it has to judge now.
        makesRoom: ({ operator }) => !isExpected(operator),
        onSession,
        onRefused: ({ peerAddress, error }) =>
          log[toldRefusals.take() ? 'info' : 'debug']({ error, peerAddress }, 'a client was not let in'),
        clock,
        onFault: ({ session, type, error }) =>
          log.debug({ error, type, peer: session.operator }, 'a message was refused'),
      },
    )
  }
}

/** Devices read at a time, once the first was found to be the operator's. */
const readAtOnce = 16
/** Devices, claims and expected operators remembered, the oldest of which make way. */
const remembered = 4_096
/** How long an answer to a claim stands, in ms: a registration that is being mined is seen at one of the next tries. */
const answerLifeMs = 5_000
/** How long a registration is believed, in ms: whoever has taken a deposit back is not let in with it for ever. */
const registrationLifeMs = 3_600_000
/** Reads of the chain that claims may cause: those of all whom we do not expect together, and those of each whom we do. */
const readsOfStrangers = { perSecond: 4, burst: 64 }
const readsOfExpected = { perSecond: 4, burst: 1_024 }

/** Sessions of one operator: each has what stands said to it anew, and its devices asked. */
const sessionsOfOperator = { perSecond: 1, burst: 32 }

export type AdmissionDependencies = {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** Whether this operator, lower case, has a device that we judge or a seat beside ours. */
  readonly isExpected: (operator: Address) => boolean
  readonly readDevice?: (network: ConnectedNetwork, id: Hex) => Promise<RegisteredDevice | null>
  readonly readChecker?: (
    network: ConnectedNetwork,
    operator: Address,
  ) => Promise<Pick<BondedChecker, 'bond' | 'certificateHash'> | null>
}

const busy = 'too many that it does not know ask now; try again'
const tooOften = 'it has connected too often; try again'

/**
 * Strangers share one budget of reads, whatever keys and addresses they have; whom we judge is not in it.
 *
 * @returns a function that resolves to null for a claim that is let in, else to the reason why it is not
 */
export function createAdmission(
  network: ConnectedNetwork,
  { clock, isExpected, readDevice = getDevice, readChecker = getChecker }: AdmissionDependencies,
): (claim: Claim) => Promise<string | null> {
  /** A registration changes rarely; one that does not fit a claim is read again, and all are after a while. */
  const devices = createMemory<Hex, { readonly device: RegisteredDevice; readonly atMs: number }>()
  const answers = createMemory<string, { readonly why: string | null; readonly atMs: number }>()
  const bucketOf = (limit: typeof readsOfExpected) => createTokenBucket(limit, () => clock.monotonicMs())
  const strangers = bucketOf(readsOfStrangers)
  const expected = createMemory<Address, TokenBucket>()
  /** Of those who were let in, by role and operator. */
  const comings = createMemory<string, TokenBucket>()

  function mayRead(operator: Address): boolean {
    if (!isExpected(operator)) return strangers.take()
    const bucket = expected.get(operator) ?? bucketOf(readsOfExpected)
    expected.set(operator, bucket)
    return bucket.take()
  }

  async function faultOf(deviceId: Hex, claim: Claim): Promise<string | null> {
    const known = devices.get(deviceId)
    const isFresh = known !== undefined && clock.monotonicMs() - known.atMs < registrationLifeMs
    if (isFresh && mismatch(deviceId, known.device, claim) === null) return null
    if (!mayRead(claim.operator)) return busy
    const device = await readDevice(network, deviceId)
    const found = mismatch(deviceId, device, claim)
    if (device !== null && found === null) devices.set(deviceId, { device, atMs: clock.monotonicMs() })
    else devices.delete(deviceId)
    return found
  }

  async function faultOfProvider(claim: Claim): Promise<string | null> {
    const { deviceIds } = claim
    if (deviceIds.length === 0) return 'it names no device'
    // The first device is read alone: a claim of somebody who owns none costs one read, however many devices it names.
    for (let from = 0; from < deviceIds.length; from += from === 0 ? 1 : readAtOnce) {
      const some = deviceIds.slice(from, from === 0 ? 1 : from + readAtOnce)
      const faults = await Promise.all(some.map(id => faultOf(id, claim)))
      const first = faults.find(each => each !== null)
      if (first !== undefined && first !== null) return first
    }
    return null
  }

  async function faultOfChecker({ operator, certificateHash }: Claim): Promise<string | null> {
    if (!mayRead(operator)) return busy
    const checker = await readChecker(network, operator)
    // A Checker that has unbonded has nothing to lose any more.
    if (checker === null || checker.bond === 0n) return `${operator} is not a bonded Checker`
    return certificateHash === zeroBytes32 || checker.certificateHash === certificateHash
      ? null
      : 'the certificate is not the registered one'
  }

  function mayCome({ role, operator }: Claim): boolean {
    const name = `${role} ${operator}`
    const bucket = comings.get(name) ?? bucketOf(sessionsOfOperator)
    comings.set(name, bucket)
    return bucket.take()
  }

  async function whyNot(claim: Claim): Promise<string | null> {
    const { role, operator, certificateHash, deviceIds } = claim
    const name = `${role} ${operator} ${certificateHash} ${hashClaim(role, deviceIds)}`
    const known = answers.get(name)
    if (known !== undefined && clock.monotonicMs() - known.atMs < answerLifeMs) return known.why
    const why = await (role === 'checker' ? faultOfChecker(claim) : faultOfProvider(claim))
    // What a Provider was let in for is remembered by device.
    if (why !== busy && (why !== null || role === 'checker')) answers.set(name, { why, atMs: clock.monotonicMs() })
    return why
  }

  return async claim => (await whyNot(claim)) ?? (mayCome(claim) ? null : tooOften)
}

/** A map that forgets its oldest entries. */
function createMemory<K, V>() {
  const entries = new Map<K, V>()
  return {
    get: (key: K) => entries.get(key),
    delete: (key: K) => entries.delete(key),
    set(key: K, value: V) {
      entries.delete(key)
      entries.set(key, value)
      if (entries.size > remembered) entries.delete(entries.keys().next().value!)
    },
  }
}

function mismatch(id: Hex, device: RegisteredDevice | null, { operator, certificateHash }: Claim): string | null {
  if (device === null || device.operator !== operator) return `device ${id} is not registered by ${operator}`
  return certificateHash === zeroBytes32 || device.record.certificateHash === certificateHash
    ? null
    : `the certificate is not the registered one of device ${id}`
}
