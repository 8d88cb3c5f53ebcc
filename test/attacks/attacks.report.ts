/**
 * `npm run attacks [-- --json] [-- <name> …]`: every attack of the table in docs/work-proof.md, one row each; `ok`: the rate agrees with
 * theory. Then what a relay to a faster machine costs. `-- --deep [--seed 0] [--starts 60] [--tries 500]`: instead of that, the table of
 * memory behind registrations in turn, by a search of this length, in minutes.
 */
import { parseArgs } from 'node:util'
import { allAttacks } from './all-attacks.ts'
import { openArena } from './arena.ts'
import { type AttackResult, agreesWithTheory, runAttack } from './attack.ts'
import { type InTurnRow, inTurnTable, type Search } from './memory-in-turn.ts'
import { type RelayRow, relayCurve } from './relay.ts'

export type ReportRow = (AttackResult & { readonly ok: boolean }) | RelayRow | InTurnRow

const number = (byDefault: string) => ({ type: 'string', default: byDefault }) as const
const options = { deep: { type: 'boolean' }, seed: number('0'), starts: number('60'), tries: number('500') } as const

function searchOf(values: Readonly<Record<'seed' | 'starts' | 'tries', string>>): Search {
  const [seed, starts, tries] = [Number(values.seed), Number(values.starts), Number(values.tries)]
  if (![seed, starts, tries].every(Number.isSafeInteger) || Math.min(starts, tries) < 1)
    throw new RangeError('--seed, --starts and --tries are whole numbers, and nothing is found by none')
  return { seed, starts, tries }
}

/** `words`: as above; names are what the names of the attacks begin with, all when there is none. */
export async function* report(words: readonly string[] = []): AsyncGenerator<ReportRow> {
  const { values, positionals: names } = parseArgs({ args: [...words], options, allowPositionals: true })
  if (values.deep) return yield* inTurnTable(searchOf(values))
  const isWanted = (name: string) => names.length === 0 || names.some(wanted => name.startsWith(wanted))
  const arena = await openArena()
  try {
    for (const attack of allAttacks) {
      if (!isWanted(attack.name)) continue
      const result = await runAttack(attack, arena)
      yield { ...result, ok: agreesWithTheory(result) }
    }
  } finally {
    await arena.close()
  }
  for await (const row of relayCurve()) if (isWanted(row.attack)) yield row
}
