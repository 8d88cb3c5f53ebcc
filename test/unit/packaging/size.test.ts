import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

type Size = {
  srcLines: number
  files: number
  medianLines: number
  smallFiles: number
  byFolder: Record<string, { lines: number; files: number }>
}
type Features = Record<string, readonly string[]>
const { sizeOf, linesOf, growthOf, featuresOf, historyOf } = (await import(
  new URL('../../../scripts/size.mjs', import.meta.url).href
)) as {
  sizeOf: (sources: readonly { path: string; lines: number }[]) => Size
  linesOf: (text: string) => number
  growthOf: (numstat: string) => Record<string, number>
  featuresOf: (
    numstat: string,
    features: Features,
  ) => { byFeature: Record<string, number>; byFolder: Record<string, number>; missing: string[] }
  historyOf: (
    log: string,
    features: Features,
  ) => { brought: number; takenAway: number; broughtTo: Record<string, number> }
}

it('sums lines and files by folder, and counts files of 40 lines or fewer as small', () => {
  const sources = [
    { path: 'src/cli.ts', lines: 10 },
    { path: 'src/core/web/browser/live.js', lines: 41 },
    { path: 'src/core/web/html.ts', lines: 40 },
    { path: 'src/commands/chain/info.ts', lines: 100 },
  ]
  expect(sizeOf(sources)).toEqual({
    srcLines: 191,
    files: 4,
    medianLines: 40.5,
    smallFiles: 2,
    byFolder: {
      src: { lines: 10, files: 1 },
      'src/commands/chain': { lines: 100, files: 1 },
      'src/core/web': { lines: 81, files: 2 },
    },
  })
  expect(sizeOf(sources.slice(1)).medianLines).toBe(41)
  expect(sizeOf([])).toEqual({ srcLines: 0, files: 0, medianLines: 0, smallFiles: 0, byFolder: {} })
})

it('counts a last line without a line end, and none in an empty file', () => {
  expect(['', 'a', 'a\n', 'a\nb', '\n\n'].map(linesOf)).toEqual([0, 1, 1, 2, 2])
})

it('counts what folders grew by, a file that moved with its changes alone', () => {
  const numstat = [
    '10\t4\tsrc/core/web/html.ts',
    '3\t1\t',
    'src/core/gpu/host.ts',
    'src/core/devices/host.ts',
    '0\t7\tsrc/cli.ts',
  ]
  expect(growthOf(`${numstat.join('\0')}\0`)).toEqual({ src: -7, 'src/core/devices': 2, 'src/core/web': 6 })
})

it('counts what features brought: the growth of their files, by feature and by folder, and names paths that have none', () => {
  const numstat = [
    '30\t0\tsrc/core/fleet/webhook.ts',
    '7\t2\tsrc/core/fleet/status.ts',
    '9\t4\t',
    'src/core/old.ts',
    'src/commands/fleet/watch.ts',
    '50\t0\tsrc/core/chain/read.ts',
  ].join('\0')
  const fleet = ['src/core/fleet/', 'src/commands/fleet/watch.ts']
  expect(featuresOf(numstat, { fleet, wallets: ['src/core/fleet', 'src/core/wallet/'] })).toEqual({
    byFeature: { fleet: 40, wallets: 0 },
    byFolder: { 'src/commands/fleet': 5, 'src/core/fleet': 35 },
    missing: ['src/core/fleet', 'src/core/wallet/'],
  })
})

it('counts what commits brought to files of no feature, and what others took away from them', () => {
  const commits = [
    // Longer in all, though one file is shorter.
    ['', '\n20\t0\tsrc/core/chain/read.ts', '0\t5\tsrc/cli.ts'],
    // As long as it was where no feature's file counts.
    ['', '\n70\t0\tsrc/core/fleet/status.ts', '3\t3\tsrc/cli.ts'],
    ['', '\n1\t9\t', 'src/core/gpu/host.ts', 'src/core/devices/host.ts', '2\t0\tsrc/cli.ts'],
  ]
  const log = commits.map(parts => `\x01${parts.join('\0')}\0`).join('')
  expect(historyOf(log, { fleet: ['src/core/fleet/'] })).toEqual({
    brought: 15,
    takenAway: 6,
    broughtTo: { src: -5, 'src/core/chain': 20 },
  })
})

it('lists features by files and folders that are there, each once', () => {
  const root = new URL('../../../', import.meta.url)
  const { features } = JSON.parse(readFileSync(new URL('scripts/size-features.json', root), 'utf8')) as {
    features: Record<string, readonly string[]>
  }
  const paths = Object.values(features).flat()
  expect(paths.filter(path => !existsSync(new URL(path, root)))).toEqual([])
  expect(paths.filter(path => paths.some(other => other !== path && other.startsWith(path)))).toEqual([])
  expect(new Set(paths).size).toBe(paths.length)
})
