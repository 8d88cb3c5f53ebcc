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
const { sizeOf, linesOf, growthOf, featuresOf } = (await import(
  new URL('../../../scripts/size.mjs', import.meta.url).href
)) as {
  sizeOf: (sources: readonly { path: string; lines: number }[]) => Size
  linesOf: (text: string) => number
  growthOf: (numstat: string) => Record<string, number>
  featuresOf: (
    numstat: string,
    features: Features,
  ) => { byFeature: Record<string, number>; byFolder: Record<string, number>; missing: string[] }
}
const { keptLines } = (await import(new URL('../../../scripts/kept-lines.mjs', import.meta.url).href)) as {
  keptLines: (
    sources: readonly { path: string; text: string }[],
    log: string,
  ) => Map<string, { kept: number; lines: number }>
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

it('follows lines of an earlier commit that are kept, rewritten in their place or moved, and counts all others as added', () => {
  const sources = [
    { path: 'src/a.ts', text: 'one\ntwo\nthree\nfour\n' },
    { path: 'src/b.ts', text: 'five\nsix\nseven\n' },
  ]
  const first = [
    'diff --git a/src/a.ts b/src/a.ts\n--- a/src/a.ts\n+++ b/src/a.ts',
    // One line is rewritten and one added in its hunk; another goes to a new file, and a new one stands behind the last.
    '@@ -1 +1,2 @@\n-one\n+ONE\n+more\n@@ -3 +3,0 @@\n-three\n@@ -4,0 +5 @@\n+last',
    'diff --git a/src/c.ts b/src/c.ts\nnew file mode 100644\n--- /dev/null\n+++ b/src/c.ts\n@@ -0,0 +1,2 @@\n+  three\n+fresh\n',
  ]
  const second = [
    'diff --git a/src/b.ts b/src/d.ts\nsimilarity index 66%\nrename from src/b.ts\nrename to src/d.ts\n--- a/src/b.ts\n+++ b/src/d.ts',
    '@@ -2 +1,0 @@\n-six\ndiff --git a/src/c.ts b/src/c.ts\ndeleted file mode 100644\n--- a/src/c.ts\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-  three\n-fresh\n',
  ]
  const log = [first, second].map(parts => `\x01\n\n${parts.join('\n')}`).join('')
  expect(Object.fromEntries(keptLines(sources, log))).toEqual({
    'src/a.ts': { kept: 3, lines: 5 },
    'src/d.ts': { kept: 2, lines: 2 },
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
