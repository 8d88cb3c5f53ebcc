/**
 * The device job: who are you, for a fresh nonce; asked once a session, once an epoch, and again when a report did not hold. What comes back is compared with the registration; the records themselves are
 * claims, so what is decided here is whether they are the registered ones, well-formed and allowed, never what they are worth.
 */

import { bytesToHex, type Hex } from 'viem'
import type { RegisteredDevice } from '../chain/devices.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { parseJson } from '../platform/output.ts'
import { printable } from '../platform/printable.ts'
import {
  type DeviceRecord,
  deviceIdOf,
  deviceRecordSchema,
  type EnvironmentRecord,
  environmentRecordSchema,
  hashRecordText,
  localId,
} from '../protocol/device-record.ts'
import { type MessageBody, toWire } from '../protocol/messages.ts'
import { nonceLifeMs } from '../protocol/network-parameters.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import type { Network } from '../protocol/typed-data.ts'
import { isSignedBy, type Signer, signMessage } from '../report/signer.ts'
import type { Session } from '../transport/session.ts'
import { checkerErrors } from './errors.ts'
import type { CheckerJournal, DeviceCheckRecord } from './journal.ts'
import type { SeatDevice } from './round/seat-round.ts'

export type DeviceFinding = {
  readonly code: string
  readonly detail: string
  /** Which flag it clears; null: worth noting only. */
  readonly clears: 'device' | 'environment' | null
}

/** What the chain says about the device. */
export type Registration = Pick<SeatDevice, 'deviceId' | 'generation' | 'operator'> & RegisteredDevice['record']

export type RecordPolicyDependencies = {
  /** Tensor rate of the device's last valid round in Mop/s, or null before one. */
  readonly measuredRate: (deviceId: Hex) => number | null
  /** The device that an attested identity is exclusive to on chain; null while nobody's claim was confirmed. */
  readonly identityOwner: (attestedIdentity: Hex) => Promise<Hex | null>
}

/** Further judgement of well-formed records: driver policy, contradictions, attestation. */
export type RecordPolicy = (records: {
  readonly device: DeviceRecord
  readonly environment: EnvironmentRecord
  readonly attestation: string | null
  readonly nonce: Hex
  readonly registration: Registration
}) => Promise<readonly DeviceFinding[]>

export type DeviceJudgement = Pick<DeviceCheckRecord, 'deviceValid' | 'environmentValid' | 'environmentHash'> & {
  readonly findings: readonly DeviceFinding[]
}

/** @param peerCertificateHash - of the TLS session the report came over; zero bytes where it carried none */
export async function judgeDeviceReport(
  received: {
    readonly network: Network
    readonly registration: Registration
    readonly nonce: Hex
    readonly peerCertificateHash: Hex
    readonly body: MessageBody<'device.report'>
  },
  { policy }: { readonly policy: RecordPolicy },
): Promise<DeviceJudgement> {
  const { network, registration, nonce, peerCertificateHash, body } = received
  const { message } = body.report
  const { environmentHash } = message
  const findings: DeviceFinding[] = []
  const find = (clears: DeviceFinding['clears'], code: string, detail: string) =>
    findings.push({ code, detail, clears })

  if (!isSignedBy(network, 'DeviceReport', body.report, registration.operator))
    find('device', 'REPORT_UNSIGNED', 'The report is not signed by the registered operator.')
  if (message.nonce !== nonce)
    find('device', 'REPORT_STALE', 'The report answers another nonce than the one asked with.')
  if (message.deviceId !== registration.deviceId || message.generation !== registration.generation)
    find('device', 'REPORT_OTHER_DEVICE', 'The report is about another device or generation than the registered one.')
  if (message.deviceHash !== registration.deviceHash)
    find('device', 'DEVICE_CHANGED', 'The device record is not the registered one; register its new generation.')
  if (message.certificateHash !== registration.certificateHash)
    find('device', 'CERTIFICATE_CHANGED', 'The device certificate is not the registered one.')
  if (peerCertificateHash !== zeroBytes32 && peerCertificateHash !== registration.certificateHash)
    find(
      'device',
      'CERTIFICATE_OTHER_SESSION',
      'The session is authenticated by another certificate than the registered one.',
    )
  if (hashRecordText(body.device) !== message.deviceHash)
    find('device', 'DEVICE_RECORD_ALTERED', 'The device record is not the one that was signed.')
  if (hashRecordText(body.environment) !== environmentHash)
    find('environment', 'ENVIRONMENT_RECORD_ALTERED', 'The environment record is not the one that was signed.')
  if ((body.attestation === null ? zeroBytes32 : hashRecordText(body.attestation)) !== message.attestationHash)
    find('device', 'ATTESTATION_ALTERED', 'The attestation evidence is not the one that was signed.')

  const device = deviceRecordSchema.safeParse(parseJson(body.device))
  const environment = environmentRecordSchema.safeParse(parseJson(body.environment))
  if (!device.success) find('device', 'DEVICE_RECORD_UNKNOWN', 'The device record is not of a form this release knows.')
  else if (deviceIdOf(registration.operator, localId(device.data)) !== registration.deviceId)
    find('device', 'DEVICE_ID_OTHER', 'The device id is not that of this operator and this hardware.')
  if (!environment.success)
    find('environment', 'ENVIRONMENT_RECORD_UNKNOWN', 'The environment record is not of a form this release knows.')
  if (device.success && environment.success)
    findings.push(
      ...(await policy({
        ...{ device: device.data, environment: environment.data },
        ...{ attestation: body.attestation, nonce, registration },
      })),
    )
  // What a parser says of text that it cannot read quotes it.
  for (const [i, finding] of findings.entries())
    findings[i] = { ...finding, detail: printable(finding.detail).slice(0, 1_024) }
  const cleared = (flag: 'device' | 'environment') => findings.some(finding => finding.clears === flag)
  return {
    deviceValid: !cleared('device'),
    environmentValid: !cleared('environment') && !findings.some(({ code }) => code === 'REPORT_UNSIGNED'),
    environmentHash,
    findings,
  }
}

