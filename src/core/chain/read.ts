/** Every read of the network's contracts, and every call that a command makes to one: by their names, typed by their ABIs. */
import {
  type Abi,
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  encodeFunctionData,
  type Hex,
} from 'viem'
import { isKaisarError } from '../platform/errors.ts'
import { abis } from './abis.ts'
import { decodeChainError } from './decode-error.ts'
import type { ConnectedNetwork, ContractName } from './network.ts'
import type { Call } from './tx/transact.ts'

type Abis = typeof abis
type View = 'pure' | 'view'

/** A network, read at its newest block or at the one that is named. */
export type ReadableNetwork = Pick<ConnectedNetwork, 'chain' | 'contracts'> & {
  readonly blockHash?: Hex
  readonly blockNumber?: bigint
}

/** What a view of a contract answers, with integers above 48 bits as bigint. */
export type Answer<
  contract extends ContractName,
  name extends ContractFunctionName<Abis[contract], View>,
> = ContractFunctionReturnType<Abis[contract], View, name>

/**
 * Calls a view of a contract.
 *
 * @example
 * const deposit = await read(network, 'DeviceRegistry', 'deposit')
 * @throws CONTRACT_REVERTED, RPC_FAILED, and what endpoints fail with
 */
export const read = <
  contract extends ContractName,
  name extends ContractFunctionName<Abis[contract], View>,
  const args extends ContractFunctionArgs<Abis[contract], View, name>,
>(
  { chain, contracts, blockHash, blockNumber }: ReadableNetwork,
  contract: contract,
  functionName: name,
  ...args: args & readonly unknown[]
): Promise<ContractFunctionReturnType<Abis[contract], View, name, args>> => {
  const at = blockHash !== undefined ? { blockHash } : blockNumber !== undefined ? { blockNumber } : {}
  const call = { address: contracts[contract], abi: abis[contract] as Abi, functionName: functionName as string }
  const answer = reading(functionName, chain.client.readContract({ ...call, args, ...at }))
  return answer as Promise<ContractFunctionReturnType<Abis[contract], View, name, args>>
}

/**
 * What is read together, at one block; at the newest where the endpoint does not have that one: after a reorg, or where another machine
 * behind the same address answers.
 */
export async function readAt<T>(
  network: ReadableNetwork,
  blockHash: Hex,
  readAll: (at: ReadableNetwork) => Promise<T>,
): Promise<T> {
  try {
    return await readAll({ ...network, blockHash })
  } catch (error) {
    if (!isKaisarError(error, 'RPC_FAILED')) throw error
    return readAll(network)
  }
}

/** Awaits a request to the chain and makes a coded error of its failure. `what` names it, e.g. `eth_getBlockByNumber`. */
export async function reading<T>(what: string, request: Promise<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    throw decodeChainError(error, what)
  }
}

/** A call of a contract's function; `what` is the function's name. */
export type ContractCall = Call & { readonly to: Address; readonly data: Hex }

/** The call of a function that changes something. */
export const callOf = <
  contract extends ContractName,
  name extends ContractFunctionName<Abis[contract], 'nonpayable'>,
  const args extends ContractFunctionArgs<Abis[contract], 'nonpayable', name>,
>(
  contracts: Readonly<Record<contract, Address>>,
  contract: contract,
  functionName: name,
  ...args: args & readonly unknown[]
): ContractCall => ({
  what: functionName,
  to: contracts[contract],
  data: encodeFunctionData({ abi: abis[contract] as Abi, functionName: functionName as string, args }),
})
