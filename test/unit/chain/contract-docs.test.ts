/** What auditors and clients read first: every item of the contracts' interfaces says what it is. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'smol-toml'
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

const page = (path: string) => readFileSync(join(folder, '../../..', path), 'utf8')

it('the campaigns are as long as docs/contracts.md says', () => {
  const config = parse(page('foundry.toml')) as { [key: string]: { runs?: number; depth?: number } } & {
    profile: { deep: { invariant: { runs: number } } }
  }
  const { runs, depth } = config.invariant!
  const own = page('contracts/test/invariants/Siege.t.sol')
  const siege = (name: string) => Number(new RegExp(`forge-config: ${name} = (\\d+)`).exec(own)?.[1])
  const text = page('docs/contracts.md')
  expect(text).toContain(`${config.profile.deep.invariant.runs} × ${depth} actions (${runs} × ${depth} in`)
  const [deep, quick] = ['deep', 'default'].map(
    profile => `${siege(`${profile}.invariant.runs`)} × ${siege(`${profile}.invariant.depth`)}`,
  )
  expect(text).toContain(`${deep} actions (${quick} in`)
})

it('the gas that pages name is that of the snapshot', () => {
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
