import { expect, it } from 'vitest'

const { forgeCounts, forgeRepeats } = (await import(
  new URL('../../../scripts/forge-output.mjs', import.meta.url).href
)) as {
  forgeCounts: (output: string) => { passed: number; failed: number; skipped: number }
  forgeRepeats: (output: string, environment?: string) => string[]
}

const failure = '[FAIL: assertion failed: 7 >= 1; counterexample: args=[7 [7e0]]] testFuzz_small(uint256) (runs: 0)'
const output = `Ran 2 tests for contracts/test/Zz.t.sol:ZzTest
${failure}
[PASS] test_plain() (gas: 3142)

Ran 1 test suite in 83.19ms (6.63ms CPU time): 1 tests passed, 1 failed, 0 skipped (2 total tests)

Failing tests:
${failure}

Fuzz seed: 0x6b6169736172 (use \`--fuzz-seed\` to reproduce)
`

it('the numbers of passed and failed contract tests are read from forge’s output', () => {
  expect(forgeCounts(output)).toEqual({ passed: 1, failed: 1, skipped: 0 })
  expect(forgeCounts('No tests found')).toEqual({ passed: 0, failed: 0, skipped: 0 })
})

it('a failed contract test gives the command that repeats it, with its seed', () => {
  const command = "npx forge test --match-test '^testFuzz_small\\b' --fuzz-seed 0x6b6169736172"
  expect(forgeRepeats(output)).toEqual([command])
  expect(forgeRepeats(output, 'FOUNDRY_PROFILE=deep ')).toEqual([`FOUNDRY_PROFILE=deep ${command}`])
})
