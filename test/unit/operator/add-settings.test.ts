import fc from 'fast-check'
import { parse } from 'smol-toml'
import { expect, it } from 'vitest'
import { addSettings } from '../../../src/core/operator/add-settings.ts'

const settings = { payout: '0xab', port: 7411, 'rpc-url': ['https://a.example', 'https://b.example'] }
const add = (text: string, wanted: typeof settings | object = settings) =>
  addSettings(text, { path: 'config.toml', table: 'provider', settings: wanted as typeof settings })

it('begins a file, adds a table, or adds to the one that is there, and leaves everything else alone', () => {
  expect(parse(add(''))).toEqual({ provider: settings })
  const commented = '# mine\nlog-level = "debug" # loud\n'
  expect(add(commented).startsWith(commented)).toBe(true)
  const there = '[checker]\nport = 1\n\n[provider] # here\nthreads = 2\n\n[provider.run]\npayout = "0xcd"\n'
  const added = add(there)
  expect(parse(added)).toEqual({
    checker: { port: 1 },
    provider: { ...settings, threads: 2, run: { payout: '0xcd' } },
  })
  for (const line of there.split('\n')) expect(added.split('\n')).toContain(line)
})

it('changes nothing when all is said already, so that it can be run again', () => {
  const once = add('# mine\n')
  expect(add(once)).toBe(once)
})

it('never overwrites', () => {
  expect(() => add('[provider]\npayout = "0xcd"\n')).toThrow(
    expect.objectContaining({
      code: 'SETTINGS_CONFLICT',
      context: expect.objectContaining({ key: 'provider.payout' }),
    }),
  )
})

it('refuses a table that nothing can be added to', () => {
  for (const text of ['provider = { threads = 1 }\n', 'provider.threads = 1\n'])
    expect(() => add(text)).toThrow(expect.objectContaining({ code: 'SETTINGS_SHAPE' }))
})

it('keeps every value whatever characters it has', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 })
  fc.assert(
    fc.property(
      fc.record({ payout: text, 'public-url': text }),
      fc.constantFrom('', '[provider]\nx = 1\n'),
      (wanted, before) => {
        expect(parse(add(before, wanted))).toMatchObject({ provider: wanted })
      },
    ),
  )
})
