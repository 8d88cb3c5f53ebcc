/**
 * The toolkit and the contracts compute the same things from the same constants. The contracts have them in sources that are read here:
 * a constant that was renamed, moved or changed on one side alone fails. So does a figure that is written out where its name belongs.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as constants from '../../../src/core/protocol/constants.ts'
import { flagBit } from '../../../src/core/protocol/verdict.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8')
const here = 'src/core/protocol/constants.ts'
const there = 'contracts/src/libraries/Constants.sol'

/** Every `uint… constant NAME = VALUE;` of a Solidity source; a value may be the name of a constant that is known already. */
function solidityConstants(path: string, known: ReadonlyMap<string, number> = new Map()): Map<string, number> {
  const declarations = read(path).matchAll(/^\s*uint\d+ (?:internal |private |public )?constant (\w+) = ([\w]+);$/gm)
  return new Map(
    [...declarations].map(([, name, value]) => [name!, known.get(value!) ?? Number(value!.replaceAll('_', ''))]),
  )
}

const values = new Map(Object.entries(constants).filter(([, value]) => typeof value === 'number'))
const shared = solidityConstants(there)
/** The name in Solidity that constants.ts gives with each constant, `NAME` or `Library.NAME`, by the name here. */
const namesThere = new Map(
  [...read(here).matchAll(/\/\*\* [^\n]*: `([\w.]+)`\. \*\/\nexport const (\w+) = /g)].map(([, name, own]) => [
    own!,
    name!,
  ]),
)

function valueThere(name: string): number | undefined {
  const [library, inLibrary] = name.split('.')
  if (inLibrary === undefined) return shared.get(name)
  return solidityConstants(`contracts/src/libraries/${library}.sol`, shared).get(inLibrary)
}

describe('constants of the network', () => {
  it('every constant names its counterpart in Solidity, save the one that only daemons use', () => {
    expect([...values.keys()].filter(name => !namesThere.has(name))).toEqual(['receiptEpochs'])
  })

  it('every constant has the value that the contracts have', () => {
    expect([...namesThere].map(([name, solidity]) => [name, valueThere(solidity)])).toEqual(
      [...namesThere.keys()].map(name => [name, values.get(name)]),
    )
  })

  it('every constant of Constants.sol is known here, save what follows from others', () => {
    const known = new Set(namesThere.values())
    expect([...shared.keys()].filter(name => !known.has(name))).toEqual([
      'FULL_COHORT',
      'FLAGS_WORD',
      'ROOT_WORD',
      'JUDGED_BIT',
      'CREDIT_WORDS',
    ])
    expect(shared.get('FULL_COHORT')).toBe(constants.cohortLanes)
    expect(shared.get('FLAGS_WORD')).toBe(2 * constants.rateWords)
    expect(shared.get('ROOT_WORD')).toBe(2 * constants.rateWords + 1)
    expect(2 ** shared.get('JUDGED_BIT')!).toBe(flagBit.judged)
    expect(shared.get('CREDIT_WORDS')).toBe(constants.creditWords)
  })

  it('what is packed fits its words', () => {
    expect(constants.openingWords).toBe(2 * constants.rateWords + 2)
    expect(constants.rateWords * constants.lanesPerWord).toBe(constants.cohortLanes)
    expect(constants.lanesPerWord * constants.laneBits).toBe(256)
    expect(constants.cohortLanes * constants.flagBits).toBe(256)
    expect(constants.creditsPerWord * constants.creditBits).toBeLessThanOrEqual(256)
    expect(Math.ceil(constants.cohortLanes / constants.creditsPerWord)).toBe(constants.creditWords)
  })

  it('the number of kept epochs is a power of two, as their ring slots need', () => {
    expect(Math.log2(constants.keptEpochs) % 1).toBe(0)
  })

  it('docs/contracts.md lists every constant with both names and its value', () => {
    const rows = [...namesThere].map(([name, solidity]) => `| \`${solidity}\` | \`${name}\` | ${values.get(name)} |`)
    const page = read('docs/contracts.md')
    expect(rows.filter(row => !page.includes(row))).toEqual([])
  })
})

/** Ways to write a constant of the network as a figure. */
const figures: readonly RegExp[] = [
  /\blength: (?:3|4|5|64)\b/,
  /[/%] 64n?\b/,
  /\b64n? \* (?!1024)/,
  /& (?:3|8)n?\b/,
  /\bepoch - [345]\b/,
  /=== 0xf\b|[fF]lags === 15\b/,
  /\[0, 1, 2, 3, 4\]/,
  /\bof (?:5|five)\b/i,
  /\b(?:three|four|five) (?:seats|owners|Checkers|different|openings)\b/i,
  /\b64 (?:lanes|devices)\b/,
  /\b(?:seats|checkers|openings|sessions|owners)(?:\.length)? (?:===|!==|>=|<=|<|>) [345]\b/,
  /\b(?:committeeSize|quorum|certainSeats|cohortLanes|keptEpochs) = \d/,
]

/** Lines that match and mean something else. */
const otherFigures: Readonly<Record<string, readonly string[]>> = {
  // Bytes of a word that four rows share.
  'src/core/job/tensor/wgsl-kernel.ts': ['(row & 3)'],
  // The width of a matrix.
  'src/core/job/memory/memory-spec.ts': ['width % 64 !== 0'],
}

describe('a figure of the network is written once', () => {
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
    .map(path => `src/${path}`)
    .filter(path => /\.tsx?$/.test(path) && path !== here)

  it('no source writes out the size of a committee, a quorum, the lanes of a cohort or the number of kept epochs', () => {
    const found = files.flatMap(path =>
      read(path)
        .split('\n')
        .filter(line => figures.some(figure => figure.test(line)))
        .filter(line => !otherFigures[path]?.some(part => line.includes(part)))
        .map(line => `${path}: ${line.trim()}`),
    )
    expect(found).toEqual([])
  })

  it('no exception is left over', () => {
    const unused = Object.entries(otherFigures).flatMap(([path, parts]) => {
      const lines = read(path)
        .split('\n')
        .filter(line => figures.some(figure => figure.test(line)))
      return parts.filter(part => !lines.some(line => line.includes(part))).map(part => `${path}: ${part}`)
    })
    expect(unused).toEqual([])
  })
})
