/** A reorg takes the block that draws the samples and leaves the trigger: seats ask again, and an honest device stays VALID. */
import type { Hex } from 'viem'
import { afterAll, expect, it } from 'vitest'
import { getRoundRules } from '../../src/core/chain/epochs.ts'
import { startSimulation } from './virtual/simulation.ts'

const simulation = await startSimulation({ seed: 1 })
afterAll(simulation.close)

it('what a sampling block drew that was replaced is asked for anew, and every seat judges VALID', async () => {
  const { network, roles, events } = simulation
  const { client } = network.chain
  const providers = roles.filter(({ kind }) => kind === 'provider')
  const committed = new Set<string>()
  const { round } = await simulation.untilEvent(({ type, name }) => {
    if (type === 'round.committed') committed.add(name)
    return type === 'round.committed' && committed.size === providers.length
  }, 60)
  const trigger = await client.getBlock({ blockHash: round as Hex })
  const samplingAt = Number(trigger.timestamp) + (await getRoundRules(network)).samplingSeconds
  // Seats ask with the block that will be gone; the Providers read that when they know the other one alone.
  await simulation.until(samplingAt - 0.1)
  for (const { name } of providers) simulation.freeze(name, 600)
  await simulation.until(samplingAt + 0.2)
  const orphan = await client.getBlock()
  expect(Number(orphan.timestamp)).toBe(samplingAt)
  await simulation.chain.reorganise(1)
  expect((await client.getBlock()).number).toBe(orphan.number)
  expect((await client.getBlock()).hash).not.toBe(orphan.hash)

  await simulation.until(samplingAt + 6)
  const judged = events.filter(event => event.type === 'check.completed' && event.round === round)
  expect(judged).toHaveLength(5 * providers.length)
  expect(new Set(judged.map(({ verdict }) => verdict))).toEqual(new Set(['VALID']))
})
