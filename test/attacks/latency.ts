/** Provers that commit later than the window allows, or that want to be allowed to. */

import { createCheckerJournal } from '../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../src/core/checker/journal-tables.ts'
import { createPresence } from '../../src/core/checker/presence.ts'
import { windowRate } from '../../src/core/job/tensor/tensor-spec.ts'
import { silentLogger } from '../../src/core/platform/log.ts'
import { openStore } from '../../src/core/platform/store.ts'
import { messageBodies } from '../../src/core/protocol/messages.ts'
import { createManualClock } from '../helpers/manual-clock.ts'
import { type Arena, commitTo, hashOf, spec } from './arena.ts'
import type { Attack } from './attack.ts'
import { isUnpaid, judgedBy, openSeat, rules } from './seat.ts'

const { windowMs, graceMs } = rules
/** Later than any grace: what a cheat would have subtracted, by its seed. */
const delayOf = (seed: number) => graceMs + 1 + seed
const rowsPerMs = 0.128

/** Answers heartbeats of the real seat this late; what a seat that measures would take for the latency, and the uptime. */
async function pongs(arena: Arena, seed: number, delayMs: number) {
  const clock = createManualClock()
  const stop = new AbortController()
  const store = openStore({ path: ':memory:', migrations: [...checkerMigrations] })
  const journal = createCheckerJournal(store)
  const deviceId = hashOf('device', seed)
  const devices = [{ deviceId, generation: 1, operator: arena.device.address, cohort: 0, lane: 0 }]
  let latencyMs = 0
  let nonces = 0
  const presence = createPresence({
    journal,
    clock,
    log: silentLogger,
    randomBytes: size => Buffer.from(hashOf('nonce', seed, nonces++).slice(2), 'hex').subarray(0, size),
    // Ten seconds between two heartbeats.
    duty: () => ({ epoch: 1, epochSeconds: 160, devices }),
    sendTo: () => async (_type, body) => {
      const sentMs = clock.monotonicMs()
      void clock.sleep(delayMs).then(() => {
        latencyMs = clock.monotonicMs() - sentMs
        presence.onReply(messageBodies['heartbeat.reply'].parse(body), new Uint8Array(), sentMs + latencyMs)
      })
    },
  })
  const running = presence.run(stop.signal)
  await clock.advance(60_000)
  stop.abort()
  await running
  const { asked, answered } = journal.heartbeats(1, deviceId)
  store.close()
  return { latencyMs, uptime: answered / asked }
}

export const latency: Attack[] = [
  {
    name: 'late commitment',
    formula: '1: later than D + grace by the seat’s own clock',
    expected: 1,
    seeds: 200,
    async attempt(arena, seed) {
      const identity = arena.identity(seed)
      const commitment = await arena.commit(identity, commitTo(await arena.digests(identity, 128)))
      const seat = openSeat(arena)
      const round = await seat.begin(identity)
      const refusal = round.commit(commitment, windowMs + delayOf(seed))
      const { verdict, figures } = await round.close()
      seat.close()
      return refusal === 'CHECKER_COMMITMENT_LATE' && verdict === 'TIMEOUT' && isUnpaid(figures)
    },
  },
  {
    name: 'delayed pongs',
    formula: '1: no latency is subtracted, so the rate does not know of them',
    expected: 1,
    seeds: 50,
    async attempt(arena, seed) {
      const identity = arena.identity(seed)
      const { latencyMs, uptime } = await pongs(arena, seed, delayOf(seed))
      if (latencyMs !== delayOf(seed) || uptime !== 1) throw new Error('the pongs are late and still counted')
      const rows = Math.floor(windowMs * rowsPerMs)
      const inTime = commitTo(await arena.digests(identity, rows))
      const seat = openSeat(arena)
      const paid = await judgedBy(seat, identity, await arena.commit(identity, inTime), inTime.open)
      // The next round of this device: as much longer as its pongs were late.
      const next = arena.identity(seed + 7)
      const longer = commitTo(await arena.digests(next, Math.floor((windowMs + latencyMs) * rowsPerMs)))
      const round = await seat.begin(next)
      const refusal = round.commit(await arena.commit(next, longer), windowMs + latencyMs)
      const { figures } = await round.close()
      seat.close()
      return (
        paid.figures.tensor === windowRate(spec, rows) && refusal === 'CHECKER_COMMITMENT_LATE' && isUnpaid(figures)
      )
    },
  },
  {
    name: 'delayed pongs (weakened: minus latency)',
    formula: '0: it works as much longer as its pongs are late',
    expected: 0,
    seeds: 50,
    async attempt(arena, seed) {
      const { latencyMs } = await pongs(arena, seed, delayOf(seed))
      const arrivesMs = windowMs + delayOf(seed)
      const accepted = arrivesMs - latencyMs <= windowMs + graceMs
      return !accepted || windowRate(spec, Math.floor(arrivesMs * rowsPerMs)) <= windowRate(spec, windowMs * rowsPerMs)
    },
  },
  {
    name: 'longer work (weakened: rate from the prover’s own duration)',
    formula: '0: it says that it took as long as a faster card would',
    expected: 0,
    seeds: 50,
    async attempt(_, seed) {
      const tookMs = windowMs + delayOf(seed)
      const rows = Math.floor(tookMs * rowsPerMs)
      const saidMs = windowMs
      return rows / saidMs <= rowsPerMs
    },
  },
]
