/**
 * Writes fixtures/reports/bundle-v7.bin, a report on the devnet spec: `npx node test/unit/report/write-bundle.ts`. Not written again once
 * it is released: later releases must go on accepting it, as they do those of the versions before.
 */
import { writeFileSync } from 'node:fs'
import { jobSets } from '../../../src/core/job/jobs.ts'
import { threadClock } from '../../../src/core/job/thread-clock.ts'
import { createWorkCore } from '../../../src/core/job/work-core.ts'
import { bundleHash, encodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { makeReport } from './sample-report.ts'

const core = await createWorkCore({ jobs: jobSets.devnet, provider: 'cpu', threads: 1 }, { clock: threadClock })
await core.kinds.tensor.prepare({ epochSeed: `0x${'e5'.repeat(32)}` })
const bytes = encodeBundle(await makeReport(core, jobSets.devnet))
writeFileSync('fixtures/reports/bundle-v7.bin', bytes)
console.log(bundleHash(bytes), bytes.length)
await core.close()
