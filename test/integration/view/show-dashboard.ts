/** Shows the devnet dashboard of the fixtures until it is quit: what the test in a real terminal runs. */
import { createFactSource, mountDashboard } from '../../../src/core/view/mount-dashboard.ts'
import { networkFrame } from '../../../src/core/view/network-dashboard.ts'
import { networkFacts } from '../../unit/view/dashboard-fixtures.ts'

const source = createFactSource(networkFacts)
const dashboard = mountDashboard({ source, frame: networkFrame }, process)
let blocks = 0n
const ticking = setInterval(() => {
  blocks += 1n
  const { view } = networkFacts
  source.set({ ...networkFacts, view: { ...view, head: { ...view.head, number: 1_234n + blocks } } })
}, 100)
const end = await dashboard.ended
clearInterval(ticking)
process.stdout.write(`dashboard ended: ${end}\n`)
process.exitCode = end === 'interrupted' ? 130 : 0
