import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/bench.mjs', import.meta.url))
const hasCard = existsSync('/dev/dri') || existsSync('/dev/nvidiactl')

it.skipIf(hasCard)(
  'the bench of cards says that there is none, and exits with 3 (needs a machine without a card)',
  async () => {
    const bench = promisify(execFile)(process.execPath, [script, 'gpu', '--json'])
    const { code, stdout } = await bench.catch(error => error)
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toEqual({ name: 'gpu', text: expect.stringContaining('has no card') })
  },
)
