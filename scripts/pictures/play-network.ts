/** A network with a history to look at: real contracts on anvil, whose seats say what a seeded random generator lets them see. */
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { foundry } from 'viem/chains'
import { startAnvil } from '../../src/core/devnet/anvil.ts'
import { encodeRateDown } from '../../src/core/epoch/minifloat.ts'
import { networkForTests } from '../../test/helpers/deploy.ts'
import { playerFor } from '../../test/helpers/play-epochs.ts'
import { seededRandom } from '../../test/helpers/seeded-random.ts'
import { openingOf } from '../../test/unit/network/epoch-simulation.ts'

const epochSeconds = 16

export async function playNetwork({
  epochs,
  devices,
  secondsIntoLast,
}: {
  epochs: number
  devices: number
  secondsIntoLast: number
}) {
  // The chain's time ends about now.
  const timestamp = Math.floor(Date.now() / 1000) - 140 - epochs * epochSeconds - secondsIntoLast
  const server = await startAnvil({ hardfork: 'prague', autoImpersonate: true, timestamp })
  const client = createTestClient({
    mode: 'anvil',
    chain: foundry,
    transport: http(server.rpcUrl),
    cacheTime: 0,
    pollingInterval: 20,
  })
    .extend(publicActions)
    .extend(walletActions)
  const anvil = { ...server, client } as unknown as Parameters<typeof networkForTests>[0]
  const net = await networkForTests(anvil, { seats: [1, 1, 2, 1, 1, 1], devices })
  const player = playerFor(anvil, net)
  const random = seededRandom(7)
  const speeds = Array.from({ length: devices }, (_, i) => [412, 655, 655, 1_840, 98, 412, 2_710, 655][i % 8]!)
  for (let epoch = 0; epoch < epochs; epoch++) {
    await player.work(epoch)
    const lanes = speeds.map((speed, i) => {
      const isAway = i === 4 && epoch % 5 === 3
      const rate = isAway ? 0 : Math.round(speed * (0.94 + 0.1 * random()))
      const uptime = isAway ? 4_100 : 10_000 - Math.floor(random() * random() * 400)
      return { rate: encodeRateDown(BigInt(rate)), uptime, flags: i === 7 && epoch > epochs - 3 ? 13 : 15 }
    })
    await player.settle(epoch, ({ seat, owner }) => {
      if (epoch === 5 && seat === 3) return null
      const says = owner === net.checkers[4] && epoch % 4 === 1
      return openingOf(
        lanes.map(lane => (says ? { ...lane, rate: Math.max(0, lane.rate - 3) } : lane)),
        `0x${(seat + 16).toString(16).repeat(32)}`,
      )
    })
    await player.pay(epoch)
  }
  await player.work(epochs, secondsIntoLast)
  return { ...net, rpcUrl: server.rpcUrl, stop: () => server.stop() }
}
