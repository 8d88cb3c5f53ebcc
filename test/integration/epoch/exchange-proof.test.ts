import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const script = fileURLToPath(new URL('../../../scripts/prove-exchange.mjs', import.meta.url))

test('z3 proves the packed compare-exchange and the median of five for all inputs', context => {
  if (spawnSync('z3', ['--version']).error) return context.skip('z3 is not installed (apt-get install z3)')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(
    stdout
      .trim()
      .split('\n')
      .map(line => line.split('  ')[0]),
  ).toEqual([...Array.from({ length: 3 }, () => 'proven'), ...Array.from({ length: 2 }, () => 'refuted')])
  expect(status).toBe(0)
})
