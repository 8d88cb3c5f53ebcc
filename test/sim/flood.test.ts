/** Strangers crowd a Checker that judges: honest Providers complete their rounds there and are paid for them. */
import { afterAll, expect, it } from 'vitest'
import { getChecker } from '../../src/core/chain/checkers.ts'
import { getCohort, getEpoch } from '../../src/core/chain/epochs.ts'
import { readPayments } from '../../src/core/epoch/read-payments.ts'
import { type Channel, defaultLimits } from '../../src/core/transport/transport.ts'
import { startSimulation } from './virtual/simulation.ts'

const epochSeconds = 16
const flooded = 1
const simulation = await startSimulation({ seed: 1, epochSeconds })
afterAll(simulation.close)

/** What each stranger does with its connection, in turn. */
const ways = ['says nothing', 'says what nobody asked', 'sends more than a frame may hold', 'sends all it can'] as const
const strangers = 120
const oversized = new Uint8Array(2 * defaultLimits.maxFrameBytes)

it('a crowd of strangers keeps no honest Provider from being judged and paid, and is shown out', async () => {
  const { network, roles, events, firstEpochAt, restarts } = simulation
  const target = roles.find(({ name }) => name === 'checker-1')!
  const { endpoint: url, certificateHash: expectedCertificateHash } = (await getChecker(network, target.operator))!
  await simulation.until(firstEpochAt + flooded * epochSeconds)
  const channels: Channel[] = []
  const reasons = new Map<string, Set<string>>(ways.map(way => [way, new Set()]))
  for (let n = 0; n < strangers; n++) {
    const way = ways[n % ways.length]!
    const { host, transport } = simulation.stranger(`stranger-${n}`, { limits: { maxFrameBytes: 2 ** 30 } })
    const come = async () => {
      const channel = await transport.dial({ url, expectedCertificateHash })
      channels.push(channel)
      channel.onClose(({ code }) => reasons.get(way)!.add(code))
      while (way !== 'says nothing' && !channel.closed) {
        if (way === 'says what nobody asked') await channel.send({ type: 'garbage', body: { n } })
        else if (way === 'sends all it can')
          for (let i = 0; i < 100; i++) channel.send({ type: 'session', body: {} }).catch(() => undefined)
        else await channel.send({ type: 'session', body: {}, payload: oversized })
        await host.clock.sleep(20)
      }
    }
    host.after(10 * n, () => void come().catch(() => undefined))
  }
  await simulation.until((await getEpoch(network, flooded)).payAt + 4)

  expect(channels.length).toBe(strangers)
  expect(channels.filter(({ closed }) => !closed)).toEqual([])
  const providers = roles.filter(({ kind }) => kind === 'provider')
  const paid = (await readPayments(network, flooded)).map(({ payee }) => payee)
  expect(paid).toEqual(expect.arrayContaining(providers.map(({ payout }) => payout)))
  const judged = events.filter(
    ({ type, name, epoch }) => type === 'check.completed' && name === target.name && epoch === flooded,
  )
  expect(new Set(judged.map(({ device }) => device)).size).toBe(providers.length)
  expect(judged.every(({ verdict }) => verdict === 'VALID')).toBe(true)
  expect((await getCohort(network, flooded, 0)).opened).toBe(0b11111)
  expect(restarts.size).toBe(0)
  expect([...reasons].map(([way, codes]) => [way, ...codes])).toEqual([
    ['says nothing', 'SESSION_HANDSHAKE_TIMEOUT'],
    ['says what nobody asked', 'SESSION_OUT_OF_ORDER'],
    ['sends more than a frame may hold', 'TRANSPORT_FRAME_TOO_LARGE'],
    ['sends all it can', 'MESSAGE_INVALID'],
  ])
})
