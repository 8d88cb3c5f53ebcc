/**
 * Pictures of the explorer over a long history: `npx node scripts/pictures/explorer.ts [--all]` plays a network on real contracts
 * and photographs it. With --all every kind of page, for whoever works on the design (x-*.png, not kept).
 */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createNetworkReader } from '../../src/core/network/network-reader.ts'
import { serveExplorer } from '../../src/core/web/serve-explorer.ts'
import { openBrowser } from '../../test/helpers/open-browser.ts'
import { playNetwork } from './play-network.ts'

const folder = fileURLToPath(new URL('../../docs/pictures/', import.meta.url))
mkdirSync(folder, { recursive: true })

const network = await playNetwork({ epochs: 14, devices: 8, secondsIntoLast: 5 })
const explorer = await serveExplorer({}, { reader: createNetworkReader(network.network) })
const { url } = explorer
const browser = await openBrowser()
try {
  const shot = async (path: string, name: string, scheme: 'light' | 'dark', size = { width: 1280, height: 860 }) => {
    const page = await browser.newPage({ viewport: size, colorScheme: scheme, deviceScaleFactor: 1 })
    await page.goto(url + path)
    await page.waitForSelector('main h1')
    await page.screenshot({ path: `${folder}${name}.png`, fullPage: name.startsWith('x-') })
    await page.close()
  }
  await shot('/', 'explorer', 'light')
  await shot('/', 'explorer-dark', 'dark')
  const page = await browser.newPage()
  await page.goto(`${url}/devices`)
  const device = await page.locator('tbody a').first().getAttribute('href')
  await shot(device!, 'explorer-device', 'light', { width: 1280, height: 1240 })
  const phone = { width: 390, height: 844 }
  await shot('/', 'explorer-phone', 'light', phone)
  await shot(device!, 'explorer-device-phone', 'dark', phone)
  if (process.argv.includes('--all')) {
    const epochs = await page.goto(`${url}/epochs`).then(() => page.locator('tbody a').nth(2).getAttribute('href'))
    const devices = await page.goto(`${url}/devices`).then(() => page.locator('tbody a').nth(7).getAttribute('href'))
    for (const [path, name] of [
      ['/epochs', 'x-epochs'],
      [epochs!, 'x-epoch'],
      ['/devices', 'x-devices'],
      ['/checkers', 'x-checkers'],
      [devices!, 'x-nothing'],
      ['/epoch/99', 'x-missing'],
    ])
      await shot(path!, name!, 'light', { width: 1280, height: 900 })
    await shot(device!, 'x-device-dark', 'dark', { width: 1280, height: 900 })
  }
} finally {
  await browser.close()
  await explorer.close()
  await network.stop()
}
