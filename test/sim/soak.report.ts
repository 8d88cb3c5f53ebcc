/**
 * `npm run soak [-- epochs seed]`: the monkey for long, in runs of 25 epochs with seeds that follow each other; one row a run. Not in
 * CI: 200 epochs take about 90 minutes.
 */
import { report as faults } from './faults.report.ts'

const epochsPerRun = 25

export async function* report([epochs = '200', seed = '1']: readonly string[] = []): AsyncGenerator<object> {
  for (let run = 0; run * epochsPerRun < Number(epochs); run++)
    yield* faults([String(Math.min(epochsPerRun, Number(epochs) - run * epochsPerRun)), String(Number(seed) + run)])
}
