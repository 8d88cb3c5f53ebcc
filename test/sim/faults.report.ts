/** `npm run test:faults -- --json [epochs] [seed]`: the monkey's tally against the oracle, as one line. */
import { type MonkeyOptions, type MonkeyResult, runMonkey } from './monkey.ts'

export async function* report([epochs = '6', seed = '20261122']: readonly string[] = []): AsyncGenerator<object> {
  const options = { seed: Number(seed), epochs: Number(epochs) }
  yield summarise(options, await runMonkey(options))
}

export function summarise({ seed, epochs }: MonkeyOptions, { injected, byKind, audit }: Omit<MonkeyResult, 'trace'>) {
  const { lost, absent, doubled, honestFailed, mispaid } = audit
  for (const finding of [...lost, ...absent, ...mispaid, ...doubled, ...honestFailed])
    process.stderr.write(`${finding}\n`)
  const missing = lost.length + absent.length + mispaid.length
  return {
    epochs,
    injected,
    byKind,
    lost: missing,
    doubled: doubled.length,
    honestFailed: honestFailed.length,
    seed,
    ok: missing + doubled.length + honestFailed.length === 0,
  }
}
