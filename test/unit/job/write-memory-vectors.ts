/** Writes fixtures/vectors/memory.json with what ships: `npx node test/unit/job/write-memory-vectors.ts`. Vectors change on purpose only. */
import { writeFileSync } from 'node:fs'
import { shippedMemoryVectors } from './shipped-memory-vectors.ts'

const text = JSON.stringify(await shippedMemoryVectors(), null, 2)
// A line for each list.
const lines = text.replace(/\[[^[\]{}]*\]/g, list => JSON.stringify(JSON.parse(list)).replaceAll(',', ', '))
writeFileSync(new URL('../../../fixtures/vectors/memory.json', import.meta.url), `${lines}\n`)
