/**
 * `npm run attacks [-- --json]`: every failing prover against the real verifier, one row each; `ok`: the rate agrees with theory. Then
 * what a relay to a faster machine costs.
 */
import { allAttacks } from './all-attacks.ts'
import { openArena } from './arena.ts'
import { type AttackResult, agreesWithTheory, runAttack } from './attack.ts'
import { type RelayRow, relayCurve } from './relay.ts'

export type ReportRow = (AttackResult & { readonly ok: boolean }) | RelayRow

/** `names`: only the attacks whose name begins with one of them; all when there is none. */
export async function* report(names: readonly string[] = []): AsyncGenerator<ReportRow> {
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
