import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Abi, Hex } from 'viem'
import { packageFolder } from '../platform/own-files.ts'
import type { DeployedName } from './deploy.ts'
import { chainErrors } from './errors.ts'
import type { EvmVersion } from './survey.ts'

/** The ABI and the creation code of a contract. */
export type Artifact = { readonly abi: Abi; readonly bytecode: Hex }

/** The folder into which the build puts the artifacts for an EVM. */
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

/** The compiler's standard-JSON input of all contracts, which explorers take to verify them, with its release. */
export type CompilerInput = {
  readonly version: string
  readonly input: {
    readonly language: string
    readonly sources: Readonly<Record<string, { readonly content: string }>>
    readonly settings: { readonly evmVersion: string; readonly [name: string]: unknown }
  }
}

/** Reads the compiler's input from the folder of the build. @throws ARTIFACT_MISSING */
export function readCompilerInput(evm: EvmVersion, folder = builtFolder(evm)): CompilerInput {
  const file = join(folder, 'compiler-input.json')
  if (!existsSync(file)) throw chainErrors.ARTIFACT_MISSING({ contract: 'compiler input', directory: folder })
  const { version, input } = JSON.parse(readFileSync(file, 'utf8')) as Pick<CompilerInput, 'version'> & {
    readonly input: Omit<CompilerInput['input'], 'sources'> & { readonly sources: readonly string[] }
  }
  const placeOf = (path: string) =>
    path.startsWith('contracts/src/')
      ? new URL(path, packageFolder)
      : join(folder, '../sources', path.replace('node_modules', 'modules'))
  const sources = Object.fromEntries(
    input.sources.map(path => [path, { content: readFileSync(placeOf(path), 'utf8') }]),
  )
  return { version, input: { ...input, sources } }
}
