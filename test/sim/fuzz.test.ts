import { expect, it } from 'vitest'
import { runFuzz } from './fuzz.ts'

const seed = Number(process.env.KAISAR_FUZZ_SEED ?? 20_261_129)
const messages = Number(process.env.KAISAR_FUZZ_MESSAGES ?? 20_000)

it('x', async () => {
  const result = await runFuzz({ seed, messages })
  process.stdout.write(`${JSON.stringify(result, (_, v) => (typeof v === 'bigint' ? String(v) : v), 1)}\n`)
  expect(result.findings).toEqual([])
})
