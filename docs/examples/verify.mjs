// How another project verifies evidence: node verify.mjs <bundle>
import { readFile } from 'node:fs/promises'
import { verify } from 'kaisar/verify'

const { valid, failedStep, facts, cannotProve } = await verify(await readFile(process.argv[2]))
const lines = [
  valid ? `VALID: ${facts.units} ${facts.unit}s by ${facts.operator}` : `NOT VALID at ${failedStep}`,
  `${cannotProve.length} things that no bundle proves`,
]
process.stdout.write(`${lines.join('\n')}\n`)
