/** What forge itself does not refuse in the tests of the contracts. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const contracts = fileURLToPath(new URL('../../../contracts/', import.meta.url))
const solidity = (folder: string) =>
  readdirSync(join(contracts, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.sol'))
    .map(path => ({ path, text: readFileSync(join(contracts, folder, path), 'utf8') }))

/** With dynamic test linking such a test ends there, and passes, whatever stands behind it: test/support/Makers.sol makes the call. */
const silentEnd = /expectRevert\([^;]*\);\s*(?:\w+ \w+ = )?new (\w+)\(/g

it('no contract test expects a refused construction without a call of its own', () => {
  const ours = new Set(
    solidity('src').flatMap(({ text }) => [...text.matchAll(/^contract (\w+)/gm)].map(found => found[1])),
  )
  expect(ours.size).toBeGreaterThan(5)
  const found = solidity('test').flatMap(({ path, text }) =>
    [...text.matchAll(silentEnd)].flatMap(([, name]) => (ours.has(name) ? [`${path}: new ${name}`] : [])),
  )
  expect(found).toEqual([])
  expect([...'vm.expectRevert(A.b.selector);\n new EpochConsensus(1)'.matchAll(silentEnd)]).toHaveLength(1)
})
