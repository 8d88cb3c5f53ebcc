import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { explorerErrors } from '../../../src/core/explorer/errors.ts'
import { explainDevice } from '../../../src/core/explorer/explain-device.ts'
import { findPage } from '../../../src/core/explorer/explorer-pages.ts'
import { barChart, niceCeiling } from '../../../src/core/explorer/web/charts.ts'
import { html } from '../../../src/core/explorer/web/html.ts'
import { layout } from '../../../src/core/explorer/web/layout.ts'
import { firstDevice, networkView, secondDevice, simulated } from './network-fixture.ts'

const explain = async (device: string) =>
  explainDevice(simulated.facts, simulated.devices.find(({ id }) => id === device)!, simulated.cohort)
const find = (path: string, view = networkView) => findPage(view, new URL(path, 'http://explorer'), { explain })
async function textOf(path: string, view = networkView) {
  const found = await find(path, view)
  if (found.status === 303) throw new Error(`redirects to ${found.location}`)
  return layout(view, found.page, { now: 1_054, trouble: null }).markup
}

describe('explorer pages', () => {
  it('shows every section, each with one heading and the section marked', async () => {
    for (const path of ['/', '/epochs', '/epoch/1', '/devices', `/device/${firstDevice}`, '/checkers']) {
      const text = await textOf(path)
      expect(text.match(/<h1/g)).toHaveLength(1)
      if (path !== '/') expect(text).toContain('aria-current=')
      expect(text).toContain('href="#content"')
    }
    expect(await textOf('/')).toContain('Epoch 3: 5 s of 16 s, 1 rounds so far. Epoch 2 is paid.')
  })

  it('explains on a device’s page what the command explains', async () => {
    const text = await textOf(`/device/${firstDevice}?epoch=1`)
    expect(text).toContain(`data-wei="${simulated.amounts[0]}"`)
    expect(text).toContain('equal to the transfer to the wei')
    const nothing = await textOf(`/device/${secondDevice}`)
    expect(nothing).toContain('RATE_ZERO')
    expect(nothing).toContain('<b>What to do</b>')
  })

  it('shows a device whose explanation cannot be read', async () => {
    const found = await findPage(networkView, new URL(`http://explorer/device/${firstDevice}`), {
      explain: async () => {
        throw explorerErrors.EXPLORER_HISTORY_INCOMPLETE({ device: firstDevice, epoch: 1 })
      },
    })
    expect(found.status === 200 && found.page.body.markup).toContain('cannot be found out. Use an endpoint')
  })

  it('finds devices, wallets and epochs, and says what it does not find', async () => {
    expect(await find(`/find?q=${firstDevice.slice(0, 8)}`)).toEqual({
      status: 303,
      location: `/device/${firstDevice}`,
    })
    expect(await find('/find?q=2')).toEqual({ status: 303, location: '/epoch/2' })
    expect(await find(`/find?q=0x${'90'.repeat(20)}`)).toEqual({ status: 303, location: '/checkers' })
    expect(await textOf(`/find?q=0x${'80'.repeat(20)}`)).toContain('2 devices')
    expect(await textOf('/find?q=0x1')).toContain('2 devices')
    for (const path of ['/find?q=%3Cscript%3E', '/epoch/99', '/device/0x12', '/nonsense', '/epoch/1/2']) {
      expect((await find(path)).status).toBe(404)
      expect(await textOf(path)).not.toContain('<script>')
    }
  })

  it('escapes what operators write', async () => {
    const endpoint = 'wss://<img src=x onerror="alert(1)">'
    const view = { ...networkView, checkers: networkView.checkers.map(checker => ({ ...checker, endpoint })) }
    expect(await textOf('/checkers', view)).not.toContain('<img')
    expect(html`<a href="${'"><b>'}">${[html`<i>`, "'&"]}${false}${null}${0}</a>`.markup).toBe(
      '<a href="&quot;&gt;&lt;b&gt;"><i>&#39;&amp;0</a>',
    )
  })

  it('is there before anything happened', async () => {
    const empty = {
      ...networkView,
      timeline: null,
      currentEpoch: null,
      rounds: null,
      epochs: [],
      payments: [],
      devices: [],
      checkers: [],
    }
    for (const path of ['/', '/epochs', '/devices', '/checkers'])
      expect(await textOf(path, empty)).toContain('class="empty"')
  })

  it('pages long lists', async () => {
    const devices = Array.from({ length: 120 }, () => networkView.devices[0]!)
    const text = await textOf('/devices?page=3', { ...networkView, devices })
    expect(text.match(/<tr>/g)).toHaveLength(21)
    expect(text).toContain('page 3 of 3')
    expect(await textOf('/devices?page=-7', { ...networkView, devices })).toContain('page 1 of 3')
  })
})

describe('charts', () => {
  it('say in a sentence what they show', () => {
    const chart = barChart(
      [
        { epoch: 4, value: 7n },
        { epoch: 5, value: null },
        { epoch: 6, value: 3n },
      ],
      { title: 'Paid', unit: 'KAI', format: String },
    )
    expect(chart.markup).toContain(
      'aria-label="Paid, epochs 4 to 6. Latest: 3 KAI in epoch 6; most: 7 KAI in epoch 4."',
    )
    expect(chart.markup.match(/<rect/g)).toHaveLength(2)
    expect([0n, 1n, 2n, 3n, 749n, 10n ** 30n + 1n].map(niceCeiling)).toEqual([1n, 1n, 2n, 5n, 1_000n, 2n * 10n ** 30n])
  })
})

describe('colours', () => {
  const css = readFileSync(new URL('../../../src/core/explorer/web/explorer.css', import.meta.url), 'utf8')
  const themes = [...css.matchAll(/:root \{([^}]*--ground[^}]*)\}/g)].map(match =>
    Object.fromEntries(
      [...match[1]!.matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value!]),
    ),
  )
  const luminance = (hex: string) => {
    const [r, g, b] = [1, 3, 5].map(at => {
      const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255
      return channel <= 0.039_28 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const contrast = (a: string, b: string) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x)
    return (light! + 0.05) / (dark! + 0.05)
  }

  it.each([
    ['light', 0],
    ['dark', 1],
  ])('hold WCAG AA in the %s theme', (_, at) => {
    const theme = themes[at as number]!
    for (const ground of ['ground', 'surface'])
      for (const ink of ['ink', 'quiet', 'accent', 'good', 'warn', 'bad'])
        expect(contrast(theme[ink]!, theme[ground]!), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5)
    for (const ink of ['ink', 'good']) expect(contrast(theme[ink]!, theme['accent-soft']!)).toBeGreaterThanOrEqual(4.5)
  })
})
