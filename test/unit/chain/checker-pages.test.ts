import type { Address } from 'viem'
import { expect, it } from 'vitest'
import { cohortsJudgedBy, frozenSeats, getCheckers } from '../../../src/core/chain/checkers.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'

const operatorOf = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}`

/** A network of so many owners and seats; the operator asked for judges every third cohort. Notes the entries of each call. */
function networkOf({ owners = 0, seats = 0 }) {
  const calls: (readonly [string, number])[] = []
  const listed = (name: string, [from, count]: readonly number[]) => {
    calls.push([name, count!])
    return Array.from({ length: count! }, (_, i) => from! + i)
  }
  const checkerOf = (index: number) => ({ operator: operatorOf(index), payout: operatorOf(0), endpoint: '', index })
  const answers: Record<string, (args: never) => unknown> = {
    ownerCount: () => owners,
    seatCount: () => seats,
    checkers: (args: number[]) => listed('checkers', args).map(index => ({ checker: checkerOf(index) })),
    seatOwners: ([, ...args]: number[]) => listed('seatOwners', args).map(operatorOf),
    cohortsOf: ([, , ...args]: number[]) => listed('cohortsOf', args).filter(cohort => cohort % 3 === 0),
  }
  const readContract = async ({ functionName, args }: { functionName: string; args: never }) =>
    answers[functionName]!(args)
  const network = { chain: { client: { readContract } }, contracts: {} } as unknown as ConnectedNetwork
  return { network, calls }
}

it('every cohort of a large epoch is asked for once, some at a time', async () => {
  const { network, calls } = networkOf({})
  const judged = await cohortsJudgedBy(network, 7, operatorOf(1), 1_563)
  expect(judged).toEqual(Array.from({ length: 521 }, (_, i) => 3 * i))
  expect(calls).toEqual([...Array(12).fill(['cohortsOf', 128]), ['cohortsOf', 1_563 - 12 * 128]])
  expect(await cohortsJudgedBy(network, 7, operatorOf(1), 0)).toEqual([])
})

it('so is every seat of the frozen list, and every owner', async () => {
  const { network, calls } = networkOf({ owners: 120, seats: 1_025 })
  expect(await frozenSeats(network, 7)).toEqual(Array.from({ length: 1_025 }, (_, i) => operatorOf(i)))
  expect((await getCheckers(network)).map(({ index }) => index)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1))
  expect(calls).toEqual([
    ['seatOwners', 512],
    ['seatOwners', 512],
    ['seatOwners', 1],
    ['checkers', 50],
    ['checkers', 50],
    ['checkers', 20],
  ])
})
