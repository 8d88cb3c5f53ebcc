import { readdirSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  defineErrors,
  errorCatalogue,
  isKaisarError,
  KaisarError,
  refusalFix,
} from '../../../src/core/platform/errors.ts'

const source = fileURLToPath(new URL('../../../src/', import.meta.url))
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter(path => /(^|-)errors\.ts$/.test(basename(path)) && !path.endsWith('platform/errors.ts'))
  .sort()

/** The codes each file declares. */
const declared: { file: string; code: string }[] = []
for (const file of files) {
  const exported: Record<string, unknown> = await import(`${source}${file}`)
  for (const factories of Object.values(exported)) {
    if (typeof factories !== 'object' || factories === null) continue
    for (const code of Object.keys(factories)) if (errorCatalogue.has(code)) declared.push({ file, code })
  }
}
/** But those that tests of the same process define for themselves. */
const catalogued = [...errorCatalogue.keys()].filter(code => !code.startsWith('TEST_'))

describe('an error', () => {
  const errors = defineErrors({
    TEST_PLAIN: { message: () => 'It happened.', meaning: 'Because.', fix: 'Do this.' },
    TEST_FULL: { message: ({ who }: { who: string }) => `${who} did it.`, meaning: 'Why.', fix: 'Fix.', exit: 3 },
  })

  it('an error carries its code, text, exit code, context and cause', () => {
    const cause = new Error('deeper')
    const error = errors.TEST_FULL({ who: 'Nobody', cause })
    expect(error).toBeInstanceOf(KaisarError)
    expect(error).toMatchObject({
      code: 'TEST_FULL',
      message: 'Nobody did it.',
      meaning: 'Why.',
      fix: 'Fix.',
      exit: 3,
      context: { who: 'Nobody' },
      help: 'kaisar help TEST_FULL',
    })
    expect(error.cause).toBe(cause)
    expect(errors.TEST_PLAIN()).toMatchObject({ exit: 1, context: {} })
  })

  it('a refusal between peers has a code and a sentence, and no fix of its own', () => {
    const { TEST_REFUSED } = defineErrors({
      TEST_REFUSED: { message: () => 'Not taken.', meaning: 'It came twice.', refusal: true },
    })
    expect(TEST_REFUSED()).toMatchObject({ code: 'TEST_REFUSED', message: 'Not taken.', fix: refusalFix, exit: 1 })
    expect(errorCatalogue.get('TEST_REFUSED')!.isRefusal).toBe(true)
    expect(errorCatalogue.get('TEST_FULL')!.isRefusal).toBe(false)
  })

  it('an error is recognised by its class and code', () => {
    expect(isKaisarError(errors.TEST_PLAIN())).toBe(true)
    expect(isKaisarError(errors.TEST_PLAIN(), 'TEST_PLAIN')).toBe(true)
    expect(isKaisarError(errors.TEST_PLAIN(), 'TEST_FULL')).toBe(false)
    expect(isKaisarError(new Error('TEST_PLAIN'))).toBe(false)
  })
})

describe('the catalogue', () => {
  it('each code is declared in one place', () => {
    const places = Map.groupBy(declared, ({ code }) => code)
    const twice = [...places]
      .filter(([, all]) => all.length > 1)
      .map(([code, all]) => [code, all.map(({ file }) => file)])
    expect(twice).toEqual([])
  })

  it('the catalogue holds no error that its file does not export', () => {
    const codes = new Set(declared.map(({ code }) => code))
    expect(catalogued.filter(code => !codes.has(code))).toEqual([])
  })

  it('each error is explained in sentences', () => {
    expect(declared.length).toBeGreaterThan(40)
    for (const { code } of declared) {
      const { meaning, fix } = errorCatalogue.get(code)!
      expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/)
      for (const sentence of [meaning, fix]) expect(sentence, code).toMatch(/^["A-Z0-9a-z].*[.!?)"]$/s)
    }
  })
})
