import { describe, expect, test } from 'vitest'
import { getDevices } from '../../../src/core/chain/devices.ts'
import { getCohort, getEpoch } from '../../../src/core/chain/epochs.ts'
import { getVaultBooks, kaiBalance, moneyOf } from '../../../src/core/chain/kai.ts'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import type { LaneOpening } from '../../../src/core/epoch/opening.ts'
import { capOf, creditOf, paymentOf, scoreOf } from '../../../src/core/epoch/rewards.ts'
import { readExplanation } from '../../../src/core/explain/explain-device.ts'
import { createNetworkReader } from '../../../src/core/network/network-reader.ts'
import { fullUptime } from '../../../src/core/protocol/constants.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { networkForTests, testAddress } from '../../helpers/deploy.ts'
import { playerFor } from '../../helpers/play-epochs.ts'

const devices = 70
const epoch = 0
/** No process stands behind these devices: what their seats saw is computed, everything after it is real. */
const simulated = (lane: number): LaneOpening => ({
  rate: encodeRateDown(2_000n + 31n * BigInt(lane)),
  uptime: fullUptime - lane,
  flags: 0xf,
})

describe('two cohorts', () => {
  test('70 registered and simulated devices are all paid to their wallets in one epoch', async () => {
    const anvil = await anvilForTests({ autoImpersonate: true })
    const net = await networkForTests(anvil, { seats: [1, 2, 1, 1, 1, 3], devices })
    const { network, parameters } = net
    const player = playerFor(anvil, net)
    await player.work(epoch)
    expect(await getEpoch(network, epoch)).toMatchObject({ members: devices, cohorts: 2 })

    // Four seats agree; the fifth of each cohort saw a little more, which moves nobody's median.
    await player.settle(epoch, ({ cohort, seat }) => ({
      lanes: Array.from({ length: cohort === 0 ? 64 : devices - 64 }, (_, i) => {
        const lane = simulated(64 * cohort + i)
        return seat === 4 ? { ...lane, rate: lane.rate + 1 } : lane
      }),
      evidenceRoot: `0x${'ee'.repeat(32)}`,
    }))
    for (const cohort of [0, 1]) expect((await getCohort(network, epoch, cohort)).state).toBe('final')
    await player.pay(epoch)

    const firstStanding = BigInt(parameters.scores.firstStanding)
    const money = await moneyOf(network, epoch)
    const credits = Array.from({ length: devices }, (_, lane) => creditOf(scoreOf(simulated(lane)), 0n, firstStanding))
    expect(money.denominator).toBe(credits.reduce((sum, credit) => sum + credit))
    const overviews = await getDevices(network)
    expect(overviews).toHaveLength(devices)
    const reader = createNetworkReader(network, { confirmations: 0 })
    const view = await reader.read()
    expect(view.epochs.find(seen => seen.epoch === epoch)).toMatchObject({ isPaid: true })
    let sum = 0n
    for (const [lane, credit] of credits.entries()) {
      const paid = await kaiBalance(network, testAddress('payout', lane))
      expect(paid, `lane ${lane}`).toBe(paymentOf(credit, money))
      expect(paid).toBeGreaterThan(0n)
      const { id, standing } = overviews.find(device => device.lane === lane)!
      expect(capOf(standing, 0n)).toBe(2n * credit)
      expect(view.devices.find(device => device.id === id)?.earned, `earned in lane ${lane}`).toBe(paid)
      sum += paid
      // The last lane of one cohort and the first of the next.
      if (lane !== 63 && lane !== 64) continue
      const explanation = await readExplanation({ device: id, epoch }, { reader })
      const payout = testAddress('payout', lane).toLowerCase()
      expect(explanation).toMatchObject({ outcome: 'paid', payout, amount: paid, transferred: paid, differences: [] })
    }
    // Every wei of the device pool but the dust of 70 divisions.
    expect(money.devicePool - sum).toBeLessThan(BigInt(devices))
    const books = await getVaultBooks(network)
    expect(books.balance).toBeGreaterThanOrEqual(books.liability)
  })
})
