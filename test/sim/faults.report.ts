/** `npm run test:faults -- --json [epochs] [seed]`: the monkey's tally against the oracle, as one line. */
import { runMonkey } from './monkey.ts'

export async function* report([epochs = '6', seed = '20261122']: readonly string[] = []): AsyncGenerator<object> {
  const { injected, byKind, audit } = await runMonkey({ seed: Number(seed), epochs: Number(epochs) })
  const { lost, absent, doubled, honestFailed, mispaid } = audit
  for (const finding of [...lost, ...absent, ...mispaid, ...doubled, ...honestFailed])
    process.stderr.write(`${finding}\n`)
  yield {
    injected,
    byKind,
    lost: lost.length + absent.length + mispaid.length,
    doubled: doubled.length,
    honestFailed: honestFailed.length,
    seed: Number(seed),
    ok: lost.length + absent.length + mispaid.length + doubled.length + honestFailed.length === 0,
  }
}
