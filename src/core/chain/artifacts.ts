import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Abi, Hex } from 'viem'
import { packageFolder } from '../platform/own-files.ts'
import type { DeployedName } from './deploy.ts'
import { chainErrors } from './errors.ts'

/** What is deployed: a contract's ABI and creation code. */
export type Artifact = { readonly abi: Abi; readonly bytecode: Hex }

/** Where the build puts them. */
const builtFolder = fileURLToPath(new URL('dist/contracts', packageFolder))

/**
 * Reads a compiled contract from `<folder>/<Name>.json`.
 *
 * @param folder - default: the build's own
 * @throws ARTIFACT_MISSING
 */
export function readArtifact(contract: DeployedName, folder = builtFolder): Artifact {
  const file = join(folder, `${contract}.json`)
  if (!existsSync(file)) throw chainErrors.ARTIFACT_MISSING({ contract, directory: folder })
  return JSON.parse(readFileSync(file, 'utf8')) as Artifact
}

/** The compiler's standard-JSON input of all contracts, which explorers take to verify them, and what it compiles for. */
export type CompilerInput = { readonly text: string; readonly version: string; readonly evmVersion: string }

/** @throws ARTIFACT_MISSING */
export function readCompilerInput(folder = builtFolder): CompilerInput {
  const file = join(folder, compilerInputName)
  if (!existsSync(file)) throw chainErrors.ARTIFACT_MISSING({ contract: 'compiler input', directory: folder })
  const { version, input } = JSON.parse(readFileSync(file, 'utf8')) as {
    version: string
    input: { settings: { evmVersion: string } }
  }
  return { text: JSON.stringify(input, null, 1), version, evmVersion: input.settings.evmVersion }
}

const compilerInputName = 'compiler-input.json'
