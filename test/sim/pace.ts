/** How much slower than a quiet machine of two cores this one starts processes now, 1 to 3: phases that a process must be back in stretch with it. */

import { rmSync } from 'node:fs'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import type { Timeline } from '../../src/core/protocol/network-parameters.ts'
import { isolatedHome, runCli } from '../helpers/run-cli.ts'

/** Milliseconds that a command of the daemons takes on a quiet machine to find out that there is no network. */
const quietMs = 700

export async function measurePace(): Promise<number> {
  const home = isolatedHome()
  const startMs = performance.now()
  await runCli(['checker', 'run', '--json', '--payout', `0x${'22'.repeat(20)}`], { env: home.env })
  rmSync(home.path, { recursive: true, force: true })
  return Math.min(3, Math.max(1, (performance.now() - startMs) / quietMs))
}

type Phases = Pick<Timeline, 'commitSeconds' | 'openSeconds' | 'revealSeconds' | 'finalizeSeconds'>

/** A devnet's timetable with these phases, all of it stretched. */
export function stretched(epochSeconds: number, phases: Phases, pace: number) {
  const at = (seconds: number) => Math.round(seconds * pace)
  const timeline = {
    ...devnetParameters(`0x${'00'.repeat(32)}`, at(epochSeconds)).timeline,
    commitSeconds: at(phases.commitSeconds),
    openSeconds: at(phases.openSeconds),
    revealSeconds: at(phases.revealSeconds),
    finalizeSeconds: at(phases.finalizeSeconds),
  }
  return { epochSeconds: at(epochSeconds), parameters: { timeline } }
}
