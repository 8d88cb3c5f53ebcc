/**
 * Every failing prover against the real verifier: `npm run attacks`, with `-- --json` one line of JSON per attack
 * (`{attack, seeds, detected, rate, expected, formula}`; detected ÷ seeds is to be compared with expected).
 * Exit code 1 when a rate does not agree with theory.
 */
import { allAttacks } from './all-attacks.ts'
import { openArena } from './arena.ts'
import { agreesWithTheory, runAttack } from './attack.ts'

const json = process.argv.includes('--json')
const arena = await openArena()
let disagreements = 0
for (const attack of allAttacks) {
  const result = await runAttack(attack, arena)
  const agrees = agreesWithTheory(result)
  if (!agrees) disagreements++
  const { attack: name, seeds, detected, rate, expected, formula } = result
  console.log(
    json
      ? JSON.stringify(result)
      : `${agrees ? 'ok ' : 'BAD'} ${`${detected}/${seeds}`.padStart(10)}  ${rate.toFixed(4)} against ${expected.toFixed(4)}  ${name}  (${formula})`,
  )
}
await arena.close()
process.exitCode = disagreements === 0 ? 0 : 1
