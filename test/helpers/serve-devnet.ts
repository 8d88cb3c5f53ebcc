/**
 * A devnet in a process of its own, whose daemons serve metrics: node serve-devnet.ts <folder> <context home>. Says `paid` once its
 * first epoch is, and stops when it is told to.
 */
import { once } from 'node:events'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { startDevnet } from '../../src/core/devnet/start-devnet.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'

const [dataDir, contextHome] = process.argv.slice(2)
const metrics = ['--metrics-port', '0']
const { rounds } = devnetParameters(jobsHash(jobSets.devnet))
const devnet = await startDevnet({
  dataDir: dataDir!,
  contextHome: contextHome!,
  startTimeoutSeconds: 120,
  // Every round is a second of a whole core for each Provider; here nobody counts them.
  parameters: { rounds: { ...rounds, slots: 1 } },
  daemonArgs: { provider: metrics, checker: metrics },
})
await devnet.paidEpochs(1)
process.stdout.write('paid\n')
await once(process, 'SIGTERM')
await devnet.stop()
