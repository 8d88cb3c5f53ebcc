import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { analyseTexts } from '../../../src/core/devices/analyse-recording.ts'
import type { ProbedDevice } from '../../../src/core/devices/probed-device.ts'

const folder = new URL('../../../fixtures/gpu/', import.meta.url)
const recordings = ['nvidia', 'kernel', 'amd', 'intel'].flatMap(kind =>
  readdirSync(new URL(kind, folder)).map(name => ({
    name: `${kind}/${name}`,
    vendor: kind === 'kernel' ? name.split('-')[0]! : kind,
    text: readFileSync(new URL(`${kind}/${name}`, folder), 'utf8'),
  })),
)
const analyse = (...texts: string[]) => analyseTexts(texts.map((text, at) => ({ name: `file-${at}`, text })))

/** What in a text is one card's, in the forms that have such a thing: an element, a row, or the lines below a heading. */
const forms = [
  /^\t<gpu[ >][\s\S]*?<\/gpu>\n/gm,
  /^GPU [0-9a-f:.]+\n(?: .*\n|\n)*/gim,
  /^GPU \d+: .*\n(?: {2}MIG .*\n)*/gm,
  /^\d+, .*\n/gm,
]

/** The text with its cards' blocks in another order or number; unchanged where it has fewer than two. */
function changeCards(text: string, change: <T>(cards: readonly T[]) => readonly T[]): string {
  if (/^[[{]\s/.test(text) && !text.startsWith('[ ')) {
    const value = JSON.parse(text)
    const list = value.gpu_data ?? value.device_list ?? (Array.isArray(value) ? value : Object.entries(value))
    if (list.length < 2) return text
    const next = change(list)
    const whole = value.gpu_data ? { gpu_data: next } : Array.isArray(value) ? next : Object.fromEntries(next as [])
    return JSON.stringify(whole, null, 1)
  }
  const follows = (block: RegExpExecArray, at: number, all: readonly RegExpExecArray[]): boolean =>
    at === 0 || block.index === all[at - 1]!.index + all[at - 1]![0].length
  const found = forms.map(form => [...text.matchAll(form)]).find(blocks => blocks.length > 1 && blocks.every(follows))
  if (!found) return text
  const [start, end] = [found[0]!.index, found.at(-1)!.index + found.at(-1)![0].length]
  return text.slice(0, start) + change(found.map(([block]) => block)).join('') + text.slice(end)
}

const lines = (text: string) => text.split('\n')

type Mutation = (text: string, pick: (below: number) => number) => readonly string[]
/** Each gives the texts of one machine: usually one, changed. */
const mutations: Readonly<Record<string, Mutation>> = {
  'cut at a line': (text, pick) => [
    lines(text)
      .slice(0, pick(lines(text).length))
      .join('\n'),
  ],
  'cut inside a line': (text, pick) => [text.slice(0, pick(text.length))],
  'a card’s block dropped': (text, pick) => [changeCards(text, cards => cards.toSpliced(pick(cards.length), 1))],
  'two cards swapped': (text, pick) => [
    changeCards(text, cards => {
      const at = pick(cards.length - 1)
      return cards.with(at, cards[at + 1]!).with(at + 1, cards[at]!)
    }),
  ],
  'a field blanked': (text, pick) => {
    const all = lines(text)
    const at = pick(all.length)
    all[at] = all[at]!.replace(/>[^<>]+<|: "[^"]*"|(?<=\S\s+): \S.*$/, found =>
      found.startsWith('>') ? '><' : found.startsWith(': "') ? ': "N/A"' : ': N/A',
    )
    return [all.join('\n')]
  },
  'lines given twice': (text, pick) => {
    const all = lines(text)
    const at = pick(all.length)
    return [[...all.slice(0, at), ...all.slice(at, at + 3), ...all.slice(at)].join('\n')]
  },
  'another vendor’s tool finds none': (text, pick) => [
    text,
    ['No devices were found\n', 'WARNING: No AMD GPUs specified\n', 'No GPU devices found.\n'][pick(3)]!,
  ],
  'another vendor’s card beside it': (text, pick) => {
    const others = recordings.filter(({ vendor }) => vendor !== recordings.find(each => each.text === text)?.vendor)
    return [text, others[pick(others.length)]!.text]
  },
}

/** What names this card and no other: where it is in a text, the card was there. */
const marksOf = ({ record, uuid, serial }: ProbedDevice): string[] => {
  const bus = record.pciBusId?.slice(5) ?? null
  const marks = [record.identitySource === 'uuid' ? uuid : null, bus, serial && serial.length > 6 ? serial : null]
  return marks.filter(mark => mark !== null).map(mark => mark.toLowerCase())
}

const saysNone = /no devices were found|no amd gpus specified|no gpu devices found|"device_list": \[\]/i
const isKnown = (device: ProbedDevice, among: readonly ProbedDevice[]): boolean =>
  among.some(
    ({ record }) =>
      record.identity === device.record.identity ||
      (record.pciBusId !== null &&
        record.pciBusId === device.record.pciBusId &&
        record.vendor === device.record.vendor),
  )

describe('a recording that was changed', { timeout: 900_000 }, () => {
  it('shows each card that is in it still, or says that not all could be read', () => {
    const changed = fc.tuple(
      fc.constantFrom(...recordings),
      fc.constantFrom(...Object.keys(mutations)),
      fc.array(fc.nat(), { minLength: 4, maxLength: 4 }),
    )
    fc.assert(
      fc.property(changed, ([{ name, text }, mutation, numbers]) => {
        let next = 0
        const texts = mutations[mutation]!(text, below => numbers[next++ % 4]! % Math.max(1, below))
        const [before, after] = [analyse(text), analyse(...texts)]
        const what = `${name}, ${mutation}`
        const here = before.devices.filter(device =>
          marksOf(device).some(mark => texts[0]!.toLowerCase().includes(mark)),
        )
        const all = ['unreadable', 'unknown'].includes(after.state)
          ? []
          : here.filter(({ record }) => record.kind === 'gpu' || record.kind === 'vgpu')
        expect(
          all.filter(device => !isKnown(device, after.devices)).map(({ record }) => record.identity),
          what,
        ).toEqual([])
        if (here.length > 0) expect(after.state, what).not.toBe('absent')
        // Without a word for it nothing is absent, and what could not be read is not well.
        if (!texts.some(each => saysNone.test(each))) expect(after.state, what).not.toBe('absent')
        if (after.devices.length === 0) expect(after.state, what).not.toMatch(/healthy|degraded/)
        if (after.state === 'unreadable') expect(after.faults.length, what).toBeGreaterThan(0)
        expect(new Set(after.devices.map(({ localId }) => localId)).size, what).toBe(after.devices.length)
        // What stands beside it changes nothing of a card.
        if (texts.length === 2)
          for (const device of before.devices.filter(each => marksOf(each).length > 0))
            expect(isKnown(device, after.devices), what).toBe(true)
        if (mutation === 'another vendor’s tool finds none' && before.devices.length > 0)
          expect(after.state, what).toBe(before.state)
        if (mutation === 'two cards swapped') {
          const lasting = (devices: readonly ProbedDevice[]) =>
            devices
              .map(({ record }) => record)
              .filter(({ identitySource }) => identitySource !== 'host-slot')
              .map(({ identity }) => identity)
              .sort()
          expect(lasting(after.devices), what).toEqual(lasting(before.devices))
        }
      }),
      // Some hundreds for every change; KAISAR_MUTANTS asks for more (npm run test:deep -- devices).
      { numRuns: Number(process.env.KAISAR_MUTANTS ?? 500) },
    )
  })
})
