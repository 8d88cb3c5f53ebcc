/** The documentation site: built from the pages as they are, whole, and read and searched without a network. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import axe from 'axe-core'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { docPages, projectRoot } from '../helpers/doc-pages.ts'
import { openBrowser } from '../helpers/open-browser.ts'

const site = mkdtempSync(join(tmpdir(), 'kaisar-site-'))
afterAll(() => rmSync(site, { recursive: true, force: true }))
beforeAll(async () => {
  await execa(process.execPath, ['scripts/docs-site.mjs', site], { cwd: projectRoot })
})

const files = () => readdirSync(site, { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.html'))
const read = (path: string) => readFileSync(path, 'utf8')

it('has a page for each page of the documentation', () => {
  expect(files()).toHaveLength(docPages().length)
})

it('has no link or picture that leads nowhere, and loads nothing from elsewhere', () => {
  const anchors = new Map(
    files().map(path => [
      join(site, path),
      new Set([...read(join(site, path)).matchAll(/ id="([^"]+)"/g)].map(m => m[1]!)),
    ]),
  )
  const broken: string[] = []
  let checked = 0
  for (const [page] of anchors)
    for (const [, attribute, target] of read(page).matchAll(/ (href|src)="([^"]*)"/g)) {
      const isLoaded = attribute === 'src' || target!.endsWith('.css')
      if (/^[a-z]+:/.test(target!)) {
        if (isLoaded) broken.push(`${page} loads ${target}`)
        continue
      }
      const [path, anchor] = target!.split('#')
      const file = path === '' ? page : resolve(dirname(page), decodeURI(path!))
      checked++
      if (!existsSync(file)) broken.push(`${page}: ${target}`)
      else if (anchor && !anchors.get(file)?.has(decodeURIComponent(anchor)))
        broken.push(`${page}: no anchor ${target}`)
    }
  expect(broken).toEqual([])
  expect(checked).toBeGreaterThan(500)
})

it('shows pictures as pictures: nothing is left that only a program of another site would draw', () => {
  expect(files().filter(path => read(join(site, path)).includes('language-mermaid'))).toEqual([])
})

it('shows every placeholder such as <address> as text: a page has no element that is none of HTML', () => {
  const known = new Set(
    'html head meta title link body script header nav main footer form label input div ul ol li p h1 h2 h3 h4 h5 h6 a strong em code pre blockquote table thead tbody tr th td img br hr del svg'.split(
      ' ',
    ),
  )
  const found = files().flatMap(path =>
    [...read(join(site, path)).matchAll(/<([a-z][\w-]*)/gi)].map(m => `${path}: ${m[0]}`),
  )
  expect(found.filter(each => !known.has(each.split('<')[1]!.toLowerCase()))).toEqual([])
  expect(read(join(site, 'docs/errors.html'))).toContain('--operator &lt;address&gt;')
})

it('finds a term in a browser without a network, leads to its place, and is accessible', async () => {
  const browser = await openBrowser()
  const context = await browser.newContext({ offline: true, viewport: { width: 390, height: 844 } })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(error.message))
  page.on('request', request => request.url().startsWith('file:') || complaints.push(request.url()))
  await page.goto(pathToFileURL(join(site, 'docs/index.html')).href)
  await page.getByRole('searchbox').fill('OPERATOR_REPLACED')
  const results = page.locator('#results a')
  expect(await results.first().textContent()).toBe('Troubleshooting: OPERATOR_REPLACED')
  await results.first().click()
  await page.waitForURL(/errors\.html#operator_replaced$/)
  expect(fileURLToPath(page.url().split('#')[0]!)).toBe(join(site, 'docs/errors.html'))
  await page.getByRole('searchbox').fill('nothinglikethis')
  expect(await page.locator('#results').textContent()).toBe('Nothing found.')
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.goto(pathToFileURL(join(site, 'index.html')).href)
    expect(await page.evaluate('document.scrollingElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
    await page.evaluate(axe.source)
    const { violations } = await page.evaluate<axe.AxeResults>('axe.run(document)')
    expect(
      violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id} at ${target}`)),
      colorScheme,
    ).toEqual([])
  }
  expect(complaints).toEqual([])
  await browser.close()
})
