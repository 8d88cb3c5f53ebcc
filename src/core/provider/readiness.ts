/**
 * What an engine holds for an epoch's rounds, the model and filled memory: made when the epoch is entered, given back while the owner has
 * paused its device, made again afterwards where there are still rounds that need it.
 *
 * Why: docs/why/busy.md
 */
import type { Hex } from 'viem'
import type { WorkEngine } from '../job/work-engine.ts'
import type { Logger } from '../platform/log.ts'
import type { EpochRounds } from '../protocol/trigger.ts'
import type { ProviderEvent } from './provider-event.ts'
import type { Member, Roster } from './rosters.ts'
import type { RoundRunner } from './round-runner.ts'
import type { RoundWork } from './round-work.ts'

export type Readiness = ReturnType<typeof createReadiness>

export type ReadinessDependencies = {
  readonly devices: readonly { readonly deviceId: Hex; readonly engine: Pick<WorkEngine, 'kinds'> }[]
  readonly isPaused: (deviceId: Hex) => boolean
  readonly runner: Pick<RoundRunner, 'idleOf'>
  readonly roundWork: Pick<RoundWork, 'untilClosed'>
  readonly newestRoster: () => Roster | null
  /** Seconds since 1970 of the newest block. */
  readonly blockTime: () => number
  readonly log: Logger
  readonly emit: (event: ProviderEvent) => void
  readonly onTrouble: (where: string) => (error: unknown) => void
}

export function createReadiness(dependencies: ReadinessDependencies) {
  const { devices, isPaused, runner, roundWork, newestRoster, blockTime, log, emit, onTrouble } = dependencies
  /** By device: what was asked for is done one after the other. */
  const turns = new Map<Hex, Promise<void>>()
  /** By device, the newest time that its engine was told to free, or was left unprepared. */
  const freed = new Map<Hex, symbol>()
  const kindsOf = (deviceId: Hex) => devices.find(device => device.deviceId === deviceId)!.engine.kinds

  async function prepareMember({ epoch, rounds }: Roster, { deviceId, generation }: Member) {
    const { memory, beat: _, ...others } = kindsOf(deviceId)
    const before = freed.get(deviceId)
    /** There, or broken; unless another pause has freed it meanwhile. */
    const isTried = () => {
      if (freed.get(deviceId) === before) freed.delete(deviceId)
    }
    for (const engine of Object.values(others))
      await engine.prepare({ epochSeed: rounds.seed, device: { deviceId, generation } }).catch(error => {
        isTried()
        throw error
      })
    if (!hasRoundsAfter(rounds, blockTime())) return
    const fill = async () => {
      const filled = await memory.prepare({ epochSeed: rounds.seed, device: { deviceId, generation } })
      const { groups, megabytes, fillMs, problem } = filled
      // Another pause, or the next epoch, has cancelled it: who did so goes on from here.
      if (problem?.code === 'JOB_FILL_CANCELLED') return
      isTried()
      emit({
        ...{ type: 'memory.filled', epoch, deviceId, groups, megabytes },
        ...{ seconds: fillMs / 1000, problem: problem?.code ?? null },
      })
      if (problem !== null) log.warn({ code: problem.code, device: deviceId }, problem.message)
    }
    // Takes long, and nothing waits for it: a memory round that comes before it is over is not worked.
    fill().catch(error => {
      isTried()
      onTrouble('memory')(error)
    })
  }

  async function settleNow(deviceId: Hex) {
    if (isPaused(deviceId)) {
      // What was committed to is still opened: that needs the memory it was worked in.
      await runner.idleOf(deviceId)
      await roundWork.untilClosed(deviceId)
      if (!isPaused(deviceId)) return
      freed.set(deviceId, Symbol('freed'))
      await Promise.all(Object.values(kindsOf(deviceId)).map(engine => engine.free()))
    } else if (freed.has(deviceId)) {
      const roster = newestRoster()
      const member = roster?.members.find(each => each.deviceId === deviceId)
      if (roster !== null && member !== undefined) await prepareMember(roster, member)
    }
  }

  function inTurn(deviceId: Hex, work: () => Promise<void>): Promise<void> {
    const turn = (turns.get(deviceId) ?? Promise.resolve()).then(work)
    turns.set(
      deviceId,
      turn.catch(() => undefined),
    )
    return turn
  }

  const settle = (deviceId: Hex) =>
    inTurn(deviceId, () => settleNow(deviceId)).catch(error =>
      log.warn({ error, device: deviceId }, 'a pause could not be followed'),
    )

  return {
    /** Resolves when the models are there; memory takes longer, and nothing waits for it. Devices that are paused are left out. */
    async prepare(roster: Roster): Promise<void> {
      await Promise.all(
        roster.members.map(member =>
          inTurn(member.deviceId, async () => {
            if (!isPaused(member.deviceId)) return prepareMember(roster, member)
            freed.set(member.deviceId, Symbol('freed'))
            // Nothing waits for it: what a restart has taken up may still be open.
            void settle(member.deviceId)
          }),
        ),
      )
    },
    /** Does what the pause of a device, or its end, asks for, once the round that it is in is over. */
    settle,
    /** Whether a pause has freed what is not ready again yet, so that the device is still busy. What cannot be made ready is not busy but broken. */
    isFreed: (deviceId: Hex): boolean => freed.has(deviceId),
  }
}

/** Whether a round that begins now could end within its epoch. */
const hasRoundsAfter = ({ startsAt, epochSeconds, rules }: EpochRounds, now: number): boolean =>
  now + Math.ceil(rules.openingsMs / 1000) < startsAt + epochSeconds
