/**
 * `npm run network:by-hand [-- --evm anvil|london|edr] [--hosts] [--json]`: a device joins, one gets a new driver, one a new certificate and
 * one leaves in every other second of an epoch, and then the chain is started anew with the same addresses, which takes thirteen minutes.
 * `--hosts`: none of that, but Checkers on three hosts and Providers behind a router, 80 ms apart.
 */
import { execa } from 'execa'
import { paidEpochs } from './audit-network.ts'
import { createHosts, missingForHosts } from './processes/hosts.ts'
import { epochSeconds, networkByHand } from './processes/network-by-hand.ts'

const evms = ['anvil', 'london', 'edr'] as const
const say = (line: string) => process.stderr.write(`${line}\n`)

export async function* report(words: readonly string[] = []): AsyncGenerator<object> {
  const asked = words.includes('--evm') ? words[words.indexOf('--evm') + 1] : 'anvil'
  const evm = evms.find(each => each === asked)
  if (evm === undefined) throw new Error(`--evm is one of ${evms.join(', ')}`)
  const missing = words.includes('--hosts') ? missingForHosts() : null
  if (missing !== null) return yield { evm, notTried: `hosts of their own need ${missing}` }
  if (evm === 'london') await execa(process.execPath, ['scripts/build.mjs', 'contracts-london'], { stdio: 'inherit' })
  const hosts = words.includes('--hosts') ? await createHosts() : undefined
  if (hosts?.impairedBy === null) say('NOTICE: neither netem nor a C compiler: packets are neither delayed nor lost')
  try {
    const seconds = hosts ? [] : Array.from({ length: epochSeconds / 2 }, (_, change) => 2 * change)
    const { audit, ...result } = await networkByHand({
      evm,
      seconds,
      restart: hosts === undefined,
      onProgress: say,
      ...(hosts && { hosts }),
    })
    const { unjudged, lost, mispaid, doubled } = audit
    for (const line of [...unjudged, ...lost, ...mispaid, ...doubled]) say(line)
    const paid = paidEpochs(audit).length
    yield { ...result, paidEpochs: paid, hosts: hosts !== undefined, impairedBy: hosts?.impairedBy ?? null }
    const wrong = lost.length + mispaid.length + doubled.length + unjudged.length
    // In the first of these seconds there is nobody yet who could leave.
    const isChanged = ['joins', 'renewals', 'drivers', 'leaves'].every(
      kind => result[kind as 'joins'] >= seconds.length - 1,
    )
    if (wrong > 0 || paid === 0 || !isChanged) process.exitCode = 1
  } finally {
    await hosts?.close()
  }
}
