/** The explorer as a user meets it: the built command, a real browser, a real chain. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import axe from 'axe-core'
import { execa } from 'execa'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { getDevices } from '../../src/core/chain/devices.ts'
import { encodeRateDown } from '../../src/core/epoch/minifloat.ts'
import type { Explanation } from '../../src/core/explain/explanation.ts'
import { createNetworkReader } from '../../src/core/network/network-reader.ts'
import { writeContext } from '../../src/core/platform/context.ts'
import { serveExplorer } from '../../src/core/web/serve-explorer.ts'
import { anvilForTests } from '../helpers/anvil.ts'
import { runCliHere } from '../helpers/cli-in-process.ts'
import { networkForTests } from '../helpers/deploy.ts'
import { eventually } from '../helpers/eventually.ts'
import { isFull } from '../helpers/full-runs.ts'
import { openBrowser } from '../helpers/open-browser.ts'
import { playerFor, type SeatView } from '../helpers/play-epochs.ts'
import { cliPath, isolatedHome, runCli } from '../helpers/run-cli.ts'
import { hex, openingOf } from '../unit/network/epoch-simulation.ts'

const home = isolatedHome()
const view: SeatView = ({ seat, epoch }) =>
  openingOf(
    [412n, 655n, 0n].map(rate => ({
      rate: encodeRateDown(rate + BigInt(epoch)),
      uptime: 9_950,
      flags: rate === 0n ? 11 : 15,
    })),
    hex(seat + 1, 32),
  )

let anvil: Awaited<ReturnType<typeof anvilForTests>>
let net: Awaited<ReturnType<typeof networkForTests>>
let player: ReturnType<typeof playerFor>
let browser: Browser
let devices: Awaited<ReturnType<typeof getDevices>>
/** One explorer for whoever only looks at it. */
let explorer: ReturnType<typeof start>
let url: string

beforeAll(async () => {
  anvil = await anvilForTests({ autoImpersonate: true })
  net = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 3 })
  player = playerFor(anvil, net)
  await player.work(0)
  await player.settle(0, view)
  await player.pay(0)
  devices = await getDevices(net.network)
  writeContext(join(home.path, 'data', 'kaisar'), {
    name: 'played',
    chainId: net.network.chainId,
    rpcUrls: [anvil.rpcUrl],
    contracts: { ...net.network.contracts },
    devnet: null,
  })
  explorer = start('chain', 'ui')
  url = String((await explorer.find('explorer.ready')).url)
  browser = await openBrowser()
})
afterAll(async () => {
  await browser?.close()
  explorer?.child.kill('SIGTERM')
  await explorer?.child
  rmSync(home.path, { recursive: true, force: true })
})

/** A long-running command and the events it prints. */
function start(...args: string[]) {
  const child = execa(process.execPath, [cliPath, ...args, '--json'], { env: home.env, reject: false, stdin: 'ignore' })
  const events: ({ type: string } & Record<string, unknown>)[] = []
  createInterface({ input: child.stdout }).on('line', line => events.push(JSON.parse(line)))
  const find = (type: string) =>
    eventually(() => events.find(event => event.type === type) ?? Promise.reject(new Error(type)), 30_000)
  return { child, events, find }
}

/** KAI (wei) of a wallet, over plain JSON-RPC. */
async function balanceOf(wallet: string): Promise<bigint> {
  const call = { to: net.network.contracts.KaisarToken, data: `0x70a08231${wallet.slice(2).padStart(64, '0')}` }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [call, 'latest'] })
  const answer = await fetch(anvil.rpcUrl, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  return BigInt(((await answer.json()) as { result: string }).result)
}

/** Notes whatever a page should not do: errors, refused content, requests to elsewhere. */
function watchPage(page: Page, url: string): string[] {
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(error.message))
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
  page.on('request', request => !request.url().startsWith(url) && complaints.push(request.url()))
  return complaints
}

