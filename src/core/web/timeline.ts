/**
 * The clock of the network as a picture: the epoch at work with its rounds, and under it, on the same axis, the phases in which
 * the epoch before settles, since that happens during this one. The mark is the head of the chain. What lies along the axis is
 * placed in per cent, so that it fits any width and no text is scaled.
 */

import { phaseSpans } from '../network/epoch-progress.ts'
import type { NetworkView } from '../network/network-view.ts'
import { committeeSize } from '../protocol/constants.ts'
import { samplingDelaySeconds } from '../protocol/network-parameters.ts'
import { epochStartsAt } from '../protocol/trigger.ts'
import { counted, duration } from '../view/figures.ts'
import { legend } from './charts.ts'
import { type Html, html } from './html.ts'

const barHeight = 22
/** A name is left out where its phase is shorter than this many per cent a letter; on a phone, than three times as many. */
const percentPerLetter = 0.95

export function timelinePicture(view: NetworkView): Html {
  const { timeline, currentEpoch, head, rounds } = view
  if (timeline === null || currentEpoch === null)
    return html`<p class="empty">The network has not started: epochs begin when ${committeeSize} Checkers are bonded and the owner calls “start”.</p>`
  const { epochSeconds } = timeline
  const startsAt = epochStartsAt(timeline, currentEpoch)
  const into = Math.min(epochSeconds, Math.max(0, head.timestamp - startsAt))
  const percent = (seconds: number) => Math.round((100_00 * seconds) / epochSeconds) / 100
  const x = (seconds: number) => `${percent(seconds)}%`
  const phases = phaseSpans(timeline)
  const now = phases.find(({ to }) => into < to)
  const settling = view.epochs.find(({ epoch }) => epoch === currentEpoch - 1)
  const slotSeconds = epochSeconds / view.rules.slots
  const marker = html`<g class="marker"><line x1="${x(into)}" x2="${x(into)}" y1="4" y2="34"/><circle cx="${x(into)}" cy="4" r="3.5"/></g>`
  const row = (name: string, drawn: Html) =>
    html`<div class="row"><span>${name}</span><svg height="36">${drawn}${marker}</svg></div>`
  const work = row(
    `Epoch ${currentEpoch}`,
    html`<rect class="track" x="0" y="8" width="100%" height="${barHeight}" rx="3"/>
<rect class="done" x="0" y="8" width="${x(into)}" height="${barHeight}" rx="3"/>
${Array.from({ length: Math.min(view.rules.slots, 48) - 1 }, (_, i) => html`<line class="slot" x1="${x((i + 1) * slotSeconds)}" x2="${x((i + 1) * slotSeconds)}" y1="8" y2="${8 + barHeight}"/>`)}
${(rounds ?? []).map(
  ({ timestamp, ordinal, kind, hash }) =>
    html`<g class="round"><circle cx="${x(timestamp - startsAt)}" cy="19" r="${kind === 'beat' ? 2.5 : 5}"><title>Round ${ordinal}, ${kind}: block ${hash}</title></circle></g>`,
)}`,
  )
  const settle =
    settling === undefined
      ? null
      : row(
          `Epoch ${settling.epoch}`,
          html`${phases.map(({ name, from, to }) => {
            const isNow = name === now?.name && !settling.isPaid
            const room = percent(to) - percent(from)
            const needed = name.length * percentPerLetter + 1
            return html`<rect class="phase${isNow && ' now'}${(to <= into || settling.isPaid) && ' past'}" x="${x(from)}" y="8" width="${x(to - from)}" height="${barHeight}" rx="3"><title>${name}: ${from} s to ${to} s</title></rect>${
              room > needed &&
              html`<text class="phase-name${isNow && ' now'}${room <= 3 * needed && ' dense'}" x="${x((from + to) / 2)}" y="23" text-anchor="middle">${name}</text>`
            }`
          })}`,
        )
  const delay = samplingDelaySeconds(view.rules)
  const beats = rounds?.filter(({ kind }) => kind === 'beat').length ?? 0
  const told =
    rounds === null
      ? 'rounds not read'
      : `${counted(rounds.length - beats, 'round')} and ${counted(beats, 'beat')} so far`
  const label = `Epoch ${currentEpoch}: ${duration(into)} of ${duration(epochSeconds)}, ${told}.${
    settling === undefined
      ? ''
      : ` Epoch ${settling.epoch} ${settling.isPaid ? 'is paid' : `is in ${now?.name ?? 'PAY'}`}.`
  }`
  return html`<figure class="clock"><div role="img" aria-label="${label}">${work}${settle}</div>
${marks}
<figcaption><span>${duration(into)} of ${duration(epochSeconds)}</span>${settling !== undefined && html`<span>epoch ${settling.epoch} ${settling.isPaid ? 'is paid' : `settles: ${now?.name ?? 'PAY'}`}</span>`}<span>${told}</span><span>each: a window of ${view.rules.windowMs / 1000} s, sampled after ${delay} s</span></figcaption></figure>`
}

const marks = legend([
  [html`<g class="round"><circle cx="5.5" cy="5.5" r="5"/></g>`, 'round'],
  [html`<g class="round"><circle cx="5.5" cy="5.5" r="2.5"/></g>`, 'beat'],
  [html`<g class="marker"><line x1="5.5" x2="5.5" y1="0" y2="11"/></g>`, 'now'],
  [html`<rect class="done" width="11" height="11" rx="2"/>`, 'past'],
])
