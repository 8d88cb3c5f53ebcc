import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'

const entry = fileURLToPath(new URL('../../bin/run.js', import.meta.url))

export const rowNames = ['devnet.first-paid-epoch']

/**
 * Seconds from the command to the first paid epoch. `baseline` is what of them is waiting by design: from the moment the network is
 * ready until the first epoch begins, the epoch, and its COMMIT phase. `ratio` is that share: 1 would mean that nothing else took
 * time.
 */
export async function* rows() {
  const { epochSeconds, commitSeconds } = devnetParameters(`0x${'00'.repeat(32)}`).timeline
  const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-bench-'))
  try {
    const startedMs = performance.now()
    const secondsSoFar = () => (performance.now() - startedMs) / 1000
    let value = 0
    let baseline = 0
    const args = ['devnet', 'up', '--epochs', '1', '--json', '--data-dir', dataDir]
    const run = execa(process.execPath, [entry, ...args], {
      env: { XDG_DATA_HOME: dataDir, KAISAR_CONTEXT_HOME: dataDir },
      timeout: 300_000,
    })
    for await (const line of run) {
      const event = JSON.parse(line) as { type: string; time: string; firstEpochAt: number }
      if (event.type === 'devnet.ready')
        baseline = event.firstEpochAt - Date.parse(event.time) / 1000 + epochSeconds + commitSeconds
      if (event.type === 'epoch.paid') value ||= secondsSoFar()
    }
    await run
    yield { name: 'devnet.first-paid-epoch', value, unit: 's', baseline, ratio: baseline / value }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}
