import { expect, it } from 'vitest'

type Size = {
  srcLines: number
  files: number
  medianLines: number
  smallFiles: number
  byFolder: Record<string, { lines: number; files: number }>
}
const { sizeOf, linesOf, growthOf } = (await import(new URL('../../../scripts/size.mjs', import.meta.url).href)) as {
  sizeOf: (sources: readonly { path: string; lines: number }[]) => Size
  linesOf: (text: string) => number
  growthOf: (numstat: string) => Record<string, number>
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
