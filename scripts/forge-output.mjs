/** forge ends with `Ran 3 test suites in …: 41 tests passed, 0 failed, 0 skipped (41 total tests)`. */
export function forgeCounts(output) {
  const line = [...output.matchAll(/^Ran .* (\d+) tests passed, (\d+) failed, (\d+) skipped/gm)].at(-1)
  const [passed, failed, skipped] = (line ?? [0, 0, 0, 0]).slice(1).map(Number)
  return { passed, failed, skipped }
}

/**
 * A command for each test that failed, which finds the same again.
 *
 * @param environment - what the run had set, such as `FOUNDRY_PROFILE=deep `
 */
export function forgeRepeats(output, environment = '') {
  const seed = /^Fuzz seed: (0x[0-9a-f]+)/m.exec(output)?.[1]
  const names = [...output.matchAll(/^\[FAIL[^\n]*\] (\w+)\(/gm)].map(([, name]) => name)
  // forge lists its failures twice.
  return [...new Set(names)].map(
    name => `${environment}npx forge test --match-test '^${name}\\b'${seed ? ` --fuzz-seed ${seed}` : ''}`,
  )
}
