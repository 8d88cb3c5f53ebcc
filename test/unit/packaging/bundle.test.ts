/** What the bundle must know of the sources: each file that is opened by path, and what a work thread may load. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { ownFile, packageFolder } from '../../../src/core/platform/own-files.ts'

const { entries, assets } = (await import(`${packageFolder}scripts/bundle.mjs`)) as Record<string, string[]>
const source = fileURLToPath(new URL('src/', packageFolder))
const sources = globSync('**/*.ts', { cwd: source })
const read = (path: string) => readFileSync(join(source, path), 'utf8')

it('the folder of the package and its files are found from the sources', () => {
  expect(existsSync(new URL('package.json', packageFolder))).toBe(true)
  expect(existsSync(ownFile('core/job/work-worker'))).toBe(true)
  expect(fileURLToPath(ownFile('core/web/explorer.css'))).toBe(join(source, 'core/web/explorer.css'))
})

it('every script that is started by path has an entry of its own in the bundle', () => {
  const scripts = sources.flatMap(path => [...read(path).matchAll(/ownFile\('([^'.]+)'\)/g)].map(match => match[1]))
  expect(scripts.sort()).toEqual(['core/devices/execution-provider-check', 'core/job/work-worker'])
  for (const script of scripts) expect(entries).toContain(`${script}.ts`)
})

it('the bundle keeps the files that the explorer sends to browsers', () => {
  const sent = [...read('core/web/serve-explorer.ts').matchAll(/asset\('([^']+)'\)/g)].map(([, path]) => path!)
  expect(sent.length).toBeGreaterThan(1)
  expect(globSync(assets!, { cwd: source })).toEqual(expect.arrayContaining(sent.map(path => `core/web/${path}`)))
})

it('no module opens a file by a path relative to itself', () => {
  const relative = sources.filter(path => /new URL\([^)]*import\.meta\.url\)|import\.meta\.dirname/.test(read(path)))
  expect(relative).toEqual(['core/platform/own-files.ts'])
})

it('a work thread loads ONNX Runtime and nothing of the chain', () => {
  const reached = new Set<string>()
  const packages = new Set<string>()
  const visit = (path: string) => {
    if (reached.has(path)) return
    reached.add(path)
    for (const [, name] of read(path).matchAll(/^(?:import|export)(?! type)[^'"]*?from '([^']+)'/gm)) {
      if (name!.startsWith('.')) visit(join(dirname(path), name!))
      else if (!name!.startsWith('node:')) packages.add(name!)
    }
  }
  visit('core/job/work-worker.ts')
  expect(reached.size).toBeGreaterThan(10)
  expect([...packages].sort()).toEqual(['onnxruntime-node'])
})