export type DeviceJobs = ReturnType<typeof createDeviceJobs>

export type DeviceJobsDependencies = {
  readonly network: Network
  readonly signer: Signer
  readonly journal: CheckerJournal
  readonly policy: RecordPolicy
  /** What the chain knows of a device, or null. */
  readonly registrationOf: (deviceId: Hex) => Promise<Pick<RegisteredDevice, 'record'> | null>
  readonly clock: Clock
  readonly randomBytes: (size: number) => Uint8Array
  readonly log: Logger
  readonly onJudged?: (epoch: number, deviceId: Hex, judgement: DeviceJudgement) => void
}

type Asked = {
  readonly epoch: number
  readonly device: SeatDevice
  readonly askedAtMs: number
}

/**
 * Questions to one device in an epoch, asked as they come; whoever connects again and again is not judged again and again. One whose reports
 * do not hold is asked no more often than every {@link patienceMs} then.
 */
const mostQuestions = 8
const patienceMs = 60_000

/**
 * An answer must come while its nonce is fresh, over the session that was asked: what was asked is forgotten with the session, however often
 * an operator connects. Nonces are in memory alone: what was asked before a restart is asked no more,
 * so an old answer cannot be taken a second time, and devices are asked again with another nonce.
 */
export function createDeviceJobs(deps: DeviceJobsDependencies) {
  const { network, signer, journal, policy, registrationOf, clock, randomBytes, log, onJudged } = deps
  const asked = new WeakMap<Session, Map<Hex, Asked>>()
  /** Devices by epoch that a session has reported on. A new session may be that of a release that was updated meanwhile. */
  const answered = new WeakMap<Session, Set<string>>()
  /** By epoch and device. */
  const questions = new Map<number, Map<Hex, { readonly times: number; readonly lastMs: number }>>()

  function questionsOf(epoch: number) {
    for (const other of questions.keys()) if (other < epoch - 1) questions.delete(other)
    const known = questions.get(epoch) ?? new Map()
    questions.set(epoch, known)
    return known
  }

  /** What this session was asked and has not answered, by nonce. */
  function openOf(session: Session): Map<Hex, Asked> {
    const open = asked.get(session) ?? new Map<Hex, Asked>()
    for (const [nonce, { askedAtMs }] of open) if (clock.monotonicMs() - askedAtMs > nonceLifeMs) open.delete(nonce)
    asked.set(session, open)
    return open
  }

  return {
    /** Asks the session's operator about each of these devices that has not reported validly in this epoch. */
    async ask(session: Session, epoch: number, devices: readonly SeatDevice[]): Promise<void> {
      const open = openOf(session)
      const ofEpoch = questionsOf(epoch)
      for (const device of devices.filter(({ operator }) => operator === session.operator)) {
        const { deviceId } = device
        const askedAtMs = clock.monotonicMs()
        const { times, lastMs } = ofEpoch.get(deviceId) ?? { times: 0, lastMs: 0 }
        const isOften = times >= mostQuestions
        if (isOften && askedAtMs - lastMs < patienceMs) continue
        const known = journal.deviceCheck(epoch, deviceId)
        const isOver = isOften || answered.get(session)?.has(`${epoch} ${deviceId}`) === true
        if (isOver && known?.deviceValid && known.environmentValid) continue
        ofEpoch.set(deviceId, { times: times + 1, lastMs: askedAtMs })
        const nonce = bytesToHex(randomBytes(32))
        open.set(nonce, { epoch, device, askedAtMs })
        const message = { deviceId, nonce, checker: signer.address }
        await session.send('device.request', await signMessage(signer, 'DeviceRequest', message))
      }
    },

    /** @throws CHECKER_REPORT_UNASKED */
    async take(session: Session, body: MessageBody<'device.report'>): Promise<void> {
      const open = openOf(session)
      const { nonce } = body.report.message
      const question = open.get(nonce)
      if (question === undefined) throw checkerErrors.CHECKER_REPORT_UNASKED()
      open.delete(nonce)
      const { epoch, device } = question
      const { deviceId } = device
      const registered = await registrationOf(deviceId)
      if (registered === null) return
      const registration = { ...registered.record, ...device }
      const { peerCertificateHash } = session
      const judgement = await judgeDeviceReport({ network, registration, nonce, peerCertificateHash, body }, { policy })
      journal.recordDeviceCheck({ ...judgement, deviceId, epoch, report: JSON.stringify(toWire(body)) })
      for (const { code, detail, clears } of judgement.findings)
        log[clears === null ? 'info' : 'warn']({ device: deviceId, code, clears }, detail)
      answered.set(session, (answered.get(session) ?? new Set()).add(`${epoch} ${deviceId}`))
      onJudged?.(epoch, deviceId, judgement)
    },
  }
}
