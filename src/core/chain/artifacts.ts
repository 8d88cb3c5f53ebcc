import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Abi, Hex } from 'viem'
import { packageFolder } from '../platform/own-files.ts'
import type { DeployedName } from './deploy.ts'
import { chainErrors } from './errors.ts'
import type { EvmVersion } from './survey.ts'

/** What is deployed: a contract's ABI and creation code. */
export type Artifact = { readonly abi: Abi; readonly bytecode: Hex }

/** Where the build puts those for an EVM. */
const builtFolder = (evm: EvmVersion) => fileURLToPath(new URL(`dist/contracts/${evm}`, packageFolder))

/**
 * Reads a compiled contract from `<folder>/<Name>.json`.
 *
 * @param folder - default: the build's own
 * @throws ARTIFACT_MISSING
 */
export function readArtifact(contract: DeployedName, evm: EvmVersion = 'prague', folder = builtFolder(evm)): Artifact {
  const file = join(folder, `${contract}.json`)
  if (!existsSync(file)) throw chainErrors.ARTIFACT_MISSING({ contract, directory: folder })
  return JSON.parse(readFileSync(file, 'utf8')) as Artifact
}

/** The compiler's standard-JSON input of all contracts, which explorers take to verify them. */
export type CompilerInput = { readonly text: string; readonly version: string }

/** @throws ARTIFACT_MISSING */
export function readCompilerInput(evm: EvmVersion, folder = builtFolder(evm)): CompilerInput {
  const file = join(folder, compilerInputName)
  if (!existsSync(file)) throw chainErrors.ARTIFACT_MISSING({ contract: 'compiler input', directory: folder })
  const { version, input } = JSON.parse(readFileSync(file, 'utf8')) as { version: string; input: object }
  return { text: JSON.stringify(input, null, 1), version }
}

const compilerInputName = 'compiler-input.json'
