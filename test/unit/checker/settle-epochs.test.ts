import { expect, it } from 'vitest'
import type { EpochOverview, Phase } from '../../../src/core/chain/epochs.ts'
import { createSettlement, type Epoch } from '../../../src/core/checker/epoch/settle.ts'

const never = new Promise<void>(() => undefined)

/** Of an epoch of 16 seconds. */
const ofSeconds = { commitAt: 16, openAt: 20, revealAt: 23, finalizeAt: 25, payAt: 27, auditClosesAt: 56 }

function scene(
  phases: Record<number, Phase>,
  changes: Partial<Epoch['seat']> = {},
  { now = (): number => 32, deadlines = ofSeconds } = {},
) {
  const reads: number[] = []
  const done: string[] = []
  const retried: number[] = []
  const troubles: string[] = []
  const does = (what: string) => async () => void done.push(what)
  const epochs: Epoch[] = Object.keys(phases)
    .map(Number)
    .map(epoch => ({
      duty: { epoch, rounds: { startsAt: 0, epochSeconds: 16 } },
      judge: {
        idle: does(`idle ${epoch}`),
        release: (of: number) => void done.push(`release ${of}`),
        retryRecords: () => void retried.push(epoch),
      },
      seat: {
        commit: does(`commit ${epoch}`),
        reveal: does(`reveal ${epoch}`),
        sendReceipts: does(`receipts ${epoch}`),
        answerAudits: does(`audits ${epoch}`),
        ...(epoch === 1 ? changes : {}),
      },
    }))
  const settlement = createSettlement({
    epochs: () => epochs,
    duties: { keeper: does('keeper') },
    onTrouble: what => troubles.push(what),
    now,
    readEpoch: async epoch => {
      reads.push(epoch)
      return { ...deadlines, epoch, phase: phases[epoch]! } as EpochOverview
    },
  })
  /** A pass, and everything it can do without anybody's answer. */
  const pass = async () => {
    settlement.pass()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { settlement, pass, done, retried, troubles, reads }
}

it('a Checker does for each epoch what its phase asks for, and nothing while it is worked', async () => {
  const { pass, done, retried, settlement } = scene({ 1: 'reveal', 2: 'commit', 3: 'work' })
  await pass()
  await settlement.idle()
  const released = ['release 1', 'release 2']
  expect(retried, 'at every block, the epoch that is worked too').toEqual([1, 2, 3])
  expect(done.sort()).toEqual(
    ['audits 1', 'commit 1', 'commit 2', 'idle 2', 'keeper', 'receipts 1', 'reveal 1', ...released].sort(),
  )
  for (const epoch of [1, 2]) expect(done.indexOf(`commit ${epoch}`)).toBeLessThan(done.indexOf(`release ${epoch}`))
})

it('a Provider that takes no receipt delays neither a deadline nor the keeper, and is not asked twice at once', async () => {
  let asked = 0
  const sendReceipts = () => {
    asked++
    return never
  }
  const { pass, done } = scene({ 1: 'reveal', 2: 'commit' }, { sendReceipts })
  await pass()
  await pass()
  expect(asked).toBe(1)
  for (const what of ['reveal 1', 'audits 1', 'commit 2', 'keeper'])
    expect(done.filter(each => each === what)).toHaveLength(2)
})

it('an epoch that fails or waits does not keep another from being settled, and is tried again', async () => {
  let fails = 0
  const commit = async () => {
    fails++
    throw new Error('no')
  }
  const failing = scene({ 1: 'commit', 2: 'commit' }, { commit })
  await failing.pass()
  await failing.pass()
  expect(fails).toBe(2)
  expect(failing.troubles).toEqual(['epoch 1', 'epoch 1'])
  expect(failing.done.filter(what => what === 'commit 2')).toHaveLength(2)

  const waiting = scene({ 1: 'commit', 2: 'commit' }, { commit: () => never })
  await waiting.pass()
  await waiting.pass()
  expect(waiting.done.filter(what => what === 'commit 2')).toHaveLength(2)
})

it('an epoch of a day is read once a minute and when a phase begins, and nobody gets a receipt before COMMIT is closed', async () => {
  const minute = 60
  const deadlines = {
    commitAt: 0,
    openAt: 1_800,
    revealAt: 5_400,
    finalizeAt: 9_000,
    payAt: 12_600,
    auditClosesAt: 20_000,
  }
  let at = 100
  const phases: Record<number, Phase> = { 1: 'commit' }
  const { pass, done, reads } = scene(phases, {}, { now: () => at, deadlines })
  const passAt = async (seconds: number) => {
    at = seconds
    await pass()
  }
  for (let seconds = 100; seconds < 100 + 2 * minute; seconds++) await passAt(seconds)
  expect(reads).toHaveLength(2)
  expect(done.filter(what => what === 'commit 1')).toHaveLength(2)
  expect(done).not.toContain('receipts 1')
  // The last seconds of a phase do not reach into the next one.
  for (let seconds = 1_790; seconds < 1_800; seconds++) await passAt(seconds)
  phases[1] = 'open'
  await passAt(1_800)
  expect(reads).toHaveLength(4)
  await passAt(1_801)
  expect(reads).toHaveLength(4)
  expect(done.filter(what => what === 'receipts 1')).toHaveLength(2)
  phases[1] = 'pay'
  await passAt(30_000)
  for (let seconds = 40_000; seconds < 50_000; seconds += 100) await passAt(seconds)
  expect(reads).toHaveLength(5)
})

it('a time far ahead that was wrong ends the work on no epoch', async () => {
  let nowSeconds = 1_000_000
  const { pass, done, settlement } = scene({ 1: 'commit' }, {}, { now: () => nowSeconds })
  await pass()
  await settlement.idle()
  nowSeconds = 17
  await pass()
  await settlement.idle()
  expect(done.filter(what => what === 'commit 1')).toHaveLength(2)
})

it('a duty for which something has come is done again at once, and after its end where it is under way', async () => {
  const begun: (() => void)[] = []
  const settlement = createSettlement({
    epochs: () => [],
    duties: { keeper: () => new Promise(resolve => begun.push(resolve)) },
    onTrouble: () => undefined,
    now: () => 0,
    readEpoch: () => Promise.reject(new Error('nobody asks')),
  })
  const turn = () => new Promise(resolve => setImmediate(resolve))
  settlement.pass()
  // Openings of many cohorts come at once.
  for (let i = 0; i < 3; i++) settlement.again('keeper')
  await turn()
  expect(begun).toHaveLength(1)
  begun[0]!()
  await turn()
  expect(begun).toHaveLength(2)
  begun[1]!()
  await turn()
  expect(begun).toHaveLength(2)
  settlement.again('keeper')
  await turn()
  expect(begun).toHaveLength(3)
  begun[2]!()
  await settlement.idle()
})
