import { type Address, encodeFunctionData, type Hex, parseAbi, parseEther, toFunctionSelector } from 'viem'
import { connectChain } from '../../src/core/chain/client.ts'
import type { AnvilOptions } from '../../src/core/devnet/anvil.ts'
import { anvilForTests, devAccount } from './anvil.ts'

/** Logs its calldata: what was executed, and how often, is then on the chain. */
const board = '0x00000000000000000000000000000000000051aa' as Address
/** Reverts everything with an error that our contracts have too. */
const refuser = '0x00000000000000000000000000000000000051bb' as Address
const abi = parseAbi(['function note(uint256 value)'])

/** A chain with a contract that keeps count of the calls it got, one that refuses, and a funded account. */
export async function noteBoard(options: AnvilOptions = {}) {
  const anvil = await anvilForTests(options)
  await anvil.client.setCode({ address: board, bytecode: '0x366000600037366000a000' })
  const selector = toFunctionSelector('TransferFailed()').slice(2)
  await anvil.client.setCode({ address: refuser, bytecode: `0x63${selector}6000526004601cfd` })
  const account = devAccount(3)
  await anvil.client.setBalance({ address: account.address, value: parseEther('100') })
  const dataOf = (value: number): Hex => encodeFunctionData({ abi, functionName: 'note', args: [BigInt(value)] })
  return {
    anvil,
    account,
    chain: await connectChain({ rpcUrls: [anvil.rpcUrl] }),
    /** A call that notes a value; its key is `note/<value>`. */
    note: (value: number, more: { priority?: number; deadline?: number } = {}) =>
      ({ key: `note/${value}`, what: 'note', to: board, data: dataOf(value), ...more }) as const,
    refused: { key: 'refused', what: 'note', to: refuser, data: dataOf(1) } as const,
    /** Values noted on the canonical chain, in order. */
    async noted(): Promise<number[]> {
      const logs = await anvil.client.getLogs({ address: board, fromBlock: 0n })
      return logs.map(({ data }) => Number(BigInt(`0x${data.slice(10)}`)))
    },
    /** Transactions waiting in the pool. */
    async pooled(): Promise<number> {
      const { pending, queued } = await anvil.client.getTxpoolStatus()
      return pending + queued
    },
    dataOf,
    reorg: (depth: number) => anvil.client.request({ method: 'anvil_reorg', params: [depth, []] } as never),
    nonce: () => anvil.client.getTransactionCount({ address: account.address }),
  }
}
