/** The forge test that calls everything with a stolen key must know every function that writes. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Abi } from 'viem'
import { expect, it } from 'vitest'
import { checkerSeatsAbi } from '../../../src/core/chain/abi/checker-seats.ts'
import { deviceRegistryAbi } from '../../../src/core/chain/abi/device-registry.ts'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import { kaisarLensAbi } from '../../../src/core/chain/abi/kaisar-lens.ts'
import { kaisarTokenAbi } from '../../../src/core/chain/abi/kaisar-token.ts'
import { rewardVaultAbi } from '../../../src/core/chain/abi/reward-vault.ts'

const contracts: Readonly<Record<string, Abi>> = {
  _tokenCalls: kaisarTokenAbi,
  _registryCalls: deviceRegistryAbi,
  _seatsCalls: checkerSeatsAbi,
  _consensusCalls: epochConsensusAbi,
  _vaultCalls: rewardVaultAbi,
}
const table = readFileSync(
  fileURLToPath(new URL('../../../contracts/test/attacks/StolenCalls.sol', import.meta.url)),
  'utf8',
)

/** Names in the rows of one of the table's functions. */
const rowsOf = (name: string) => {
  const body = table.split(`function ${name}(`)[1]!.split('\n    function ')[0]!
  return [...body.matchAll(/_row\(calls, target, abi\.encodeCall\(\w+\.(\w+),/g)].map(match => match[1]!)
}

const writing = (abi: Abi) =>
  abi.flatMap(entry =>
    entry.type === 'function' && !['view', 'pure'].includes(entry.stateMutability) ? [entry.name] : [],
  )

it.each(Object.entries(contracts))(
  'the StolenOperator test has a row for every writing function of %s',
  (name, abi) => {
    const names = writing(abi)
    expect(new Set(names).size, 'a row names no overload').toBe(names.length)
    const governed = abi.some(entry => entry.type === 'function' && entry.name === 'guardian')
    const rows = [...rowsOf(name), ...(governed ? rowsOf('_governedCalls') : [])]
    expect([...new Set(rows)].sort()).toEqual([...names].sort())
  },
)

it('the lens has no writing function', () => expect(writing(kaisarLensAbi)).toEqual([]))
