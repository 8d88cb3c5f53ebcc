/** Asks devices who they are: once a session, once an epoch, and again when a report did not hold. */
import { bytesToHex, type Hex } from 'viem'
import type { RegisteredDevice } from '../chain/devices.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { type MessageBody, toWire } from '../protocol/messages.ts'
import { nonceLifeMs } from '../protocol/network-parameters.ts'
import type { Network } from '../protocol/typed-data.ts'
import { type Signer, signMessage } from '../report/signer.ts'
import type { Session } from '../transport/session.ts'
import { type DeviceJudgement, judgeDeviceReport, type RecordPolicy } from './device-check.ts'
import { checkerErrors } from './errors.ts'
import type { CheckerJournal } from './journal.ts'
import type { SeatDevice } from './seat-round.ts'

export type DeviceJobs = {
  /** Asks the session's operator about each of these devices that has not reported validly in this epoch. */
  ask(session: Session, epoch: number, devices: readonly SeatDevice[]): Promise<void>
  /** @throws CHECKER_REPORT_UNASKED */
  take(session: Session, body: MessageBody<'device.report'>): Promise<void>
}

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

/** In an epoch, of one device: whoever connects again and again is not judged again and again. */
const mostAnswers = 8

/**
 * An answer must come while its nonce is fresh, over the session that was asked: what was asked is forgotten with the session, however often
 * an operator connects. Nonces are in memory alone: what was asked before a restart is asked no more,
 * so an old answer cannot be taken a second time, and devices are asked again with another nonce.
 */
export function createDeviceJobs(deps: DeviceJobsDependencies): DeviceJobs {
  const { network, signer, journal, policy, registrationOf, clock, randomBytes, log, onJudged } = deps
  const asked = new WeakMap<Session, Map<Hex, Asked>>()
  /** Devices by epoch that a session has reported on. A new session may be that of a release that was updated meanwhile. */
  const answered = new WeakMap<Session, Set<string>>()
  const timesAnswered = new Map<string, number>()

  /** What this session was asked and has not answered, by nonce. */
  function openOf(session: Session): Map<Hex, Asked> {
    const open = asked.get(session) ?? new Map<Hex, Asked>()
    for (const [nonce, { askedAtMs }] of open) if (clock.monotonicMs() - askedAtMs > nonceLifeMs) open.delete(nonce)
    asked.set(session, open)
    return open
  }

  return {
    async ask(session, epoch, devices) {
      const open = openOf(session)
      for (const device of devices.filter(({ operator }) => operator === session.operator)) {
        const known = journal.deviceCheck(epoch, device.deviceId)
        const job = `${epoch} ${device.deviceId}`
        const isOver = answered.get(session)?.has(job) === true || (timesAnswered.get(job) ?? 0) >= mostAnswers
        if (isOver && known?.deviceValid && known.environmentValid) continue
        const nonce = bytesToHex(randomBytes(32))
        open.set(nonce, { epoch, device, askedAtMs: clock.monotonicMs() })
        const message = { deviceId: device.deviceId, nonce, checker: signer.address }
        await session.send('device.request', await signMessage(signer, 'DeviceRequest', message))
      }
    },

    async take(session, body) {
      const open = openOf(session)
      const { nonce } = body.report.message
      const question = open.get(nonce)
      if (question === undefined) throw checkerErrors.CHECKER_REPORT_UNASKED()
      open.delete(nonce)
      const { epoch, device } = question
      const registered = await registrationOf(device.deviceId)
      if (registered === null) return
      const judgement = await judgeDeviceReport(
        {
          network,
          registration: { ...registered.record, ...device },
          nonce,
          peerCertificateHash: session.peerCertificateHash,
          body,
        },
        { policy },
      )
      journal.recordDeviceCheck({
        deviceId: device.deviceId,
        epoch,
        deviceValid: judgement.deviceValid,
        environmentValid: judgement.environmentValid,
        environmentHash: judgement.environmentHash,
        findings: judgement.findings,
        report: JSON.stringify(toWire(body)),
      })
      for (const { code, detail, clears } of judgement.findings)
        log[clears === null ? 'info' : 'warn']({ device: device.deviceId, code, clears }, detail)
      const job = `${epoch} ${device.deviceId}`
      answered.set(session, (answered.get(session) ?? new Set()).add(job))
      for (const other of timesAnswered.keys()) if (Number.parseInt(other, 10) < epoch - 1) timesAnswered.delete(other)
      timesAnswered.set(job, (timesAnswered.get(job) ?? 0) + 1)
      onJudged?.(epoch, device.deviceId, judgement)
    },
  }
}
