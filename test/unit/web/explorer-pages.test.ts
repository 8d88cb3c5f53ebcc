import { readFileSync } from 'node:fs'
import type { Hex } from 'viem'
import { describe, expect, it } from 'vitest'
import { laneRateOf } from '../../../src/core/epoch/capacity.ts'
import { encodeRateDown } from '../../../src/core/epoch/minifloat.ts'
import type { LaneOpening } from '../../../src/core/epoch/opening.ts'
import { explainDevice } from '../../../src/core/explain/explain-device.ts'
import { buildNetworkView } from '../../../src/core/network/build-network-view.ts'
import { networkErrors } from '../../../src/core/network/errors.ts'
import type { RoundKindName } from '../../../src/core/protocol/constants.ts'
import type { Verdict } from '../../../src/core/protocol/verdict.ts'
import { tokens } from '../../../src/core/view/figures.ts'
import { barChart, mostColours, niceCeiling } from '../../../src/core/web/charts.ts'
import { findPage } from '../../../src/core/web/explorer-pages.ts'
import { html } from '../../../src/core/web/html.ts'
import { layout, type Page } from '../../../src/core/web/layout.ts'
import { laneOf } from '../../helpers/measures.ts'
import { hex, openingOf, simulateEpoch } from '../network/epoch-simulation.ts'
import { firstDevice, networkReadings, networkView, secondDevice, simulated } from '../network/network-fixture.ts'

const explain = async (device: string) =>
  explainDevice(simulated.facts, simulated.devices.find(({ id }) => id === device)!, simulated.cohort)
const find = (path: string, view = networkView) => findPage(view, new URL(path, 'http://explorer'), { explain })
async function textOf(path: string, view = networkView) {
  const found = await find(path, view)
  if (found.status === 303) throw new Error(`redirects to ${found.location}`)
  return layout(view, found.page, { now: 1_054, trouble: null }).markup
}

const shownRound = (ordinal: number, kind: RoundKindName, figures: Readonly<Record<string, number>>) => ({
  ...{ ordinal, kind, figures, verdict: 'VALID' as Verdict, reason: 'ALL_EQUAL', round: hex(`b${ordinal}`, 32) },
  ...{ commitmentHash: null, evidence: null as Hex | null },
})

/** The page of a device that these seats have judged so, and opened as `lanes` say. */
async function pageOfRounds(
  rounds: readonly (readonly ReturnType<typeof shownRound>[])[],
  lanes: readonly LaneOpening[],
): Promise<string> {
  const { facts, devices, cohort } = simulateEpoch({
    openings: lanes.map(lane => openingOf([lane])),
    standings: [400n],
    facts: {
      rounds: rounds[0]!.map(({ ordinal, kind, round }) => ({ ordinal, kind, hash: round, number: 1n, timestamp: 9 })),
    },
  })
  const seats = cohort.seats.map((seat, i) => ({
    ...seat,
    shown: rounds[i] === undefined ? null : { rounds: rounds[i], beatShare: 30 },
  }))
  const explanation = explainDevice(facts, devices[0]!, { ...cohort, seats })
  const found = await findPage(networkView, new URL(`http://explorer/device/${firstDevice}`), {
    explain: async () => explanation,
  })
  return found.status === 200 ? found.page.body.markup : ''
}

const checkerPath = `/checker/0x${'90'.repeat(20)}`
const walletPath = `/wallet/0x${'80'.repeat(20)}`
const transactionPath = `/transaction/0x${'70'.repeat(32)}`

