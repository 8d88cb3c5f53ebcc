/** Who signs two things loses stake: the daemons that hold both send them to the chain, once. */
import { keccak256, numberToHex, toHex } from 'viem'
import { afterAll, expect, it } from 'vitest'
import { committeeOf, getChecker } from '../../../src/core/chain/checkers.ts'
import { cohortMembers, getDevice } from '../../../src/core/chain/devices.ts'
import type { TransactionSender } from '../../../src/core/chain/tx/transaction-sender.ts'
import { createCheckerJournal } from '../../../src/core/checker/journal.ts'
import { checkerMigrations } from '../../../src/core/checker/journal-tables.ts'
import { createEquivocationReports } from '../../../src/core/checker/report-equivocation.ts'
import { turnSeconds } from '../../../src/core/epoch/keeper-times.ts'
import { openStore } from '../../../src/core/platform/store.ts'
import { createProviderJournal, providerMigrations } from '../../../src/core/provider/journal.ts'
import { reportFalseReceipts } from '../../../src/core/provider/report-false-receipts.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { networkForTests, testAccount } from '../../helpers/deploy.ts'
import { playerFor } from '../../helpers/play-epochs.ts'
import { senderForTests } from '../../helpers/sender.ts'
import { silentLogger } from '../../helpers/silent-logger.ts'

const ends: (() => Promise<void>)[] = []
afterAll(() => Promise.all(ends.map(end => end())))

const anvil = await anvilForTests({ autoImpersonate: true })
const net = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 2 })
const { network, checkers } = net
const player = playerFor(anvil, net)
const senderOf = (role: 'checker' | 'operator', i: number) => {
  const { sender } = senderForTests(network.chain, testAccount(role, i))
  ends.push(sender.stop)
  return sender
}
const signerOf = (role: 'checker' | 'operator', i: number) =>
  createSigner({ privateKey: keccak256(toHex(`kaisar/test/${role}/${i}`)), network })
const hash = (n: number) => numberToHex(n, { size: 32 })

it('a seat whose receipt contradicts its opening loses stake, and no other seat does', async () => {
  await player.work(0)
  const lane = { rate: 1000, uptime: 10_000, flags: 15 }
  const seats = (await committeeOf(network, 0, 0))!
  await player.settle(0, () => ({ lanes: [lane, lane], evidenceRoot: hash(1) }))

  const journal = createProviderJournal(openStore({ path: ':memory:', migrations: providerMigrations }))
  const [device] = await cohortMembers(network, 0, 0)
  for (const [i, checker] of checkers.entries()) {
    const said = { ...lane, rate: i === 2 ? lane.rate - 1 : lane.rate }
    const about = { epoch: 0n, cohort: 0, lane: 0, deviceId: device!.id, generation: device!.generation }
    journal.recordReceipt(checker, await signMessage(signerOf('checker', i), 'Receipt', { ...about, ...said }), null)
  }
  expect(seats).toContain(checkers[2])
  const bonds = async () => Promise.all(checkers.map(async owner => (await getChecker(network, owner))!.bond))
  const before = await bonds()
  const sender = senderOf('operator', 0)
  const waitsMs: number[] = []
  const clock = { sleep: async (ms: number) => void waitsMs.push(ms) }
  const about = { epoch: 0, deviceIds: [device!.id] }
  const report = (by = sender) => reportFalseReceipts(about, { network, journal, sender: by, clock, log: silentLogger })
  expect(await report()).toEqual([checkers[2]])
  await sender.outcome(`false-receipt/0/0/${checkers[2]}/0`)
  const after = await bonds()
  expect(after[2]).toBeLessThan(before[2]!)
  for (const honest of [0, 1, 3, 4]) expect(after[honest]).toBe(before[honest])
  // Looked at again, also by another device's owner, whose turn is later: an offence costs once.
  await report()
  const later = senderOf('operator', 1)
  await report(later)
  await Promise.all([sender.pass(), later.pass()])
  expect(waitsMs).toEqual([0, 0, 1_000 * turnSeconds(1, net.parameters.timeline.epochSeconds)])
  expect(await bonds()).toEqual(after)
})

it('of five seats that hold the same proof one sends it at once, and each other one a turn later while it is not punished', async () => {
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: checkerMigrations }))
  const [device] = await cohortMembers(network, 0, 0)
  const { id: deviceId, generation } = device!
  const about = { epoch: 0n, round: hash(6), deviceId, specHash: hash(8), root: hash(9), environmentHash: hash(10) }
  const sign = (rows: bigint) => signMessage(signerOf('operator', 0), 'Commitment', { ...about, generation, rows })
  journal.recordContradiction(await sign(1n), await sign(2n))
  let time = 1_000
  const sent: string[] = []
  const reports = checkers.map(address => {
    const open = new Set<string>()
    const sender = {
      address,
      isOpen: (key: string) => open.has(key),
      enqueue({ key }: { key: string }) {
        open.add(key)
        sent.push(address)
      },
    } as unknown as TransactionSender
    const devices = [{ deviceId, generation, operator: checkers[0]!, cohort: 0, lane: 0 }]
    const epochs = { of: () => ({ duty: { devices, committees: new Map([[0, checkers]]) } }) }
    return createEquivocationReports({ network, journal, sender, log: silentLogger, epochs, now: () => time })
  })
  const pass = async () => {
    for (const report of reports) await report()
    return sent.length
  }
  expect([await pass(), await pass()]).toEqual([1, 1])
  const turn = turnSeconds(1, net.parameters.timeline.epochSeconds)
  time += turn - 1
  expect(await pass()).toBe(1)
  time += 1
  expect(await pass()).toBe(2)
  for (const senders of [3, 4, 5]) {
    time += turn
    expect(await pass()).toBe(senders)
  }
  expect(new Set(sent)).toEqual(new Set(checkers))
})

it('a device that signed two commitments for a round loses its deposit once, and no later deposit', async () => {
  const journal = createCheckerJournal(openStore({ path: ':memory:', migrations: checkerMigrations }))
  const [, device] = await cohortMembers(network, 0, 0)
  const { id: deviceId, generation } = device!
  const about = { epoch: 0n, round: hash(7), deviceId, specHash: hash(8), root: hash(9), environmentHash: hash(10) }
  const signed = (rows: bigint, of: number) =>
    signMessage(signerOf('operator', 0), 'Commitment', { ...about, generation: of, rows })
  journal.recordContradiction(await signed(1n, generation), await signed(2n, generation))

  const sender = senderOf('checker', 0)
  const alone = { network, log: silentLogger, epochs: { of: () => null }, now: () => 0 }
  const report = createEquivocationReports({ ...alone, journal, sender })
  expect((await getDevice(network, deviceId))!.deposit).toBeGreaterThan(0n)
  await report()
  await sender.outcome(`equivocation/${hash(7)}/${deviceId}`)
  expect((await getDevice(network, deviceId))?.deposit).toBe(0n)
  await report()
  expect(sender.open().filter(({ state }) => state !== 'mined')).toEqual([])

  // Of a registration that is not there any more, nothing is sent.
  const old = createCheckerJournal(openStore({ path: ':memory:', migrations: checkerMigrations }))
  const [other] = await cohortMembers(network, 0, 0)
  const past = { ...about, deviceId: other!.id, generation: other!.generation + 1 }
  const sign = (rows: bigint) => signMessage(signerOf('operator', 0), 'Commitment', { ...past, rows })
  old.recordContradiction(await sign(1n), await sign(2n))
  const idle = senderOf('checker', 1)
  await createEquivocationReports({ ...alone, journal: old, sender: idle })()
  expect(idle.open()).toEqual([])
})
