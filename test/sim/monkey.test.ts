import { expect, it } from 'vitest'
import { runMonkey } from './monkey.ts'

const seed = Number(process.env.KAISAR_MONKEY_SEED ?? 20_261_122)

it(`six epochs under a seeded monkey end as the oracle says (seed ${seed}, KAISAR_MONKEY_SEED repeats it)`, async () => {
  const { injected, byKind, audit } = await runMonkey({ seed, epochs: 6 })
  process.stdout.write(`monkey ${JSON.stringify({ seed, injected, byKind, absent: audit.absent })}\n`)
  expect(audit).toMatchObject({ lost: [], absent: [], doubled: [], honestFailed: [], mispaid: [] })
  expect(injected).toBeGreaterThanOrEqual(40)
})