/** What axe, which the page has, finds wrong with it, by rule and place: contrast, names, roles, order. */
async function inaccessible(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate<axe.AxeResults>(`axe.run(document, { resultTypes: ['violations'] })`)
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary?.split('\n')[1]?.trim()}`,
    ),
  )
}

describe('kaisar chain ui', () => {
  it('shows what was paid, equal to the chain, and stays true while it is open', async () => {
    const { child, find } = start('chain', 'ui')
    const url = String((await find('explorer.ready')).url)
    const page = await browser.newPage()
    const complaints = watchPage(page, url)
    await page.goto(url)
    expect(await page.title()).toBe('Overview · kaisar')

    await page.getByRole('link', { name: 'Devices' }).click()
    await page.locator(`a[href="/device/${devices[0]!.id}"]`).click()
    const amount = page.locator('.outcome .amount')
    const paid = await balanceOf(devices[0]!.payout)
    expect(paid).toBeGreaterThan(0n)
    expect(BigInt((await amount.getAttribute('data-wei'))!)).toBe(paid)
    expect(await page.locator('.outcome').textContent()).toContain('equal to the transfer to the wei')
    expect(await page.locator('.steps > li').count()).toBe(7)

    // The next epoch is paid while the page is open: it follows without being loaded again, and keeps what was opened.
    await page.locator('#step-report summary').click()
    await player.work(1)
    await player.settle(1, view)
    await player.pay(1)
    await eventually(async () => {
      const second = BigInt((await amount.getAttribute('data-wei'))!)
      expect(second).toBe((await balanceOf(devices[0]!.payout)) - paid)
    })
    expect(await page.locator('#step-report details').getAttribute('open')).not.toBeNull()
    expect(await page.locator('#explanation').textContent()).toBe('Epoch 1, explained')

    await page.goto(`${url}/device/${devices[2]!.id}`)
    expect(await page.locator('.outcome').textContent()).toContain('WORK_WRONG')
    await page.getByRole('searchbox').fill(devices[1]!.payout)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${url}/device/${devices[1]!.id}`)
    for (const path of ['/epochs', '/epoch/0', '/checkers']) {
      await page.goto(url + path)
      expect(await page.locator('tbody tr').count()).toBeGreaterThan(0)
    }
    expect(complaints).toEqual([])

    child.kill('SIGINT')
    expect((await child).exitCode).toBe(0)
    await eventually(async () => expect(await page.evaluate('document.documentElement.dataset.live')).toBe('off'))
    await page.close()
  })

  it('is used by keyboard, keeps still where motion is not wanted, and fits a narrow screen', async () => {
    const page = await browser.newPage({ reducedMotion: 'reduce', viewport: { width: 360, height: 740 } })
    await page.goto(`${url}/devices`)
    await eventually(async () => expect(await page.evaluate('document.documentElement.dataset.live')).toBe('on'))
    expect(await page.evaluate(`getComputedStyle(document.querySelector('.pulse')).animationName`)).toBe('none')
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.getAttribute("href")')).toBe(`/device/${devices[0]!.id}`)
    await page.keyboard.press('Enter')
    await page.waitForURL(`${url}/device/${devices[0]!.id}`)
    const unnamed = `[...document.querySelectorAll('a, button, input, svg[role=img], table, [tabindex="0"]')].filter(e =>
      !(e.textContent.trim() || e.getAttribute('aria-label') || document.querySelector('label[for="' + e.id + '"]'))).length`
    expect(await page.evaluate(unnamed)).toBe(0)
    await page.close()
  })

  it('cuts nothing on a phone or a desk and hides nothing from anybody, in either theme', async () => {
    const page = await browser.newPage()
    const complaints = watchPage(page, url)
    const { id, payout } = devices[0]!
    await page.goto(`${url}/device/${id}`)
    const transaction = (await page.locator('a[href^="/transaction/"]').first().getAttribute('href'))!
    const checker = (await page.locator('a[href^="/checker/"]').first().getAttribute('href'))!
    const measures = `({
      cut: Math.max(0, document.scrollingElement.scrollWidth - innerWidth),
      scrolling: [...document.querySelectorAll('.scroll')].filter(box => box.scrollWidth > box.clientWidth).length,
      smallest: Math.min(...[...document.querySelectorAll('svg text')].map(text => text.getBoundingClientRect().height || 99), 99),
    })`
    /**
     * Of each page the phone in one theme and the desk in the other, and of the next page the other way round. axe, which takes a second,
     * looks at one of the two: at two pages on the phone, then at two on the desk. In the deep run at all, in both themes.
     */
    const themes: ('light' | 'dark')[] = ['light', 'dark']
    let pages = 0
    const look = async (path: string, status: number, from = url) => {
      const accessibleAt = Math.floor(pages++ / 2) % 2
      expect((await page.goto(from + path))!.status(), path).toBe(status)
      // Evaluated by the debugger, which the page's content policy does not bind.
      await page.evaluate(axe.source)
      for (const [i, width] of [390, 1280].entries()) {
        await page.setViewportSize({ width, height: 844 })
        for (const colorScheme of isFull ? themes : [themes[i]!]) {
          await page.emulateMedia({ colorScheme })
          const { cut, scrolling, smallest } =
            await page.evaluate<Record<'cut' | 'scrolling' | 'smallest', number>>(measures)
          const where = `${path} at ${width} px`
          expect(cut, where).toBe(0)
          // Text of pictures keeps its size, and tables are stacked on a phone.
          expect(smallest, where).toBeGreaterThanOrEqual(9)
          if (width === 390) expect(scrolling, where).toBe(0)
          if (isFull || i === accessibleAt) expect(await inaccessible(page), `${where}, ${colorScheme}`).toEqual([])
        }
      }
      themes.reverse()
    }
    const lists = ['/', '/epochs', '/devices', '/checkers']
    // The third device earned nothing.
    const single = ['/epoch/0', `/device/${id}`, `/device/${devices[2]!.id}`, checker, transaction, `/wallet/${payout}`]
    for (const path of [...lists, ...single]) await look(path, 200)
    await page.getByRole('searchbox').fill(transaction.split('/')[2]!)
    await page.keyboard.press('Enter')
    await page.waitForURL(url + transaction)
    expect(complaints).toEqual([])
    await look('/epoch/99', 404)

    // Models are told by Providers and shown by seats; on the chain, which is all of this network, are none.
    const named = await serveExplorer(
      {},
      { reader: createNetworkReader(net.network), models: { modelOf: () => 'NVIDIA RTX PRO 6000 Blackwell Max-Q' } },
    )
    onTestFinished(() => named.close())
    await page.goto(`${named.url}/device/${id}`)
    await page.getByRole('link', { name: 'NVIDIA RTX PRO 6000 Blackwell Max-Q' }).click()
    await page.waitForURL(`${named.url}/model/*`)
    expect(await page.locator('h1').textContent()).toBe('NVIDIA RTX PRO 6000 Blackwell Max-Q')
    expect(await page.locator('tbody tr').count()).toBe(3)
    await look(new URL(page.url()).pathname, 200, named.url)
    await page.close()
  })

  it('only reads, and only for this machine', async () => {
    expect(new URL(url).hostname).toBe('127.0.0.1')
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
    const { headers, status } = await fetch(`${url}/device/0x00`)
    expect(status).toBe(404)
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    const rebound = await execa('curl', [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '-H',
      'Host: evil.example',
      url,
    ])
    expect(rebound.stdout).toBe('421')
    const port = new URL(url).port
    const second = await runCli(['chain', 'ui', '--port', port, '--json'], { env: home.env })
    expect(second.exitCode).toBe(3)
    expect(second.json().errors[0]!.code).toBe('EXPLORER_PORT_UNUSABLE')
  })
})

