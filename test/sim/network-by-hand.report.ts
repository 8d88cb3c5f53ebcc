/** `npm run network:by-hand [-- --evm anvil|london|edr] [--json]`: changes in every second of an epoch; about seven minutes. */
import { execa } from 'execa'
import { cliPath, cliResult } from '../helpers/run-cli.ts'
import { networkByHand } from './processes/network-by-hand.ts'

const epochSeconds = 16
const evms = ['anvil', 'london', 'edr'] as const

export async function* report(words: readonly string[] = []): AsyncGenerator<object> {
  const asked = words.includes('--evm') ? words[words.indexOf('--evm') + 1] : 'anvil'
  const evm = evms.find(each => each === asked)
  if (evm === undefined) throw new Error(`--evm is one of ${evms.join(', ')}`)
  if (evm === 'london') await execa(process.execPath, ['scripts/build.mjs', 'contracts-london'], { stdio: 'inherit' })
  const { audit, ...result } = await networkByHand({
    evm,
    epochSeconds,
    seconds: process.env.BH
      ? process.env.BH.split(',').map(Number)
      : Array.from({ length: epochSeconds }, (_, second) => second),
    kaisar: async (args, { env }) => {
      const ran = await execa(process.execPath, [cliPath, ...args], { env: { NO_COLOR: '1', ...env }, reject: false })
      return cliResult(ran)
    },
    onProgress: line => process.stderr.write(`${line}\n`),
  })
  const { unjudged, lost, mispaid, doubled } = audit
  for (const line of [...unjudged, ...lost, ...mispaid, ...doubled]) process.stderr.write(`${line}\n`)
  yield result
  const wrong = lost.length + mispaid.length + doubled.length + unjudged.length
  if (wrong > 0) process.exitCode = 1
}
