/**
 * Writes the evidence bundles of rounds with memory, and of a round in which the device was busy, to fixtures/reports:
 * `npx node test/unit/report/write-bundles.ts`. What is there is never written again: later releases must go on verifying it as it was.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { type Jobs, jobSets } from '../../../src/core/job/jobs.ts'
import { encodeBusyBundle } from '../../../src/core/report/busy-bundle.ts'
import { bundleHash, type EvidenceBundle, encodeBundle } from '../../../src/core/report/evidence-bundle.ts'
import { signMessage } from '../../../src/core/report/signer.ts'
import { createCountedEngine } from '../../helpers/counted-engine.ts'
import { epochSeed, smallJobs } from '../job/small-spec.ts'
import { fillOf, makeReport, makeWrongPlace, provider, witnessOfReport } from './sample-report.ts'

/** A step a millisecond, by count. */
async function coreOf(jobs: Jobs) {
  const core = await createCountedEngine({ jobs, provider: 'cpu', form: 'u8', threads: 1, witnesses: true }, 1, 1)
  await core.kinds.memory.prepare({ epochSeed, device: fillOf })
  return core
}
const [devnet, small] = [await coreOf(jobSets.devnet), await coreOf(smallJobs)]
const witnessed = async (core: typeof devnet, bundle: EvidenceBundle) =>
  encodeBundle({ ...bundle, witness: await witnessOfReport(core, bundle) })

const memory = await makeReport(devnet, jobSets.devnet, { kind: 'memory' })
const marked = await makeReport(small, smallJobs, { kind: 'memory' })
const beat = await makeReport(devnet, jobSets.devnet, { kind: 'beat' })
const { network, offer } = memory
const { epoch, round } = offer.message
const bundles = {
  v4: await witnessed(devnet, memory),
  'v4-late-mark': await witnessed(small, { ...marked, marks: [null, ...marked.marks!.slice(1)] }),
  'v4-wrong-coordinate': encodeBundle(await makeWrongPlace(devnet, memory)),
  v5: encodeBusyBundle({ network, offer, busy: await signMessage(provider, 'Busy', { epoch, round, ...fillOf }) }),
  v6: await witnessed(devnet, beat),
  v7: encodeBundle(await makeReport(devnet, jobSets.devnet)),
}
for (const [name, bytes] of Object.entries(bundles)) {
  const path = `fixtures/reports/bundle-${name}.bin`
  if (existsSync(path)) continue
  writeFileSync(path, bytes)
  console.log(name, bundleHash(bytes), bytes.length)
}
await Promise.all([devnet.close(), small.close()])
