import { expect, it } from 'vitest'
import { createProgress } from '../../../src/core/platform/progress.ts'

function record(isTTY: boolean) {
  let time = 0
  const written: string[] = []
  const output = { isTTY, columns: 60, write: (text: string) => written.push(text) }
  const progress = createProgress({ title: 'Model', total: 8 }, { output, nowMs: () => (time += 100) })
  return { progress, written }
}

it('prints a line per quarter in a pipe', () => {
  const { progress, written } = record(false)
  for (let done = 1; done <= 8; done++) progress.update(done)
  progress.finish()
  expect(written).toEqual(['Model …\n', 'Model: 25%\n', 'Model: 50%\n', 'Model: 75%\n', 'Model: done (0.1 s)\n'])
})

it('redraws one line on a terminal, never wider than it', () => {
  const { progress, written } = record(true)
  progress.update(4, 'a note that is far too long for the sixty columns of this terminal')
  progress.finish('8 layers')
  expect(written[0]).toMatch(/^\rModel █{12}░{12} 4\/8 {2}a note/)
  expect(written[0]!.replace('\r', '').replace('\u001b[K', '').length).toBeLessThan(60)
  expect(written[1]).toContain('\r\u001b[KModel: 8 layers (')
})
