import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Abi, Hex } from 'viem'
import type { DeployedName } from './deploy.ts'
import { chainErrors } from './errors.ts'

/** What is deployed: a contract's ABI and creation code. */
export type Artifact = { readonly abi: Abi; readonly bytecode: Hex }

/** Where the build puts them: beside the compiled toolkit, or in a checkout. */
const folders = ['../../contracts', '../../../dist/contracts'].map(path =>
  fileURLToPath(new URL(path, import.meta.url)),
)

/**
 * Reads a compiled contract from `<folder>/<Name>.json`.
 *
 * @param folder - default: the build's own
 * @throws ARTIFACT_MISSING
 */
export function readArtifact(contract: DeployedName, folder?: string): Artifact {
  const candidates = folder === undefined ? folders : [folder]
  const file = candidates.map(path => `${path}/${contract}.json`).find(path => existsSync(path))
  if (file === undefined) throw chainErrors.ARTIFACT_MISSING({ contract, directory: candidates.join(' or ') })
  return JSON.parse(readFileSync(file, 'utf8')) as Artifact
}
