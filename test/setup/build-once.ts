/** The tiers that run the built binary or deploy the built contracts build what is stale first, in a process of its own,
 * and not again under the tests' feet. */
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

export async function setup() {
  if (process.env.KAISAR_SKIP_BUILD) return
  await execa(process.execPath, [fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url))], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  process.env.KAISAR_SKIP_BUILD = '1'
}
