/**
 * The clock of the network as a picture: the epoch at work with its rounds, and under it, on the same axis, the phases in which
 * the epoch before settles, since that happens during this one. The mark is the head of the chain.
 */
import { duration } from '../../platform/ui/figures.ts'
import { samplingDelaySeconds } from '../../protocol/network-parameters.ts'
import type { NetworkView } from '../network-view.ts'
import { type Html, html } from './html.ts'

const width = 1_000
const left = 96
const right = 8
const barHeight = 22

export function timelinePicture(view: NetworkView): Html {
  const { timeline, currentEpoch, head, rounds } = view
  if (timeline === null || currentEpoch === null)
    return html`<p class="empty">The network has not started: epochs begin when five Checkers are bonded and the owner calls “start”.</p>`
  const { firstEpochAt, epochSeconds, commitSeconds, openSeconds, revealSeconds, finalizeSeconds } = timeline
  const into = Math.min(epochSeconds, Math.max(0, head.timestamp - firstEpochAt - currentEpoch * epochSeconds))
  const x = (seconds: number) => Math.round((left + ((width - left - right) * seconds) / epochSeconds) * 10) / 10
  const phases = [
    ['COMMIT', commitSeconds],
    ['OPEN', openSeconds],
    ['REVEAL', revealSeconds],
    ['FINALIZE', finalizeSeconds],
  ] as const
  let at = 0
  const segments = phases.map(([name, seconds]) => {
    const from = at
    at += seconds
    return { name, from, to: at }
  })
  const all = [...segments, { name: 'PAY', from: at, to: epochSeconds }]
  const now = all.find(({ to }) => into < to)
  const settling = view.epochs.find(({ epoch }) => epoch === currentEpoch - 1)
  const slotSeconds = epochSeconds / view.rules.slots
  const work = html`<g><text class="row" x="0" y="34">Epoch ${currentEpoch}</text>
<rect class="track" x="${left}" y="18" width="${width - left - right}" height="${barHeight}" rx="3"/>
<rect class="done" x="${left}" y="18" width="${Math.max(0, x(into) - left)}" height="${barHeight}" rx="3"/>
${Array.from({ length: Math.min(view.rules.slots, 48) - 1 }, (_, i) => html`<line class="slot" x1="${x((i + 1) * slotSeconds)}" x2="${x((i + 1) * slotSeconds)}" y1="18" y2="${18 + barHeight}"/>`)}
${(rounds ?? []).map(
  ({ timestamp, ordinal, hash }) =>
    html`<g class="round"><circle cx="${x(timestamp - firstEpochAt - currentEpoch * epochSeconds)}" cy="29" r="5"><title>Round ${ordinal}: block ${hash}</title></circle></g>`,
)}</g>`
  const settle =
    settling === undefined
      ? null
      : html`<g><text class="row" x="0" y="70">Epoch ${settling.epoch}</text>
${all.map(({ name, from, to }) => {
  const isNow = name === now?.name && !settling.isPaid
  const room = x(to) - x(from)
  return html`<rect class="phase${isNow && ' now'}${(to <= into || settling.isPaid) && ' past'}" x="${x(from) + 1}" y="54" width="${Math.max(0, room - 2)}" height="${barHeight}" rx="3"><title>${name}: ${from} s to ${to} s</title></rect>${
    room > name.length * 8 + 8 &&
    html`<text class="phase-name${isNow && ' now'}" x="${(x(from) + x(to)) / 2}" y="69" text-anchor="middle">${name}</text>`
  }`
})}</g>`
  const marker = html`<g class="marker"><line x1="${x(into)}" x2="${x(into)}" y1="10" y2="${settling === undefined ? 46 : 82}"/><circle cx="${x(into)}" cy="10" r="3.5"/></g>`
  const delay = samplingDelaySeconds(view.rules)
  const label = `Epoch ${currentEpoch}: ${duration(into)} of ${duration(epochSeconds)}, ${rounds?.length ?? 'unknown'} rounds so far.${
    settling === undefined
      ? ''
      : ` Epoch ${settling.epoch} ${settling.isPaid ? 'is paid' : `is in ${now?.name ?? 'PAY'}`}.`
  }`
  return html`<figure class="clock"><svg viewBox="0 0 ${width} ${settling === undefined ? 50 : 86}" role="img" aria-label="${label}">${work}${settle}${marker}</svg>
<figcaption><span>${duration(into)} of ${duration(epochSeconds)}</span><span>${rounds === null ? 'rounds not read' : `${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'} so far`}</span><span>each: a window of ${view.rules.windowMs / 1000} s, sampled after ${delay} s</span></figcaption></figure>`
}
