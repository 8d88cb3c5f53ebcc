/** What auditors and clients read first: every item of the contracts' interfaces says what it is. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../../../contracts/src/interfaces', import.meta.url))

it('every function, event, error and type of the interfaces is documented', () => {
  const files = readdirSync(folder)
  expect(files.length).toBeGreaterThan(5)
  const bare = files.flatMap(file => {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n')
    const isItem = (line: string) => /^\s*(function|event|error|struct|enum|interface)\b/.test(line)
    return lines.flatMap((line, i) =>
      isItem(line) && !/^\s*\/\/\/ /.test(lines[i - 1] ?? '') ? [`${file}: ${line.trim()}`] : [],
    )
  })
  expect(bare).toEqual([])
})

it('the gas that pages name is that of the snapshot', () => {
  const page = (path: string) => readFileSync(join(folder, '../../..', path), 'utf8')
  const gas = JSON.parse(page('snapshots/gas.json')) as Record<string, string>
  const said = {
    'docs/contracts.md': [
      ...[
        'finalizeGas',
        'finalizeDepth2Gas',
        'payCohortGas',
        'payGasPerDevice',
        'commitGas',
        'commitFirstGas',
        'rollGas',
      ],
      ...['registerGas', 'withdrawGas', 'pinGas', 'consensusGasPerVerdict', 'consensusGasPerVerdictDepth2'],
      'naiveGasPerVerdict',
    ],
    'docs/scale.md': ['finalizeGas', 'payCohortGas', 'payGasPerDevice'],
  }
  for (const [path, names] of Object.entries(said))
    for (const name of names) expect(page(path), name).toContain(Number(gas[name]).toLocaleString('en-US'))
})
