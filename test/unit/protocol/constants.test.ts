/**
 * The toolkit and the contracts compute the same things from the same constants. The contracts have them in sources that are read here:
 * a constant that was renamed, moved or changed on one side alone fails.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import * as constants from '../../../src/core/protocol/constants.ts'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')

/** Every `uint… constant NAME = number or other constant;` of a Solidity source, by name. */
function solidityConstants(path: string): Map<string, number> {
  const values = new Map<string, number>()
  const declaration = /^\s*uint\d* (?:internal |private |public )?constant (\w+) = (\w+);$/gm
  for (const [, name, value] of read(path).matchAll(declaration)) {
    const number = Number(value!.replaceAll('_', ''))
    values.set(name!, Number.isNaN(number) ? (values.get(value!) ?? Number.NaN) : number)
  }
  return values
}

/** What constants.ts says is its name in Solidity, from the sentence above each: `NAME` or `Library.NAME`. */
function namesInSolidity(): Map<string, string> {
  const comment = /\/\*\* [^\n]*: `([\w.]+)`\. \*\/\nexport const (\w+) = /g
  return new Map(
    [...read('src/core/protocol/constants.ts').matchAll(comment)].map(([, solidity, name]) => [name!, solidity!]),
  )
}

describe('constants of the network', () => {
  const shared = solidityConstants('contracts/src/libraries/Constants.sol')

  it('every constant with a name in Solidity has the same value there', () => {
    const names = namesInSolidity()
    expect([...names.keys()].sort()).toEqual(
      [
        'allFlags',
        'certainSeats',
        'cohortLanes',
        'committeeSize',
        'creditBits',
        'creditWords',
        'creditsPerWord',
        'flagBits',
        'frozenEpochs',
        'fullUptime',
        'keptEpochs',
        'laneBits',
        'lanesPerWord',
        'maxRateLane',
        'openingWords',
        'quorum',
        'rateWords',
      ].sort(),
    )
    for (const [name, solidity] of names) {
      const [library, inLibrary] = solidity.split('.')
      const value =
        inLibrary === undefined
          ? shared.get(solidity)
          : // A library may take its figure from the shared constants.
            new Map([...shared, ...solidityOf(library!)]).get(inLibrary)
      expect({ [name]: value }).toEqual({ [name]: constants[name as keyof typeof constants] })
    }
  })

  it('the words of an opening are rates, as many uptimes, flags, evidence root', () => {
    expect(shared.get('FLAGS_WORD')).toBe(2 * constants.rateWords)
    expect(shared.get('ROOT_WORD')).toBe(2 * constants.rateWords + 1)
    expect(constants.openingWords).toBe(2 * constants.rateWords + 2)
  })

  it('what is packed fits its words exactly', () => {
    expect(constants.rateWords * constants.lanesPerWord).toBe(constants.cohortLanes)
    expect(constants.lanesPerWord * constants.laneBits).toBe(256)
    expect(constants.cohortLanes * constants.flagBits).toBe(256)
    expect(constants.creditsPerWord * constants.creditBits).toBeLessThanOrEqual(256)
    expect(Math.ceil(constants.cohortLanes / constants.creditsPerWord)).toBe(constants.creditWords)
  })

  it('the chain keeps a number of epochs that is a power of two, as its ring slots need', () => {
    expect(Math.log2(constants.keptEpochs) % 1).toBe(0)
  })

  it('docs/contracts.md lists the constants with their values', () => {
    const rows = [...namesInSolidity()].map(
      ([name, solidity]) => `| \`${solidity}\` | \`${name}\` | ${constants[name as keyof typeof constants]} |`,
    )
    const page = read('docs/contracts.md')
    expect(rows.filter(row => !page.includes(row))).toEqual([])
  })

  function solidityOf(library: string): Map<string, number> {
    const text = read(`contracts/src/libraries/${library}.sol`)
    const values = new Map<string, number>()
    for (const [, name, value] of text.matchAll(/^ {4}uint256 (?:internal|private) constant (\w+) = (\w+);$/gm))
      values.set(name!, shared.get(value!) ?? Number(value))
    return values
  }
})