describe('kaisar epoch explain', () => {
  it('accounts for a payment to the wei, in JSON and in words', async () => {
    const { id, payout } = devices[0]!
    const sums = await Promise.all(
      ['0', '1'].map(async epoch => {
        const { json, exitCode } = await runCliHere(['epoch', 'explain', id.slice(0, 12), '--epoch', epoch, '--json'], {
          env: home.env,
        })
        expect(exitCode).toBe(0)
        const { data } = json<Explanation & { amount: string; transferred: string }>()
        expect(data).toMatchObject({ device: id, outcome: 'paid', balanced: true })
        expect(data.amount).toBe(data.transferred)
        return BigInt(data.transferred)
      }),
    )
    expect(sums[0]! + sums[1]!).toBe(await balanceOf(payout))
    const words = await runCli(['epoch', 'explain', devices[2]!.id], { env: home.env })
    expect(words.stdout).toContain('Earned nothing [WORK_WRONG].')
    expect(words.stdout).toContain('Fix')
    expect(words.stdout).not.toContain('\u001b')
  })

  it('says what is wrong with a device or an epoch that is not there', async () => {
    const code = async (...args: string[]) => {
      const { json, exitCode } = await runCliHere(['epoch', 'explain', ...args, '--json'], { env: home.env })
      return [json().errors[0]!.code, exitCode]
    }
    expect(await code('0xdead')).toEqual(['EXPLORER_DEVICE_UNKNOWN', 3])
    expect(await code(devices[0]!.id, '--epoch', '99')).toEqual(['EXPLORER_EPOCH_AHEAD', 2])
  })
})

describe('kaisar chain watch', () => {
  it('tells what happens, event by event', async () => {
    const { child, events, find } = start('chain', 'watch')
    expect(await find('network.seen')).toMatchObject({ devices: 3, checkers: 5 })
    await player.work(2)
    await player.settle(2, view)
    await player.pay(2)
    const paid = await eventually(() => {
      const event = events.find(({ type, epoch }) => type === 'epoch.paid' && epoch === 2)
      return event ?? Promise.reject(new Error('not paid'))
    }, 20_000)
    expect(paid.payments).toHaveLength(3)
    child.kill('SIGINT')
    await child
    expect(events.at(-1)).toMatchObject({ type: 'result', success: true })
  })
})

describe('kaisar chain ui without its chain', () => {
  it('looks dead, says so once, and counts on how old the head is', async () => {
    const page = await browser.newPage()
    // The page's clock: nobody waits for a day. The played chain is some minutes ahead of it.
    await page.clock.install()
    await page.goto(url)
    await eventually(async () => expect(await page.evaluate('document.documentElement.dataset.live')).toBe('on'))
    expect(await page.locator('.pulse.dead').count()).toBe(0)
    await anvil.stop()
    await eventually(async () => expect(await page.locator('.pulse.dead').count()).toBe(1), 30_000)
    expect(await page.locator('.trouble').count()).toBe(1)
    await page.clock.fastForward('20:00:00')
    await eventually(async () => expect(await page.locator('.head time').textContent()).toMatch(/ h /))
    await page.close()
    explorer.child.kill('SIGTERM')
    expect((await explorer.child).exitCode).toBe(0)
  })
})
