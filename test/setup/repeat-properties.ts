/** A property that fails says how to see it fail again, and is repeated with the seed that the environment names. */
import fc from 'fast-check'
import { expect } from 'vitest'

const seedVariable = 'KAISAR_FC_SEED'
const seed = process.env[seedVariable]

fc.configureGlobal({
  ...(seed === undefined ? {} : { seed: Number(seed) }),
  reporter: details => {
    if (!details.failed) return
    const { testPath = '', currentTestName = '' } = expect.getState()
    const file = testPath.slice(process.cwd().length + 1)
    const name = currentTestName.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", `'\\''`)
    throw new Error(
      `${fc.defaultReportMessage(details)}\n\nRepeat it: ${seedVariable}=${details.seed} npx vitest run ${file} -t '${name}'`,
      { cause: details.errorInstance },
    )
  },
})
