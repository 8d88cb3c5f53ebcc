/** A device that says it is busy, at a seat: when it counts, what is kept of it, and what becomes of who says two things. */
import type { Hex } from 'viem'
import { afterAll, describe, expect, it } from 'vitest'
import { packCohort } from '../../../src/core/checker/epoch/pack.ts'
import { hasFlag } from '../../../src/core/epoch/opening.ts'
import { bundleLines, loadedBundle, verifyLoadedBundle } from '../../../src/core/operator/loaded-bundle.ts'
import { verdicts } from '../../../src/core/protocol/verdict.ts'
import { encodeBusyBundle } from '../../../src/core/report/busy-bundle.ts'
import { reasonWord } from '../../../src/core/report/evidence-root.ts'
import { createSigner, type Signer, signMessage } from '../../../src/core/report/signer.ts'
import { device, network, openJudgeFixture, provider, rules, trigger, triggerAt, word } from './judge-fixture.ts'

const fixture = await openJudgeFixture()
afterAll(fixture.end)

const busyAt = (round: Hex, changed: object = {}, by: Signer = provider) =>
  signMessage(by, 'Busy', { epoch: 0n, round, deviceId: device.deviceId, generation: 1, ...changed })
const code = (name: string) => expect.objectContaining({ code: name })
const noEngine = () => Promise.reject(new Error('there is nothing to recompute'))

describe('a busy device', () => {
  it('is judged BUSY at once, with evidence that anybody can check', async () => {
    const seat = fixture.seat(0)
    await seat.begin()
    seat.judge.takeBusy(provider.address, await busyAt(trigger.hash), rules.graceMs)
    const [verdict] = await seat.close()
    expect(verdict).toMatchObject({ verdict: 'BUSY', reason: 'DEVICE_BUSY', figures: {}, commitment: null })
    expect(verdicts).toContain(verdict!.verdict)
    const bytes = seat.evidence.read(verdict!.evidence!)!
    const result = await verifyLoadedBundle(loadedBundle(bytes), { startEngine: noEngine })
    expect(result).toMatchObject({
      valid: true,
      facts: { kind: 'busy', operator: provider.address, deviceId: device.deviceId },
    })
    expect(bundleLines(result).join('\n')).toContain('BUSY')
  })

  it('is told late, for another job, or by another key: refused, and the round goes on', async () => {
    const seat = fixture.seat(0)
    await seat.begin()
    const take = async (changed: object, at = 0, by = provider) =>
      seat.judge.takeBusy(provider.address, await busyAt(trigger.hash, changed, by), at)
    await expect(take({}, rules.graceMs + 1)).rejects.toThrow(code('CHECKER_BUSY_LATE'))
    await expect(take({ epoch: 1n })).rejects.toThrow(code('CHECKER_BUSY_UNBOUND'))
    await expect(take({ generation: 2 })).rejects.toThrow(code('CHECKER_BUSY_UNBOUND'))
    await expect(take({ deviceId: word(6) })).rejects.toThrow(code('CHECKER_ROUND_UNKNOWN'))
    const stranger = createSigner({ privateKey: word(0xbad), network })
    await expect(take({}, 0, stranger)).rejects.toThrow(code('CHECKER_SIGNATURE_INVALID'))
    await expect(async () => seat.judge.takeBusy(stranger.address, await busyAt(trigger.hash), 0)).rejects.toThrow(
      code('CHECKER_ROUND_UNKNOWN'),
    )
    await seat.judge.takeSamplingBlock(trigger.hash, { number: 11n, hash: word(11), timestamp: 1002, seenAtMs: 2000 })
    expect(await seat.close()).toMatchObject([{ verdict: 'TIMEOUT', reason: 'NO_COMMITMENT' }])
  })

  it('that has committed is not busy any more, nor does one that is busy commit', async () => {
    const worked = await fixture.work()
    const one = fixture.seat(0)
    await one.upToRequest(worked)
    const busy = await busyAt(trigger.hash)
    expect(() => one.judge.takeBusy(provider.address, busy, 0)).toThrow(code('CHECKER_BUSY_AFTER_WORK'))
    const other = fixture.seat(1)
    await other.begin()
    other.judge.takeBusy(provider.address, busy, 0)
    expect(() => other.judge.takeCommitment(provider.address, worked.commitment, 900)).toThrow(
      code('CHECKER_COMMITMENT_AFTER_BUSY'),
    )
    // What it said to one seat and to the other is signed by one key about one round: both show it.
    const [judged] = await other.close()
    expect(judged).toMatchObject({ verdict: 'BUSY' })
    expect(loadedBundle(other.evidence.read(judged!.evidence!)!).bundle).toMatchObject({ busy })
  })

  it('that is proven wrong by another seat is WRONG, whatever it said to this one', async () => {
    const wrong = await fixture.workWrongFor(0)
    const one = fixture.seat(0)
    const { answer } = await one.upToRequest(wrong)
    answer()
    await one.close()
    const other = fixture.seat(1)
    await other.begin()
    other.judge.takeBusy(provider.address, await busyAt(trigger.hash), 0)
    await other.judge.takeWrongWork(one.forwarded[0]!.commitment, one.forwarded[0]!.payload)
    expect(await other.close()).toMatchObject([{ verdict: 'WRONG' }])
  })

  it('says so a thousand times: one verdict, and no signature is looked at again', async () => {
    const seat = fixture.seat(0)
    await seat.begin()
    const busy = await busyAt(trigger.hash)
    seat.judge.takeBusy(provider.address, busy, 0)
    // It would be refused, were it looked at.
    for (let n = 0; n < 1_000; n++) seat.judge.takeBusy(provider.address, { ...busy, signature: '0x00' }, 0)
    expect(await seat.close()).toHaveLength(1)
  })

  it('has a leaf with its reason; a lane that it was busy in for all of a kind is not judged', async () => {
    const seat = fixture.seat(0)
    const rounds = [triggerAt(9), { ...triggerAt(10, 'memory'), ordinal: 1 }]
    for (const round of rounds) {
      await seat.begin(round)
      seat.judge.takeBusy(provider.address, await busyAt(round.hash), seat.clock.monotonicMs())
    }
    await seat.close()
    const packed = packCohort(seat.journal, { epoch: 0, devices: [device], rounds, maxRounds: 4, beatShare: 30 })
    const lane = packed.lanes.get(device.lane)!
    expect(lane).toEqual({ rate: 0, uptime: 0, flags: 0 })
    expect(hasFlag(lane.flags, 'judged')).toBe(false)
    expect(packed.evidence.leaf(0, 0)).toMatchObject({ round: rounds[0]!.hash, reason: reasonWord('DEVICE_BUSY') })
  })
})

it('evidence of a busy round in which one field was changed does not verify, and names the step', async () => {
  const seat = fixture.seat(0)
  await seat.begin()
  const [offer] = seat.bodies('job.offer')
  const busy = await busyAt(trigger.hash)
  const stepOf = async (changed: object) => {
    const bytes = encodeBusyBundle({ network, offer: offer!, busy, ...changed })
    return (await verifyLoadedBundle(loadedBundle(bytes), { startEngine: noEngine })).failedStep
  }
  expect(await stepOf({})).toBeNull()
  const forged = { ...offer!, message: { ...offer!.message, generation: 2 } }
  expect(await stepOf({ offer: forged })).toBe('OFFER_SIGNATURE')
  expect(await stepOf({ busy: await busyAt(word(8)) })).toBe('BUSY_BINDING')
  expect(await stepOf({ busy: { ...busy, signature: `0x${'11'.repeat(65)}` } })).toBe('BUSY_SIGNATURE')
  await seat.close()
})
