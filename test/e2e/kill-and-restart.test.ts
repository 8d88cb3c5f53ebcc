/** Real processes of a devnet fall and are brought back, as an init system would: epochs are judged and paid as the oracle says. */
import { afterAll, expect, it } from 'vitest'
import { devnetParameters } from '../../src/core/chain/network-presets.ts'
import { jobSets, jobsHash } from '../../src/core/job/jobs.ts'
import { createAuditor } from '../sim/audit-network.ts'
import { startFaultyDevnet } from '../sim/processes/faulty-devnet.ts'

// A round of each kind an epoch is enough to fall in, and the second comes when who fell in the first is back and has its memory filled: the
// chain waits for that once no round is open. With two beats that is 8 s after the first began at the latest; a third could last until the
// second is due.
const epochSeconds = 24
const { rounds: usual } = devnetParameters(jobsHash(jobSets.devnet), epochSeconds)
const rounds = { ...usual, beats: 2, refractorySeconds: 10 }
const faulty = await startFaultyDevnet({ providers: 1, epochSeconds, parameters: { rounds } })
afterAll(() => faulty.close())

it('a Checker and a Provider that end between recording and saying come back by themselves, and the next epoch is paid', async () => {
  const { devnet, restarts } = faulty
  // One of each; every other point is in crash-points.test.ts, on virtual time.
  faulty.arm(['provider.commitment-recorded', 'checker.verdict-recorded'])
  const epochs = await devnet.paidEpochs(2)
  expect(faulty.armed(), 'points that nobody came to').toEqual([])
  const fallen = devnet.roles.filter(({ name }) => restarts.has(name))
  expect(fallen.map(({ kind }) => kind).sort()).toEqual(['checker', 'provider'])
  expect([...restarts.values()]).toEqual([1, 1])
  const { payout } = devnet.roles.find(({ kind }) => kind === 'provider')!
  expect(epochs[1]!.payments).toMatchObject([{ payout }])
  const auditor = createAuditor({ ...devnet, dataDir: faulty.dataDir })
  await auditor.audit(1)
  expect(await auditor.result()).toMatchObject({ lost: [], doubled: [], honestFailed: [], mispaid: [] })
})
