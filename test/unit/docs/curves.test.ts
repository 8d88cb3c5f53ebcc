/** The curves of the documentation: what they show, and that whoever cannot see them is told. */
import { readFileSync } from 'node:fs'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { describe, expect, it } from 'vitest'
import { charts, curvePictures } from '../../../scripts/pictures/curves.ts'
import { describe as figuresOf } from '../../../scripts/pictures/line-chart.ts'
import { docPages } from '../../helpers/doc-pages.ts'

const names = Object.keys(charts)
const curve = (chart: string, panel: number, name: string) =>
  charts[chart]!.panels[panel]!.curves.find(each => each.name.startsWith(name))!.at

describe('the curves of the documentation', () => {
  it('show what a seat, and five, see of what is left out', () => {
    for (const [panel, samples, guess] of [
      [0, 16, 0],
      [1, 64, 1 / 128],
      [2, 4, 1 / 128],
    ] as const)
      for (const share of [0.01, 0.25]) {
        const miss = (1 - share * (1 - guess)) ** samples
        const silent = 10 * miss ** 3 * (1 - miss) ** 2 + 5 * miss ** 4 * (1 - miss) + miss ** 5
        expect(curve('seen.svg', panel, 'one seat')(share)).toBeCloseTo(1 - miss, 3)
        expect(curve('seen.svg', panel, 'five seats that')(share)).toBeCloseTo(1 - miss ** 5, 3)
        expect(curve('seen.svg', panel, 'five seats, and')(share)).toBeCloseTo(1 - silent, 3)
      }
  })

  it('show what leaving work out is paid, and that silence alone gains, by 0.2% at most', () => {
    const shares = Array.from({ length: 100 }, (_, i) => (i + 1) / 10_000)
    for (const [panel, most] of [0.00205, 0.00025].entries()) {
      expect(Math.max(...shares.map(curve('left-out.svg', panel, 'silent')))).toBeCloseTo(most, 4)
      expect(Math.max(...shares.map(curve('left-out.svg', panel, 'open')))).toBeLessThan(0)
    }
  })

  it('show that no number of broken chains pays with all three rules', () => {
    const walks = Array.from({ length: 60 }, (_, i) => 0.005 * 1.17 ** i)
    const most = (name: string) => Math.max(...walks.map(curve('broken-chains.svg', 0, name)))
    expect(most('all')).toBeLessThan(1.03)
    expect(most('without marks')).toBeGreaterThan(1.25)
    expect(most('neither')).toBeGreaterThan(4.7)
  })

  it('show what left out rounds cost, by kind', () => {
    const at = (name: string) => curve('missed-rounds.svg', 0, name)(0.5)
    expect([at('paused'), at('away')]).toEqual([0.5, 0.25])
    expect(at('memory')).toBeCloseTo(0.25 ** (1 / 3), 3)
    expect(at('tensor')).toBeCloseTo(0.5 ** (1 / 3), 3)
  })

  it.each(Object.entries(curvePictures()))(
    '%s is drawn, has its figures in words, and colours for light and dark',
    (path, svg) => {
      expect(readFileSync(path, 'utf8')).toBe(svg)
      expect(XMLValidator.validate(svg)).toBe(true)
      expect(svg).toContain('prefers-color-scheme: dark')
      expect(svg).not.toMatch(/NaN|Infinity/)
      const { svg: drawn } = new XMLParser({ ignoreAttributes: false }).parse(svg)
      const chart = charts[path.split('/').at(-1)!]!
      expect([drawn.title['#text'], drawn.desc['#text']]).toEqual([chart.title, figuresOf(chart)])
    },
  )

  it.each(names)('%s is on a page, with words in its place', name => {
    const shown = docPages().flatMap(page => [
      ...readFileSync(page, 'utf8').matchAll(
        new RegExp(`!\\[([^\\]]{40,})\\]\\([^)]*${name.replace('.', '\\.')}\\)`, 'g'),
      ),
    ])
    expect(shown.length).toBeGreaterThan(0)
  })
})
