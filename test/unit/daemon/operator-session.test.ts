import type { Hex } from 'viem'
import { numberToHex } from 'viem'
import { expect, it } from 'vitest'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import type { TransactionSender } from '../../../src/core/chain/tx/transaction-sender.ts'
import { asOnlyRun, operatorSessionTable } from '../../../src/core/daemon/operator-session.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const pollMs = 2_000
const hash = (n: number) => numberToHex(n, { size: 32 })
const ofAnother = hash(0xdead)

/** A Checker whose chain shows `shown`: a session and the block time of its claim. */
function running(shown: { session: Hex; claimedAt: bigint }) {
  const clock = createManualClock()
  const store = openStore({ path: ':memory:', migrations: [operatorSessionTable] })
  store.run('INSERT INTO operator_session (session) VALUES (?)', shown.session)
  const client = { readContract: async () => [shown.session, shown.claimedAt], getBalance: async () => 1n }
  const network = { chain: { client }, contracts: { CheckerSeats: hash(1) } } as unknown as ConnectedNetwork
  const sender = { address: hash(2), enqueue() {}, outcome: async () => ({}) } as unknown as TransactionSender
  const stop = new AbortController()
  const deps = { sender, store, clock, log: silentLogger, randomBytes: () => new Uint8Array(32).fill(7) }
  const ended = asOnlyRun({ network, role: 'checker', pollMs }, deps, stop.signal, signal => {
    if (signal.aborted) return Promise.resolve()
    return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
  })
  ended.catch(() => undefined)
  return { clock, stop, ended }
}

it('a session from before ours, as an endpoint shows it that is far behind, replaces no run', async () => {
  const shown = { session: hash(3), claimedAt: 500n }
  const { clock, stop, ended } = running(shown)
  await clock.advance(pollMs)
  Object.assign(shown, { session: `0x${'07'.repeat(32)}`, claimedAt: 1_000n })
  await clock.advance(pollMs)
  Object.assign(shown, { session: ofAnother, claimedAt: 900n })
  await clock.advance(3 * pollMs)
  stop.abort()
  await clock.advance(pollMs)
  await expect(ended).resolves.toBeUndefined()
})

it('a session from after ours ends the run', async () => {
  const shown = { session: hash(3), claimedAt: 500n }
  const { clock, ended } = running(shown)
  await clock.advance(pollMs)
  Object.assign(shown, { session: ofAnother, claimedAt: 1_100n })
  await clock.advance(2 * pollMs)
  await expect(ended).rejects.toMatchObject({ code: 'OPERATOR_REPLACED' })
})
