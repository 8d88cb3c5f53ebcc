import { Parser } from '@oclif/core'
import { expect, it } from 'vitest'
import ProviderPause from '../../../src/commands/provider/pause.ts'

const read = async (...argv: string[]) =>
  (await Parser.parse<{ device?: string; for?: number }, object, object>(argv, { flags: ProviderPause.flags as never }))
    .flags

it('a pause is of one device by its first digits or of all, and of ten years at most: all else is a usage error', async () => {
  expect(await read('--device', '0x3F9a', '--for', '3650d')).toMatchObject({ device: '0x3F9a', for: 315_360_000 })
  expect((await read()).device).toBeUndefined()
  const refused = { code: 'USAGE_INVALID', exit: 2 }
  for (const device of ['', '0x', 'card', '3f9a', `0x${'a'.repeat(65)}`])
    await expect(read('--device', device), device).rejects.toMatchObject(refused)
  for (const length of ['3651d', '3650d1s', `${'9'.repeat(400)}d`])
    await expect(read('--for', length), length).rejects.toMatchObject(refused)
})
