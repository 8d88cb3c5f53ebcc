import type { EpochProgress, HeadView, PhaseName } from './dashboard-views.ts'
import { duration, grouped, progressBar } from './figures.ts'
import { type Line, padEnd, type Span, span, spread } from './line.ts'

const settlingPhases = ['COMMIT', 'OPEN', 'REVEAL', 'FINALIZE', 'PAY'] as const satisfies readonly PhaseName[]

/** One line per epoch that is working or settling: where it stands, how long that still takes. */
export function clockLines(epochs: readonly EpochProgress[], columns: number): Line[] {
  const nameWidth = Math.max(0, ...epochs.map(({ epoch }) => `Epoch ${epoch}`.length))
  return epochs.map(progress => {
    const name = span(`${padEnd(`Epoch ${progress.epoch}`, nameWidth)}  `, 'strong')
    const state = progress.phase === 'WORK' ? workSpans(progress, columns) : settlingSpans(progress)
    const note = progress.note === '' ? [] : [span(progress.note, 'dim')]
    return spread([name, ...state], note, columns)
  })
}

function workSpans({ elapsedSeconds, lengthSeconds }: EpochProgress, columns: number): Span[] {
  if (lengthSeconds === null) return [span('WORK', 'good')]
  const barWidth = Math.min(24, Math.max(8, columns - 56))
  return [
    span('WORK  ', 'good'),
    span(progressBar(elapsedSeconds / lengthSeconds, barWidth), 'good'),
    span(`  ${duration(lengthSeconds - elapsedSeconds)} left`),
  ]
}

/** Past phases are ticked, the present one is in brackets: readable without colour. */
function settlingSpans({ phase, elapsedSeconds, lengthSeconds }: EpochProgress): Span[] {
  if (phase === 'PAID') return [span('PAID ✓', 'good')]
  const present = settlingPhases.indexOf(phase as (typeof settlingPhases)[number])
  const steps = settlingPhases.map((name, i) =>
    i < present ? span(`${name}✓ `, 'dim') : i === present ? span(`[${name}] `, 'accent') : span(`${name} `, 'dim'),
  )
  return lengthSeconds === null ? steps : [...steps, span(` ${duration(lengthSeconds - elapsedSeconds)} left`)]
}

/** `block 1,234 · 1 s ago`; a head that has not moved for long is said to be stale. */
export function headSpan({ number, ageSeconds }: HeadView): Span {
  const stale = ageSeconds > 30
  return span(
    `block ${grouped(number)} · ${duration(ageSeconds)} ago${stale ? ' (stale)' : ''}`,
    stale ? 'warn' : 'dim',
  )
}
