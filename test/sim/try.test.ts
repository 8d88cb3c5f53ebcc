import { it } from 'vitest'
import { writeFileSync } from 'node:fs'
import { startSimulation } from './virtual/simulation.ts'
import { createAuditor } from './audit-network.ts'
it('tries', async () => {
  for (const run of [1, 2]) {
  const t0 = performance.now()
  const sim = await startSimulation({ seed: 7 })
  const t1 = performance.now()
  try {
  await sim.until(sim.firstEpochAt + 16 * 3 + 1)
  } finally {
  const t2 = performance.now()
  console.log('setup', t1 - t0, 'run', t2 - t1, process.cpuUsage())
  writeFileSync(`/tmp/trace${run}.txt`, sim.trace.join('\n'))
  const counts: Record<string, number> = {}
  for (const { type } of sim.events) counts[type] = (counts[type] ?? 0) + 1
  console.log(counts)
  const auditor = createAuditor(sim)
  await auditor.audit(1)
  const { expected, ...rest } = await auditor.result()
  console.log(rest, expected)
  await sim.close()
  }
  }
}, 200000)
