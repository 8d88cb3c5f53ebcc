import { tokens } from '../view/figures.ts'
import { type Line, span, type Tone } from '../view/line.ts'
import type { Explanation, ExplanationStep } from './explanation.ts'

const marks: Record<ExplanationStep['state'], { mark: string; tone: Tone }> = {
  done: { mark: '✓', tone: 'good' },
  failed: { mark: '✗', tone: 'bad' },
  waiting: { mark: '·', tone: 'dim' },
  none: { mark: '–', tone: 'dim' },
}

/** An explanation as lines of a terminal. Hashes are whole: they are there to be copied. */
export function explanationLines(explanation: Explanation): Line[] {
  const { device, epoch, operator, payout, cohort, lane, reason, differences } = explanation
  return [
    [span(`Device ${device}`, 'strong')],
    [span(`epoch ${epoch} · cohort ${cohort} · lane ${lane} · operator ${operator} · pays to ${payout}`, 'dim')],
    [],
    ...explanation.steps.flatMap(stepLines),
    [],
    [outcomeSpan(explanation)],
    ...(reason === null
      ? []
      : [
          [span('  Why  '), span(reason.sentence)],
          [span('  Fix  '), span(reason.fix)],
        ]),
    ...differences.map(difference => [span(`! ${difference}`, 'bad')]),
  ]
}

function stepLines({ step, state, summary, lines, transactions, evidence }: ExplanationStep): Line[] {
  const { mark, tone } = marks[state]
  const indent = ' '.repeat(13)
  return [
    [span(`${mark} `, tone), span(step.padEnd(11), 'strong'), span(summary)],
    ...lines.map(line => [span(indent), span(line)]),
    ...[...transactions, ...evidence].map(({ what, hash }) => [span(`${indent}${what} `, 'dim'), span(hash, 'dim')]),
  ]
}

function outcomeSpan({ outcome, amount, transferred, balanced, reason }: Explanation) {
  if (outcome === 'paid')
    return span(
      `Paid ${tokens(amount, 18)} KAI${balanced && amount === transferred ? ', equal to the transfer to the wei.' : '.'}`,
      balanced ? 'good' : 'bad',
    )
  const due = amount > 0n ? ` Due: ${tokens(amount, 18)} KAI.` : ''
  return span(
    `${outcome === 'pending' ? 'Not paid yet' : 'Earned nothing'} [${reason?.code ?? ''}].${due}`,
    outcome === 'pending' ? 'accent' : 'warn',
  )
}
