import { expect, it } from 'vitest'
import { drain } from '../../../src/core/checker/epoch/settle.ts'
import { createManualClock } from '../../helpers/manual-clock.ts'

const never = new Promise<void>(() => undefined)
const judge = (idle: Promise<void>, log: string[]) => ({
  idle: () => idle,
  stop: async () => void log.push('stopped'),
})

it('draining waits for open rounds, and no longer than they take', async () => {
  const clock = createManualClock()
  const log: string[] = []
  let end = () => {}
  const round = new Promise<void>(resolve => {
    end = resolve
  })
  const settled = Promise.resolve()
  const drained = drain({ drainMs: 20_000 }, { clock, judges: [judge(round, log)], settled })
  await clock.advance(19_999)
  expect(log).toEqual([])
  end()
  await drained
  expect(log).toEqual(['stopped'])
})

it('draining stops what is still open when its time is over', async () => {
  const clock = createManualClock()
  const log: string[] = []
  const judges = [judge(never, log), judge(Promise.resolve(), log)]
  const drained = drain({ drainMs: 20_000 }, { clock, judges, settled: never })
  await clock.advance(20_000)
  await drained
  expect(log).toEqual(['stopped', 'stopped'])
})
