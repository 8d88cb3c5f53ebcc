/**
 * `npm run soak [-- epochs seed]`: real processes for long. A flood of a Checker, then the monkey in runs of 25 epochs with seeds that
 * follow each other; one row each. Not in CI: 200 epochs take about two hours.
 */
import { gibibyte } from '../helpers/flood.ts'
import { summarise } from './faults.report.ts'
import { runFlood } from './processes/flood.ts'
import { runProcessMonkey } from './processes/monkey.ts'

const epochsPerRun = 25

export async function* report([epochs = '200', seed = '1']: readonly string[] = []): AsyncGenerator<object> {
  const flood = await runFlood()
  const { bytesTaken, memoryBytes, providers, paid, valid, opened, restarts } = flood
  const isCalm = bytesTaken < gibibyte / 8 && memoryBytes < gibibyte / 4 && opened === 5 && restarts === 0
  yield { part: 'flood', ...flood, ok: isCalm && paid === providers && valid === providers }
  for (let run = 0; run * epochsPerRun < Number(epochs); run++) {
    const options = { seed: Number(seed) + run, epochs: Math.min(epochsPerRun, Number(epochs) - run * epochsPerRun) }
    yield { part: 'monkey', ...summarise(options, await runProcessMonkey(options)) }
  }
}
