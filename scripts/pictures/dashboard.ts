/**
 * Makes docs/pictures/devnet-dashboard.svg from a real devnet: `npx node scripts/pictures/dashboard.ts` starts one, waits until
 * three epochs are paid and every seat has judged a round, and draws the frame that a terminal of 80×24 shows then.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDevnet } from '../../src/core/devnet/start-devnet.ts'
import type { DaemonEvent } from '../../src/core/view/event-text.ts'
import { emptyLiveState, liveStateAfter } from '../../src/core/view/live-state.ts'
import { networkFrame } from '../../src/core/view/network-dashboard.ts'
import { terminalSvg } from './terminal-svg.ts'

const size = { columns: 80, rows: 24 }
const dataDir = mkdtempSync(join(tmpdir(), 'kaisar-picture-'))
let live = emptyLiveState
const seconds = () => Date.now() / 1000
const devnet = await startDevnet(
  { dataDir },
  {
    onEvent: event => {
      if (event.type === 'daemon.event') live = liveStateAfter(live, event.event as DaemonEvent, seconds())
    },
  },
)
try {
  await devnet.paidEpochs(3)
  const isJudged = () => {
    const [latest] = live.verdicts
    const round = live.verdicts.filter(verdict => verdict.round === latest?.round)
    return round.length === 5 * 2
  }
  while (!isJudged()) await new Promise(resolve => setTimeout(resolve, 50))
  const chain = { view: devnet.view()!, rpcUrl: devnet.rpcUrl, explorerUrl: null }
  const facts = { ...chain, name: 'devnet', now: seconds(), warning: null, live }
  const lines = networkFrame(facts, { ...size, rows: size.rows - 1 })
  const folder = new URL('../../docs/pictures/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL('devnet-dashboard.svg', folder), terminalSvg(lines, { ...size, title: 'The devnet dashboard' }))
} finally {
  await devnet.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
