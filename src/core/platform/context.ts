/**
 * A context names a network: its RPC endpoints, chain id and contracts. `chain deploy` and `devnet up` write one, and the other
 * commands read it, so that addresses are not copied by hand. A devnet's context counts only while its process lives.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { orRefuse } from './errors.ts'
import { listNames } from './list-names.ts'
import { stringifyJson } from './output.ts'
import { isSameProcess } from './pid-file.ts'
import { platformErrors } from './platform-errors.ts'
import { writeFileAtomically } from './write-file-atomically.ts'

const address = z.templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{40}$/)])

const codeHash = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{64}$/)])

const nameForm = /^[a-z0-9][a-z0-9-]{0,63}$/

const contextSchema = z.object({
  name: z.string().regex(nameForm),
  chainId: z.number().int().positive(),
  rpcUrls: z.array(z.url()).min(1),
  /** By contract name, e.g. `KaisarToken`. */
  contracts: z.record(z.string(), address),
  /** keccak256 of each contract's code, by name; missing in a context of an earlier release. */
  codeHashes: z.record(z.string(), codeHash).optional(),
  /** No event of the network is older than this block; missing in a context of an earlier release. */
  deployedAtBlock: z.number().int().nonnegative().optional(),
  /** Set for a devnet: the process that keeps it alive, and where its state is. */
  devnet: z
    .object({ pid: z.number().int().positive(), startedAt: z.string(), processStart: z.string(), dataDir: z.string() })
    .nullable()
    .default(null),
})

export type Context = z.infer<typeof contextSchema>

/** Writes or replaces a context below `home`, atomically. */
export function writeContext(home: string, context: Context): void {
  mkdirSync(folderOf(home), { recursive: true, mode: 0o700 })
  writeFileAtomically(fileOf(home, context.name), `${stringifyJson(contextSchema.parse(context))}\n`)
}

/** Removes a context; where it was the chosen one, no context is chosen any more. */
export function removeContext(home: string, name: string): void {
  rmSync(fileOf(home, name), { force: true })
  if (chosenContext(home) === name) rmSync(choiceFile(home), { force: true })
}

/** @throws CONTEXT_NAME_INVALID */
export function assertContextName(name: string): void {
  if (!nameForm.test(name)) throw platformErrors.CONTEXT_NAME_INVALID({ name })
}

/** Chooses the context for commands that name none. @throws what {@link readContext} throws */
export function rememberContext(home: string, name: string): void {
  readContext(home, name)
  writeFileAtomically(choiceFile(home), `${name}\n`)
}

/** The name that {@link rememberContext} was given last, also where that context is gone. */
export function chosenContext(home: string): string | undefined {
  try {
    return readFileSync(choiceFile(home), 'utf8').trim()
  } catch {
    return undefined
  }
}

/** @throws CONTEXT_UNKNOWN with the names there are, CONTEXT_INVALID */
export function readContext(home: string, name: string): Context {
  const path = fileOf(home, name)
  const text = orRefuse(
    () => readFileSync(path, 'utf8'),
    cause => platformErrors.CONTEXT_UNKNOWN({ name, known: contextNames(home), cause }),
  )
  return orRefuse(
    () => contextSchema.parse(JSON.parse(text)),
    cause => platformErrors.CONTEXT_INVALID({ path, cause }),
  )
}

/** Every readable context, names in order. */
export const listContexts = (home: string): Context[] =>
  contextNames(home).flatMap(name => {
    try {
      return [readContext(home, name)]
    } catch {
      return []
    }
  })

/** Whether the network of a context can still be there: a devnet only while its process lives. */
export const isContextAlive = (context: Context): boolean => context.devnet === null || isSameProcess(context.devnet)

/**
 * The context a command works with: the named one, else the one chosen by {@link rememberContext}, else the running devnet that was
 * started last, else the only one there is, else none. A chosen context that cannot be read is an error and is not passed over, so that a
 * command never works with another network than its user expects.
 */
export function chooseContext(home: string, name = chosenContext(home)): Context | undefined {
  if (name !== undefined) return readContext(home, name)
  const alive = listContexts(home).filter(isContextAlive)
  const devnets = alive
    .filter(context => context.devnet !== null)
    .sort((a, b) => (a.devnet!.startedAt < b.devnet!.startedAt ? 1 : -1))
  return devnets[0] ?? (alive.length === 1 ? alive[0] : undefined)
}

const folderOf = (home: string) => join(home, 'contexts')
// The name becomes a file name, so a name that the schema refuses must not reach the file system.
const fileOf = (home: string, name: string) => join(folderOf(home), `${name.replaceAll(/[^a-z0-9-]/g, '_')}.json`)

const choiceFile = (home: string) => join(folderOf(home), 'chosen')

/** The names of all contexts in order, those with unreadable files included. */
export const contextNames = (home: string): string[] => listNames(folderOf(home), '.json')
