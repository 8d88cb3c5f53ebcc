/** The record that a deployment writes as it proceeds. It is used to resume the deployment, to verify the contracts and to hand the network on. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { keccak256 } from '../platform/keccak.ts'
import { stringifyJson } from '../platform/output.ts'
import { writeFileAtomically } from '../platform/write-file-atomically.ts'
import type { DeployPlan, StepProgress } from './deploy.ts'
import { chainErrors } from './errors.ts'

const hex = z.templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]*$/)])
const address = z.templateLiteral(['0x', z.string().regex(/^[0-9a-fA-F]{40}$/)])
const block = z.number().int().nonnegative()

/** `transaction` is set when it is signed, `block` when it is mined. */
const sent = { transaction: hex.nullable(), block: block.nullable() }

const recordSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  chainId: z.number().int().positive(),
  preset: z.string(),
  /** The EVM that the contracts were compiled for. */
  evm: z.enum(['prague', 'london', 'arbitrum']),
  /** The signer. Its nonces from `firstNonce` on belong to the contracts in their order, then to the calls. */
  deployer: address,
  firstNonce: z.number().int().nonnegative(),
  owner: address,
  guardian: address,
  treasury: address,
  /** Amounts in wei as decimal texts. */
  parameters: z.record(z.string(), z.unknown()),
  contracts: z.record(z.string(), z.object({ address, ...sent, constructorArguments: hex, initCodeHash: hex })),
  /** The calls that fund the vault. */
  calls: z.array(z.object({ what: z.string(), to: address, data: hex, ...sent })),
  /** Set, with the field that follows, when the deployment is complete. */
  codeHashes: z.record(z.string(), hex).nullable(),
  deployedAtBlock: block.nullable(),
})

export type DeploymentRecord = z.infer<typeof recordSchema>

/** A network as one person hands it to another: a deployment record, or a context file. */
const handedOnSchema = z.object({
  chainId: z.number().int().positive(),
  contracts: z.record(z.string(), z.union([address, z.object({ address }).transform(given => given.address)])),
  codeHashes: z.record(z.string(), hex).nullish(),
  deployedAtBlock: block.nullish(),
  rpcUrls: z.array(z.url()).optional(),
})

export const deploymentPath = (dataDir: string, name: string): string => join(dataDir, 'deployments', `${name}.json`)

/** The file with the compiler's input, with which block explorers verify the contracts. */
export const compilerInputPath = (dataDir: string, name: string): string =>
  join(dataDir, 'deployments', `${name}.compiler-input.json`)

/** The record of a deployment that is planned, with nothing sent yet. */
export function recordOf(
  { steps, parameters, ...plan }: DeployPlan,
  named: Pick<DeploymentRecord, 'name' | 'chainId' | 'preset' | 'evm'>,
): DeploymentRecord {
  const unsent = { transaction: null, block: null }
  const contracts = steps.flatMap(({ contract, address, constructorArguments, call }) =>
    contract === null
      ? []
      : [[contract, { address, ...unsent, constructorArguments, initCodeHash: keccak256(call.data) }] as const],
  )
  return {
    version: 1,
    ...named,
    ...plan,
    parameters: JSON.parse(stringifyJson(parameters)),
    contracts: Object.fromEntries(contracts),
    calls: steps.flatMap(({ contract, call: { what, to, data } }) =>
      contract === null ? [{ what, to: to!, data, ...unsent }] : [],
    ),
    codeHashes: null,
    deployedAtBlock: null,
  }
}

/** Progress by step, in the order of the plan. */
export const progressOf = ({ contracts, calls }: DeploymentRecord): StepProgress[] =>
  [...Object.values(contracts), ...calls].map(({ transaction, block }) => ({ transaction, block }))

/** The record with the progress of step `i`. */
export function withProgress(record: DeploymentRecord, i: number, progress: StepProgress): DeploymentRecord {
  const names = Object.keys(record.contracts)
  const name = names[i]
  return name === undefined
    ? { ...record, calls: record.calls.map((call, k) => (k === i - names.length ? { ...call, ...progress } : call)) }
    : { ...record, contracts: { ...record.contracts, [name]: { ...record.contracts[name]!, ...progress } } }
}

/**
 * The differences between a deployment that was begun and the one that is asked for now, by field. A contract is named where its code
 * or its constructor arguments differ.
 */
export function differences(begun: DeploymentRecord, asked: DeploymentRecord): string[] {
  const fields = [
    'chainId',
    'preset',
    'evm',
    'deployer',
    'firstNonce',
    'owner',
    'guardian',
    'treasury',
    'parameters',
  ] as const
  const differ = (a: unknown, b: unknown) => stringifyJson(a) !== stringifyJson(b)
  return [
    ...fields.filter(field => differ(begun[field], asked[field])),
    ...Object.keys(asked.contracts).filter(
      name => begun.contracts[name]?.initCodeHash !== asked.contracts[name]!.initCodeHash,
    ),
  ]
}

/** @returns null where there is none. @throws DEPLOYMENT_INVALID */
export function readDeployment(path: string): DeploymentRecord | null {
  if (!existsSync(path)) return null
  return parse(recordSchema, path)
}

export function writeDeployment(path: string, record: DeploymentRecord): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileAtomically(path, `${JSON.stringify(JSON.parse(stringifyJson(record)), null, 2)}\n`)
}

/**
 * @throws DEPLOYMENT_INVALID, also for a deployment that was not completed; CODE_UNKNOWN for a contract without the hash of its code,
 * unless `allowUnknownCode` is set
 */
export function readHandedOn(path: string, { allowUnknownCode = false } = {}) {
  const { contracts, codeHashes, deployedAtBlock, rpcUrls = [], chainId } = parse(handedOnSchema, path)
  if (codeHashes === null) throw chainErrors.DEPLOYMENT_INVALID({ file: path, reason: 'it was not completed' })
  // EpochExtension is left out: it is the second half of EpochConsensus' code, and clients never call it.
  const { EpochExtension: _, ...called } = contracts
  const unknown = Object.keys(called).filter(name => codeHashes?.[name] === undefined)
  if (unknown.length > 0 && !allowUnknownCode) throw chainErrors.CODE_UNKNOWN({ file: path, contracts: unknown })
  return { chainId, contracts: called, codeHashes, deployedAtBlock: deployedAtBlock ?? undefined, rpcUrls }
}

function parse<T>(schema: z.ZodType<T>, path: string): T {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const reason = `it cannot be read (${(cause as NodeJS.ErrnoException).code})`
    throw chainErrors.DEPLOYMENT_INVALID({ file: path, reason, cause })
  }
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const [issue] = cause instanceof z.ZodError ? cause.issues : []
    const reason = issue === undefined ? 'it is not JSON' : `${issue.path.join('.') || 'it'}: ${issue.message}`
    throw chainErrors.DEPLOYMENT_INVALID({ file: path, reason, cause })
  }
}
