/**
 * Pauses of devices: an owner wants a card for himself for some time. A pause that is asked for while another one lasts ends with the
 * later of the two; `resume` ends it, and so does its time. Pure, but for the tables below it.
 *
 * Why: docs/why/busy.md
 */
import type { Hex } from 'viem'
import type { Store, StoreReader } from '../platform/store.ts'
import type { Signed } from '../protocol/typed-data.ts'

export type Pause = {
  readonly deviceId: Hex
  /** Milliseconds since 1970, like `until`. */
  readonly since: number
  /** Null: until it is resumed. */
  readonly until: number | null
}

/** Ten years: longer is until it is resumed. */
export const longestPauseSeconds = 315_360_000

/** A device's id, or the first of its digits. */
export const isDeviceName = (name: string): boolean => /^0x[0-9a-f]{1,64}$/i.test(name)

/** Least time of a pause: the mean time between two beats of an epoch. A shorter one would be seen by chance alone. */
export const leastPauseSeconds = ({ epochSeconds, beats }: { epochSeconds: number; beats: number }): number =>
  Math.ceil(epochSeconds / beats)

export const holdsAt = ({ until }: Pause, now: number): boolean => until === null || now < until

/** The pause after somebody asked for one; `extended` where it was asked for less than the least time. */
export function pauseAfter(
  known: Pause | null,
  wish: {
    readonly deviceId: Hex
    readonly now: number
    /** Null: until it is resumed. */
    readonly forMs: number | null
    readonly leastMs: number
  },
): { readonly pause: Pause; readonly extended: boolean } {
  const { deviceId, now, forMs, leastMs } = wish
  const extended = forMs !== null && forMs < leastMs
  const asked = forMs === null ? null : now + Math.max(forMs, leastMs)
  const present = known !== null && holdsAt(known, now) ? known : null
  if (present === null) return { pause: { deviceId, since: now, until: asked }, extended }
  const until = present.until === null || asked === null ? null : Math.max(present.until, asked)
  return { pause: { ...present, until }, extended }
}

/** When the first of these pauses ends by itself; null where none does. */
export const nextEnd = (pauses: readonly Pause[]): number | null =>
  pauses.reduce<number | null>((next, { until }) => (until === null ? next : Math.min(next ?? until, until)), null)

export const pauseTables = `
   CREATE TABLE pause (device_id TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER) STRICT;
   CREATE TABLE busy (
     round TEXT NOT NULL, device_id TEXT NOT NULL, epoch INTEGER NOT NULL, generation INTEGER NOT NULL,
     signature TEXT NOT NULL, PRIMARY KEY (round, device_id)) STRICT;`

export const readPauses = (store: Pick<StoreReader, 'all'>): Pause[] =>
  store.all<{ deviceId: Hex; since: bigint; until: bigint | null }>`
    SELECT device_id AS deviceId, since, until FROM pause ORDER BY device_id`.map(({ deviceId, since, until }) => ({
    ...{ deviceId, since: Number(since), until: until === null ? null : Number(until) },
  }))

/** A round that a device has left out by its signed word. */
export type BusyRound = { readonly epoch: number; readonly round: Hex; readonly deviceId: Hex }

export const readBusyRounds = (store: Pick<StoreReader, 'all'>, limit: number): BusyRound[] =>
  store.all<{ epoch: bigint; round: Hex; deviceId: Hex }>`
    SELECT epoch, round, device_id AS deviceId FROM busy ORDER BY rowid DESC LIMIT ${limit}`.map(row => ({
    ...row,
    epoch: Number(row.epoch),
  }))

export type PauseJournal = ReturnType<typeof createPauseJournal>

export function createPauseJournal(store: Store) {
  return {
    pauses: (): readonly Pause[] => readPauses(store),
    keepPause: ({ deviceId, since, until }: Pause): void =>
      void store.run`INSERT OR REPLACE INTO pause VALUES (${deviceId}, ${since}, ${until})`,
    endPause: (deviceId: Hex): void => void store.run`DELETE FROM pause WHERE device_id = ${deviceId}`,
    /** Keeps what was signed before it is sent, so that no restart forgets it. */
    recordBusy: ({ message: { round, deviceId, epoch, generation }, signature }: Signed<'Busy'>): void =>
      void store.run`INSERT OR IGNORE INTO busy VALUES (${round}, ${deviceId}, ${epoch}, ${generation}, ${signature})`,
    busyIn(round: Hex, deviceId: Hex): Signed<'Busy'> | null {
      const row = store.get<{ epoch: bigint; generation: bigint; signature: Hex }>`
        SELECT * FROM busy WHERE round = ${round} AND device_id = ${deviceId}`
      if (row === undefined) return null
      const { epoch, generation, signature } = row
      return { message: { epoch, round, deviceId, generation: Number(generation) }, signature }
    },
  }
}
