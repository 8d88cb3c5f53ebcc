import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Command } from '@oclif/core'
import { describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../../../src/commands/', import.meta.url))
type Flag = {
  readonly min?: number
  readonly max?: number
  readonly default?: unknown
  readonly parse: (input: string, context: object, options: object) => Promise<unknown>
}

const commands = await Promise.all(
  globSync('*/*.ts', { cwd: folder }).map(async file => {
    const { default: command } = (await import(`${folder}${file}`)) as { default: typeof Command & { flags?: object } }
    return {
      name: file.replace(/\.ts$/, '').replace('/', ' '),
      flags: (command.flags ?? {}) as Record<string, unknown>,
    }
  }),
)
const isNumeric = ({ min, max, default: given }: Flag) =>
  min !== undefined || max !== undefined || ['number', 'bigint'].includes(typeof given)
const named = commands.flatMap(({ name, flags }) =>
  Object.entries(flags).map(([flag, value]) => ({ name: `${name} --${flag}`, flag, value: value as Flag })),
)
const numeric = named.filter(({ value }) => isNumeric(value))

describe('a flag that takes a number', () => {
  it('a flag whose name says that it takes a number takes one', () => {
    const says =
      /seconds|port$|epoch|lines|threads|seats|block|confirmations|gwei|ether$|^in$|^last$|providers|checkers|chain-id/
    const others = named.filter(({ flag, value }) => says.test(flag) && !isNumeric(value)).map(({ name }) => name)
    expect(others).toEqual([])
    expect(numeric.length).toBeGreaterThan(20)
  })

  it.each(numeric)('the flag $name refuses what is not a number, or makes no sense', async ({ value }) => {
    for (const input of ['abc', '-1', '1e99', '', '0x10', 'Infinity', 'NaN'])
      await expect(value.parse(input, {}, value), input).rejects.toThrow()
  })
})