describe('explorer pages', () => {
  it('adds up what an epoch was for, keepers included', async () => {
    const epoch = networkView.epochs.find(each => each.epoch === 1)!
    const { devicePool, checkerPool, keeperPool, emission } = epoch.money!
    expect(devicePool + checkerPool + keeperPool).toBe(emission)
    const keepers = 3n
    const closed = new Map([
      [1, { paid: epoch.paidToDevices + epoch.paidToCheckers + keepers, txHash: epoch.money!.txHash }],
    ])
    const view = buildNetworkView({ ...networkReadings, history: { ...networkReadings.history, closed } })
    expect(view.epochs.map(({ paidToKeepers }) => paidToKeepers)).toContain(keepers)
    expect(await textOf('/epoch/1', view)).toContain(`title="0.000000000000000003 KAI"`)
    // What nobody said is not guessed.
    expect(epoch.paidToKeepers).toBeNull()
  })

  it('shows what a transaction did, what a wallet got and what a Checker earned, each leading to the others', async () => {
    const transaction = await textOf(transactionPath)
    for (const part of ['paid device', 'paid seat 0 of cohort 2', checkerPath, walletPath])
      expect(transaction).toContain(part)
    const wallet = await textOf(walletPath)
    expect(wallet).toContain(transactionPath)
    expect(wallet).toContain(`data-copy="${walletPath.split('/')[2]}"`)
    expect(await textOf(checkerPath)).toContain(transactionPath)
    expect(await textOf(`/wallet/0x${'60'.repeat(20)}`).catch(() => '')).not.toContain('<h1>Wallet</h1>')
  })

  it('names a device’s model where its Provider said it, and has a page of its devices', async () => {
    const model = 'NVIDIA <H100> 50%/80GB'
    const shown = async (path: string, modelOf?: (device: string) => string | null) => {
      const found = await findPage(networkView, new URL(path, 'http://explorer'), {
        explain,
        ...(modelOf === undefined ? {} : { models: { modelOf } }),
      })
      return { status: found.status, text: found.status === 303 ? '' : found.page.body.markup }
    }
    const ofFirst = (device: string) => (device === firstDevice ? model : null)
    const path = `/model/${encodeURIComponent(model)}`
    const link = `<a href="${path}">NVIDIA &lt;H100&gt; 50%/80GB</a>`
    for (const from of [`/device/${firstDevice}`, '/devices', `/wallet/${networkView.devices[0]!.payout}`])
      expect((await shown(from, ofFirst)).text, from).toContain(link)
    expect((await shown(`/device/${firstDevice}`)).text).toContain('the chain has the hash of its record')

    const { status, text } = await shown(path, ofFirst)
    expect(status).toBe(200)
    expect(text).toContain('<h1>NVIDIA &lt;H100&gt; 50%/80GB</h1>')
    expect(text.match(/href="\/device\/0x/g)).toHaveLength(1)
    expect(text).toContain('<dd>412 to 412</dd>')
    // Both together have earned what each has.
    const both = (await shown(path, () => model)).text
    const earned = networkView.devices.reduce((sum, device) => sum + device.earned, 0n)
    expect(both).toContain(`title="${tokens(earned, 18)} KAI"`)
    expect(both.match(/href="\/device\/0x/g)).toHaveLength(2)
    for (const nowhere of ['/model/H200', '/model/%zz']) expect((await shown(nowhere, ofFirst)).status).toBe(404)
  })

  it('knows a model from then on that a device’s seats show when its page is asked for', async () => {
    const known = new Map<string, string>()
    const models = {
      modelOf: (device: string) => known.get(device) ?? null,
      look: async ({ id }: { readonly id: string }, seats: readonly unknown[]) =>
        void known.set(id, `${seats.length} seats`),
    }
    const status = async (path: string) =>
      (await findPage(networkView, new URL(path, 'http://explorer'), { explain, models })).status
    expect(await status('/model/5%20seats')).toBe(404)
    await status(`/device/${firstDevice}`)
    expect(await status('/model/5%20seats')).toBe(200)
  })

  it('shows the measures that seats have rounds for: in their table, and the medians among the facts', async () => {
    const rounds = [0, 1, 2].map(seat => [
      shownRound(0, 'tensor', { tensor: 40_000 + 1_000 * seat }),
      shownRound(1, 'memory', { bandwidth: 9_000 - seat, resident: 64 }),
      shownRound(2, 'beat', { bandwidth: 9_000, resident: 64 }),
    ])
    const lane = (seat: number) => ({
      rate: laneRateOf({ tensor: 40_000 + 1_000 * seat, bandwidth: 9_000 - seat, resident: 64 }),
      ...{ uptime: 10_000, flags: 15 },
    })
    const text = await pageOfRounds(rounds, [0, 1, 2, 2, 2].map(lane))
    const fact = (title: string) =>
      new RegExp(`<dt><abbr title="[^"]+">${title}</abbr></dt><dd>(.*?) in epoch .*?, median of 3 seats</dd>`).exec(
        text,
      )?.[1]
    expect(['Tensor', 'Bandwidth', 'Memory'].map(fact)).toEqual(['41.0 Gop/s', '8,999 MB/s', '64 MB'])
    const cells = (title: string) =>
      [...text.matchAll(new RegExp(`data-title="${title}" class="number">(.*?)</td>`, 'g'))].map(([, cell]) => cell)
    expect(cells('Tensor')).toEqual(['40.0 Gop/s', '41.0 Gop/s', '42.0 Gop/s', '—', '—'])
    expect(cells('Bandwidth')).toEqual(['9,000 MB/s', '8,999 MB/s', '8,998 MB/s', '—', '—'])
    expect(cells('Memory')).toEqual(['64 MB', '64 MB', '64 MB', '—', '—'])
    // Where no seat shows its rounds there is nothing to say.
    expect(await textOf(`/device/${firstDevice}`)).not.toContain('Tensor</abbr></dt><dd>')
  })

  it('names the rounds in which a device was busy, and what its pause costs', async () => {
    const busy = { verdict: 'BUSY', reason: 'DEVICE_BUSY', evidence: hex('eb', 32) } as const
    const rounds = [
      shownRound(0, 'tensor', { tensor: 40_000 }),
      shownRound(1, 'memory', { bandwidth: 9_000, resident: 64 }),
      shownRound(2, 'beat', { bandwidth: 9_000, resident: 64 }),
      { ...shownRound(3, 'tensor', {}), ...busy },
    ]
    const { rate, ...lane } = laneOf({
      ...{ deviceValid: true, environmentValid: true },
      rounds: rounds.map(round => ({ ...round, detail: '' })),
    })
    const opened = { ...lane, rate: encodeRateDown(rate) }
    const text = await pageOfRounds(
      Array.from({ length: 5 }, () => rounds),
      Array.from({ length: 5 }, () => opened),
    )
    const shown = text.replaceAll(/<button.*?<\/button>|<[^>]+>/g, '')
    // Half of its tensor rounds: it is paid the cube root of a half.
    const presence = (100 * Math.cbrt(1 / 2)).toFixed(2)
    for (const seat of [0, 4]) {
      expect(shown).toContain(`seat ${seat}, round 3, tensor: BUSY DEVICE_BUSY, —, evidence 0xeb`)
      expect(shown).toContain(`seat ${seat}: means 40,000 Mop/s, 9,000 MB/s, 64 MB, 1 of 1 beat, busy in 1 of 3 rounds`)
    }
    expect(shown).toContain(`present for ${presence}%`)
    expect(shown).not.toContain('ANOTHER LANE')
  })

  it('explains each title of a column that is not a word of everybody’s', async () => {
    const everybodys = [
      ...['Began', 'Committed in', 'Earned', 'Endpoint', 'For', 'KAI', 'Model', 'Paid', 'Paid in', 'Resolved in'],
      ...['Set aside', 'State', 'Stays in the vault', 'This wallet', 'To', 'Transaction', 'What'],
    ]
    const paths = ['/', '/epochs', '/epoch/1', '/devices', `/device/${firstDevice}`, '/checkers', checkerPath]
    const texts = await Promise.all([...paths, walletPath, transactionPath].map(path => textOf(path)))
    const titles = texts.flatMap(text =>
      [...text.matchAll(/role="columnheader"[^>]*>(.*?)<\/th>/g)].map(match => match[1]!),
    )
    const explained = titles.filter(title => /^<abbr title="[^"]+">.+<\/abbr>$/.test(title))
    expect(titles.filter(title => !explained.includes(title) && !everybodys.includes(title))).toEqual([])
    expect(explained.length).toBeGreaterThan(30)
  })

  it('says below the clock and the bars what their marks mean', async () => {
    const [clock, bars] = [...(await textOf('/')).matchAll(/<ul class="legend">(.*?)<\/ul>/g)].map(match => match[1]!)
    expect([...clock!.matchAll(/<\/svg> (.*?)<\/li>/g)].map(match => match[1])).toEqual([
      'round',
      'beat',
      'now',
      'past',
    ])
    expect(bars).toContain('fill="var(--c0)"')
    expect(bars).toContain(`href="/device/${firstDevice}"`)
  })

  it('copies each hash and address in a table, and in the lines of an explanation', async () => {
    const [, row] = (await textOf('/devices')).split('<tr role="row">').slice(1)
    const { operator, payout } = networkView.devices[0]!
    for (const value of [firstDevice, operator, payout])
      expect(row).toMatch(new RegExp(`<a href="/\\w+/${value}">.*?</a><button [^>]*data-copy="${value}"`))
    const text = await textOf(`/device/${firstDevice}`)
    const lines = [...text.matchAll(/<pre class="lines"[^>]*>(.*?)<\/pre>/gs)].map(match => match[1]!).join('\n')
    const hashes = [...lines.replaceAll(/<button.*?<\/button>/g, '').matchAll(/0x[0-9a-f]{40,}/g)].map(([hash]) => hash)
    expect(hashes.length).toBeGreaterThan(0)
    expect([...lines.matchAll(/data-copy="(.*?)"/g)].map(match => match[1])).toEqual(hashes)
  })

  it('looks dead where the chain is, and says so once', async () => {
    const { page } = (await find('/')) as { page: Page }
    const at = (now: number, trouble: string | null = null) => layout(networkView, page, { now, trouble }).markup
    expect(at(1_054)).not.toMatch(/pulse dead|class="trouble"/)
    expect(at(1_053 + 200)).toMatch(/pulse dead/)
    expect(at(1_053 + 200)).toContain('The newest block is 3 min 20 s old')
    const refused = at(1_054, 'No endpoint answers.')
    expect(refused).toMatch(/pulse dead/)
    expect(refused.match(/class="trouble"/g)).toHaveLength(1)
    expect(refused.match(/No endpoint answers\./g)).toHaveLength(1)
  })

  it('shows every section, each with one heading and the section marked', async () => {
    const paths = ['/', '/epochs', '/epoch/1', '/devices', `/device/${firstDevice}`, '/checkers', checkerPath]
    for (const path of [...paths, walletPath, transactionPath]) {
      const text = await textOf(path)
      expect(text.match(/<h1/g)).toHaveLength(1)
      if (path !== '/' && paths.includes(path)) expect(text).toContain('aria-current=')
      expect(text).toContain('href="#content"')
    }
    expect(await textOf('/')).toContain('Epoch 3: 5 s of 16 s, 1 round and 0 beats so far. Epoch 2 is paid.')
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
        throw networkErrors.EXPLORER_HISTORY_INCOMPLETE({ device: firstDevice, epoch: 1 })
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
    for (const path of [checkerPath, walletPath, transactionPath])
      expect(await find(`/find?q=${path.split('/')[2]}`)).toEqual({ status: 303, location: path })
    expect(await textOf('/find?q=0x1')).toContain('2 devices')
    for (const path of [
      '/find?q=%3Cscript%3E',
      '/epoch/99',
      '/device/0x12',
      '/nonsense',
      '/epoch/1/2',
      '/wallet/0x12',
      '/transaction/0x12',
      '/checker/0x12',
    ]) {
      expect((await find(path)).status).toBe(404)
      expect(await textOf(path)).not.toContain('<script>')
    }
  })

  it('tells what a transaction did in the sentences of the terminal, with links', async () => {
    const { cohorts } = networkView.epochs.find(epoch => epoch.cohorts.some(({ txHash }) => txHash !== null))!
    expect(await textOf(`/transaction/${cohorts.find(({ txHash }) => txHash !== null)!.txHash}`)).toMatch(
      />cohort \d is final, \d of 5 seats opened</,
    )
    const [owner, txHash] = [networkView.checkers[0]!.operator, `0x${'c0'.repeat(32)}` as const]
    const view = { ...networkView, commitments: [{ epoch: 1, owner, txHash }] }
    expect(await textOf(`/transaction/${txHash}`, view)).toMatch(
      new RegExp(`>Checker <span class="whole"><a href="/checker/${owner}">.*</span> committed to its verdicts<`),
    )
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
    expect(text.match(/<tr /g)).toHaveLength(21)
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
  const css = readFileSync(new URL('../../../src/core/web/explorer.css', import.meta.url), 'utf8')
  const colours = [...css.matchAll(/--([a-z0-7-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)]
  const themes = [2, 3].map(at => Object.fromEntries(colours.map(match => [match[1], match[at]!])))
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
    // What has no text needs 3 : 1.
    for (let colour = 0; colour < mostColours; colour++)
      expect(contrast(theme[`c${colour}`]!, theme.ground!), `c${colour}`).toBeGreaterThanOrEqual(3)
    for (const ink of ['ink', 'good']) expect(contrast(theme[ink]!, theme['accent-soft']!)).toBeGreaterThanOrEqual(4.5)
  })
})
