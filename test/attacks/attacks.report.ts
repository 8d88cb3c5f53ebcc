/** `npm run attacks [-- --json]`: every failing prover against the real verifier, one row each. `ok`: the rate agrees with theory. */
import { allAttacks } from './all-attacks.ts'
import { openArena } from './arena.ts'
import { type AttackResult, agreesWithTheory, runAttack } from './attack.ts'

/** `names`: only the attacks whose name begins with one of them; all when there is none. */
export async function* report(names: readonly string[] = []): AsyncGenerator<AttackResult & { readonly ok: boolean }> {
  const arena = await openArena()
  try {
    for (const attack of allAttacks) {
      if (names.length > 0 && !names.some(name => attack.name.startsWith(name))) continue
      const result = await runAttack(attack, arena)
      yield { ...result, ok: agreesWithTheory(result) }
    }
  } finally {
    await arena.close()
  }
}
