import { describe, expect, it } from 'vitest'
import { getDevices } from '../../../src/core/chain/devices.ts'
import { kaiBalance } from '../../../src/core/chain/kai.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import { readExplanation } from '../../../src/core/explain/explain-device.ts'
import { withCapacities } from '../../../src/core/network/last-capacities.ts'
import { createNetworkReader } from '../../../src/core/network/network-reader.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { certainRounds, networkForTests } from '../../helpers/deploy.ts'
import { playerFor } from '../../helpers/play-epochs.ts'
import { hex, openingOf } from '../../unit/network/epoch-simulation.ts'

const lane = (rate: bigint, uptime = 10_000, flags = 15) => ({ rate: encodeRateDown(rate), uptime, flags })

/** The same network through an endpoint that answers only about the head. */
function withoutOldState(network: ConnectedNetwork): ConnectedNetwork {
  const { client } = network.chain
  const readContract = ((call: { blockNumber?: bigint }) =>
    call.blockNumber === undefined
      ? client.readContract(call as never)
      : Promise.reject(new Error('missing trie node'))) as typeof client.readContract
  return { ...network, chain: { ...network.chain, client: { ...client, readContract } } }
}

describe('explanations on a real chain', () => {
  it('equal every transfer to the wei, over epochs with lies, absences and a void cohort', async () => {
    const anvil = await anvilForTests({ autoImpersonate: true })
    const net = await networkForTests(anvil, {
      seats: [1, 1, 1, 2, 1],
      devices: 4,
      parameters: { rounds: certainRounds },
    })
    const { network } = net
    const player = playerFor(anvil, net)
    const reader = createNetworkReader(network)
    const devices = await getDevices(network)
    const wallets = devices.map(({ payout }) => payout)
    const expected = wallets.map(() => 0n)

    const views = [
      // Honest, a little apart; the third device's environment is refused by all.
      ({ seat }: { seat: number }) =>
        openingOf([lane(400n + BigInt(seat)), lane(90n, 9_500), lane(500n, 10_000, 13), lane(0n)], hex(seat + 1, 32)),
      // Two seats lie upwards, one does not open; scores grow past the cap of the second device.
      ({ seat }: { seat: number }) =>
        seat === 4
          ? null
          : openingOf([lane(seat < 2 ? 9_000n : 410n), lane(4_000n), lane(500n), lane(7n)], hex(seat + 1, 32)),
      // Only two open: void.
      ({ seat }: { seat: number }) => (seat > 1 ? null : openingOf([lane(1n), lane(1n), lane(1n), lane(1n)])),
    ]
    for (const [epoch, view] of views.entries()) {
      await player.work(epoch)
      await player.settle(epoch, view)
      if (epoch < 2) await player.pay(epoch, epoch === 0 ? 3 : 64)
      for (const [i, { id }] of devices.entries()) {
        const explanation = await readExplanation({ device: id, epoch }, { reader })
        expect(explanation.differences).toEqual([])
        expect(explanation.epoch).toBe(epoch)
        if (epoch < 2) {
          expect(explanation.seats.every(({ operator }) => operator !== null && net.checkers.includes(operator))).toBe(
            true,
          )
          expect(explanation.transferred).toBe(explanation.amount)
          expected[i]! += explanation.amount
          expect(await kaiBalance(network, wallets[i]!)).toBe(expected[i])
        } else expect(explanation.reason?.code).toBe('COHORT_VOID')
      }
    }

    const at = async (device: number, epoch: number) =>
      readExplanation({ device: devices[device]!.id, epoch }, { reader })
    expect(await at(2, 0)).toMatchObject({ outcome: 'nothing', reason: { code: 'ENVIRONMENT_UNCONFIRMED' } })
    expect(await at(3, 0)).toMatchObject({ outcome: 'nothing', reason: { code: 'RATE_ZERO' } })
    const first = await at(0, 1)
    expect(first.figures).toMatchObject({ medianRate: 410n, standingBefore: 402n, credit: 410n, standingAfter: 404n })
    expect(first.seats.map(({ opened }) => opened)).toEqual([true, true, true, true, false])
    expect((await at(1, 1)).figures).toMatchObject({ score: 4_000n, cap: 170n, credit: 170n })
    expect(first.steps.find(({ step }) => step === 'job')?.lines.length).toBeGreaterThanOrEqual(2)

    // Epoch 2 is void: what devices were worth is what epoch 1 says.
    const listed = await withCapacities(network, devices)
    expect(listed.map(({ capacity }) => capacity)).toEqual([410n, 4_000n, 500n, 7n])
    expect(listed.map(({ capacityEpoch }) => capacityEpoch)).toEqual([1, 1, 1, 1])

    const view = await reader.read()
    expect(view.currentEpoch).toBe(3)
    expect(view.payments.reduce((sum, { amount }) => sum + amount, 0n)).toBe(
      expected.reduce((sum, each) => sum + each, 0n),
    )
    expect(view.devices.map(({ earned }) => earned)).toEqual(expected)
    expect(view.epochs.map(({ epoch, isPaid }) => [epoch, isPaid])).toEqual([
      [3, false],
      [2, true],
      [1, true],
      [0, true],
    ])
    expect(view.devices[0]!.history.map(({ verdict }) => verdict.verdict)).toEqual(['VALID', 'VALID', 'VOID'])
    expect(view.devices[2]!.history[0]!.verdict).toMatchObject({ verdict: 'UNSUPPORTED' })
    for (const { earned, payout, drawnLanes } of view.checkers) {
      expect(earned).toBe(await kaiBalance(network, payout))
      expect(drawnLanes).toBe(8)
    }
    // An endpoint without old state: standings are replayed from events, and the owners of the seats are not known.
    const forgetful = createNetworkReader(withoutOldState(network))
    const replayed = await readExplanation({ device: devices[0]!.id, epoch: 1 }, { reader: forgetful })
    expect(replayed).toMatchObject({ balanced: true, amount: first.amount, figures: first.figures })
    expect(replayed.seats.map(({ rate }) => rate)).toEqual(first.seats.map(({ rate }) => rate))
    expect(replayed.seats[0]!.operator).toBeNull()
    const late = createNetworkReader(withoutOldState(network), { epochs: 3 })
    await expect(readExplanation({ device: devices[0]!.id, epoch: 1 }, { reader: late })).rejects.toThrow(
      'cannot be found out',
    )

    // What was read once is not read differently the second time, nor by a reader that begins later.
    const again = await createNetworkReader(network, { epochs: 3, confirmations: 1 }).read()
    expect(again.epochs).toEqual(view.epochs.slice(0, 3))
  })
})
