// The contracts by themselves, in this process: a second where forge, which compiles every test with them, takes ten.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** What tests deploy. */
const deployed = [
  'CheckerSeats.sol',
  'DeviceRegistry.sol',
  'EpochConsensus.sol',
  'EpochExtension.sol',
  'KaisarLens.sol',
  'KaisarToken.sol',
  'RewardVault.sol',
]

/** Paths below `folder`, sorted. */
export function solidityFiles(folder) {
  return readdirSync(folder, { recursive: true })
    .filter(path => path.endsWith('.sol'))
    .sort()
}

/**
 * What the compiler says of all files below `folder`, where `changed` may hold other text for some of them.
 * @param {[prefix: string, folder: string][]} remappings @param {Record<string, string>} changed
 * @throws where a file does not compile
 */
export function compiled(folder, remappings, changed, outputSelection) {
  const files = solidityFiles(folder)
  const read = file => changed[file] ?? readFileSync(join(folder, file), 'utf8')
  const sources = Object.fromEntries(files.map(file => [file, { content: read(file) }]))
  const imports = path => {
    const [prefix, target] = remappings.find(([from]) => path.startsWith(from))
    return { contents: readFileSync(target + path.slice(prefix.length), 'utf8') }
  }
  // The same code as by forge in the profile of mutants.
  const settings = { evmVersion: 'prague', optimizer: { enabled: false }, outputSelection }
  const solc = createRequire(import.meta.url)('solc')
  const output = JSON.parse(
    solc.compile(JSON.stringify({ language: 'Solidity', sources, settings }), { import: imports }),
  )
  const error = (output.errors ?? []).find(({ severity }) => severity === 'error')
  if (error !== undefined) throw new Error(error.formattedMessage)
  return output
}

/**
 * Of the contracts that import the changed files, hexadecimal code by name; undefined where the sources do not compile.
 * @returns {Record<string, string> | undefined}
 */
export function creationCodes(folder, remappings, changed) {
  const nameOf = file => file.replace(/^.*\//, '').replace('.sol', '')
  const affected = deployed.filter(file => [...importedBy(folder, file)].some(each => each in changed))
  const selection = Object.fromEntries(affected.map(file => [file, { [nameOf(file)]: ['evm.bytecode.object'] }]))
  try {
    const { contracts } = compiled(folder, remappings, changed, selection)
    return Object.fromEntries(affected.map(file => [nameOf(file), contracts[file][nameOf(file)].evm.bytecode.object]))
  } catch {
    return undefined
  }
}

/** A file and what it imports, at any remove. */
function importedBy(folder, file, found = new Set()) {
  if (found.has(file)) return found
  found.add(file)
  for (const [, path] of readFileSync(join(folder, file), 'utf8').matchAll(/from "(\.[^"]+)"/g))
    importedBy(folder, join(dirname(file), path), found)
  return found
}
