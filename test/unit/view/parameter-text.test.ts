import { expect, it } from 'vitest'
import { presetParameters } from '../../../src/core/chain/network-presets.ts'
import { parameterLines, parameterTexts } from '../../../src/core/view/parameter-text.ts'

const hash = `0x${'5c'.repeat(32)}` as const
const specs = { devnet: hash, standard: hash }

/** In the groups in which the chain answers. */
function grouped(preset: 'devnet' | 'peaq' | 'op-stack' | 'arbitrum') {
  const { timeline, rounds, scores, seatRules, seatBond, deviceDeposit, emission, supply, vaultFunding } =
    presetParameters(preset, specs)
  return {
    timeline: { ...timeline, firstEpochAt: 0 },
    rounds,
    scores,
    seats: { ...seatRules, seatBond, maxSeatsPerOwner: 1 },
    devices: { deposit: deviceDeposit },
    emission,
    supply: { total: supply, vaultFunding },
  }
}

it.each(['devnet', 'peaq', 'op-stack', 'arbitrum'] as const)('every parameter of the preset %s has a unit', preset => {
  const texts = parameterTexts(grouped(preset))
  expect(texts.length).toBeGreaterThan(30)
  expect(texts.filter(({ hasUnit }) => !hasUnit)).toEqual([])
})

it('KAI, percentages, spans and chances are shown with their units and never raw', () => {
  const lines = parameterLines(grouped('op-stack'))
  for (const line of [
    '  firstEpochAt         not started',
    '  epochSeconds         86400 s (1 d)',
    '  cutoffSeconds        42600 s (11 h 50 min)',
    '  threshold            0.01881% of blocks start a round',
    '  firstStanding        a capacity of 2000000',
    '  unopenedBps          0.1% of a seat’s bond',
    '  maxSeatsPerOwner     1 seat',
    '  deposit              250 KAI a device',
    '  maxPrice             0.0025 KAI a unit of credit at most',
    '  total                1000000000 KAI',
  ])
    expect(lines).toContain(line)
})
