/** Whoever vanishes or misbehaves, the others are paid, epochs go on, and who comes back takes part again. */
import { connect } from 'node:tls'
import { afterAll, expect, it } from 'vitest'
import { getEpoch } from '../../src/core/chain/epochs.ts'
import { createAuditor } from './audit-network.ts'
import { startFaultyDevnet } from './faulty-devnet.ts'

const away = new Set<string>()
// Two hosts keep wrong time all along: every deadline is block time, so it must not matter.
const faulty = await startFaultyDevnet({
  alterations: { 'provider-1': 'clock+1h', 'checker-4': 'clock-1h' },
  restarts: ({ name }) => !away.has(name),
})
afterAll(() => faulty.close())
const { devnet } = faulty

/** The block time of the next round's trigger, as a Provider reports it. */
async function nextRound(epoch: number): Promise<void> {
  const seen = (event: (typeof faulty.events)[number]) =>
    event.type === 'daemon.event' && event.event.type === 'round.committed' && event.event.epoch === epoch
  const before = faulty.events.filter(seen).length
  await expect.poll(() => faulty.events.filter(seen).length, { timeout: 60_000, interval: 20 }).toBeGreaterThan(before)
}

/** Bytes that are no message, and a frame above every limit, from somebody who is let in by nobody. */
function pester(url: string): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise(resolve => {
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n')
      socket.write('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n')
      socket.write(Buffer.alloc(1_000_000, 0xff))
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve('closed'))
    socket.resume()
  })
}

it('goes on without a Checker that vanishes mid-round and a Provider killed mid-epoch, and takes both back', async () => {
  await nextRound(0)
  away.add('checker-2')
  devnet.daemon('checker-2').kill('SIGKILL')
  const listening = faulty.events.find(
    event => event.type === 'daemon.event' && event.event.type === 'checker.listening',
  )
  const url = (listening as unknown as { event: { url: string } }).event.url
  expect(await pester(url)).toBe('closed')

  // It was away while the round was judged, which is its own fault and nobody else's; its commitment says so.
  const { timestamp } = await devnet.network.chain.client.getBlock()
  await faulty.until(Number(timestamp) + 4)
  await devnet.daemon('checker-2').restart()
  await nextRound(1)
  devnet.daemon('provider-2').kill('SIGKILL')

  const epochs = await devnet.paidEpochs(3)
  const [payoutOne, payoutTwo] = devnet.roles.filter(({ kind }) => kind === 'provider').map(({ payout }) => payout)
  for (const { payments } of epochs) expect(payments.map(({ payout }) => payout)).toContain(payoutOne)
  // In the epoch after its death it works whole rounds again.
  expect(epochs[2]!.payments.map(({ payout }) => payout)).toContain(payoutTwo)
  expect(faulty.restarts.get('provider-2')).toBe(1)

  const auditor = createAuditor({ ...faulty.devnet, dataDir: faulty.dataDir })
  await auditor.audit(2)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
  expect((await getEpoch(devnet.network, 2)).totals.unpaid).toBe(0)
  const judged = faulty.events.filter(
    event => event.type === 'daemon.event' && event.name === 'checker-2' && event.event.type === 'check.completed',
  )
  expect(judged.some(event => (event as { event: { epoch?: number } }).event.epoch === 2)).toBe(true)
})
