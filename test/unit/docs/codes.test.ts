/** Every code that kaisar shows is explained: what `kaisar help CODE` and the troubleshooting page are made from. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { verdicts } from '../../../src/core/protocol/verdict.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
type Entries = readonly (readonly [code: string, { readonly meaning: string; readonly fix: string }])[]
const { readErrorCatalogue } = (await import(`${root}scripts/error-catalogue.mjs`)) as {
  readErrorCatalogue: () => Promise<Record<'codes' | 'contracts' | 'faults' | 'reasons', Entries>>
}
const { codes, contracts, faults, reasons } = await readErrorCatalogue()
/** Those that other tests of this process have defined are no codes of ours. */
const explained = new Map([...reasons, ...faults, ...contracts, ...codes].filter(([code]) => !code.startsWith('TEST_')))

/** Words in capitals that are no codes of ours: of Node, of systems, of contracts, of files that are read. */
const foreign = new Set([
  ...['EAI_AGAIN', 'ERR_MODULE_NOT_FOUND', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'],
  ...['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'PCI_BUS_ID', 'ID_LIKE', 'PRETTY_NAME', 'VERSION_ID'],
  ...['DOMAIN_SEPARATOR', 'PAUSE_BOND', 'PAUSE_REGISTER', 'KAISAR_CRASH_POINTS'],
])

describe('the codes that kaisar shows', () => {
  it('are all explained', () => {
    const shown = globSync('src/**/*.{ts,tsx}', { cwd: root }).flatMap(path =>
      [...readFileSync(join(root, path), 'utf8').matchAll(/'([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)'/g)].map(
        ([, code]) => code!,
      ),
    )
    expect(new Set(shown).size).toBeGreaterThan(200)
    expect([...new Set([...shown, ...verdicts])].filter(code => !explained.has(code) && !foreign.has(code))).toEqual([])
  })

  it('are explained in sentences, with something to do', () => {
    expect(reasons.length).toBeGreaterThan(80)
    for (const [code, { meaning, fix }] of [...reasons, ...faults]) {
      expect(meaning, code).toMatch(/^["A-Z].*[.)"]$/s)
      expect(fix, code).toMatch(/^["A-Z].*[.)"]$/s)
      // Of a fix that differs by vendor the general one is taken.
      expect(`${meaning}${fix}`, code).not.toMatch(/[{}]|undefined/)
    }
  })

  it('are understood where no message stands before the explanation, as in `kaisar help CODE`', () => {
    const leansOn = /^(It|Its|They|Their|Them|None|One of them|This is|These|Those|Without (it|them))\b/
    for (const [code, { meaning, fix }] of explained) {
      expect(meaning, code).not.toMatch(leansOn)
      expect(fix, code).not.toMatch(leansOn)
      expect(fix, code).not.toMatch(/\b(named|shown|commands) above\b/)
    }
  })

  it('and are explained once, and still shown', () => {
    const all = reasons.map(([code]) => code)
    expect(all.filter((code, i) => all.indexOf(code) !== i)).toEqual([])
    const others = new Set([...faults, ...contracts, ...codes].map(([code]) => code))
    expect(all.filter(code => others.has(code))).toEqual([])
    const sources = globSync('src/**/*.ts', { cwd: root }).map(path => readFileSync(join(root, path), 'utf8'))
    const text = sources.join('\n')
    expect(all.filter(code => !new RegExp(`\\b${code}\\b`).test(text))).toEqual([])
  })
})
