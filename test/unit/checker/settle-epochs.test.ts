import { expect, it } from 'vitest'
import type { EpochOverview, Phase } from '../../../src/core/chain/epochs.ts'
import type { ConnectedNetwork } from '../../../src/core/chain/network.ts'
import { createSettlement, type Epoch } from '../../../src/core/checker/epoch/settle.ts'

const never = new Promise<void>(() => undefined)

function scene(phases: Record<number, Phase>, changes: Partial<Epoch['seat']> = {}) {
  const done: string[] = []
  const troubles: string[] = []
  const does = (what: string) => async () => void done.push(what)
  const epochs: Epoch[] = Object.keys(phases)
    .map(Number)
    .map(epoch => ({
      duty: { epoch, rounds: { startsAt: 0, epochSeconds: 16 } },
      judge: { idle: does(`idle ${epoch}`) },
      seat: {
        commit: does(`commit ${epoch}`),
        reveal: does(`reveal ${epoch}`),
        sendReceipts: does(`receipts ${epoch}`),
        answerAudits: does(`audits ${epoch}`),
        ...(epoch === 1 ? changes : {}),
      },
    }))
  const settlement = createSettlement({
    network: {} as ConnectedNetwork,
    epochs: () => epochs,
    duties: { keeper: does('keeper') },
    onTrouble: what => troubles.push(what),
    now: () => 16,
    readEpoch: async (_, epoch) => ({ epoch, phase: phases[epoch]! }) as EpochOverview,
  })
  /** A pass, and everything it can do without anybody's answer. */
  const pass = async () => {
    settlement.pass()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { settlement, pass, done, troubles }
}

it('a Checker does for each epoch what its phase asks for, and nothing while it is worked', async () => {
  const { pass, done, settlement } = scene({ 1: 'reveal', 2: 'commit', 3: 'work' })
  await pass()
  await settlement.idle()
  expect(done.sort()).toEqual(['audits 1', 'commit 1', 'commit 2', 'idle 2', 'keeper', 'receipts 1', 'reveal 1'].sort())
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
