/** Shows the devnet dashboard of the fixtures until it is quit: what the test in a real terminal runs. */
import { DevnetDashboard } from '../../../src/core/view/dashboards.ts'
import { createViewSource, mountDashboard } from '../../../src/core/view/mount-dashboard.ts'
import { devnetView } from '../../unit/view/dashboard-fixtures.ts'

const source = createViewSource(devnetView)
const dashboard = mountDashboard({ source, component: DevnetDashboard }, process)
let blocks = 0n
const ticking = setInterval(() => {
  blocks += 1n
  source.set({ ...devnetView, head: { number: 1_234n + blocks, ageSeconds: 0 } })
}, 100)
const end = await dashboard.ended
clearInterval(ticking)
process.stdout.write(`dashboard ended: ${end}\n`)
process.exitCode = end === 'interrupted' ? 130 : 0
