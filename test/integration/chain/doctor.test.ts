import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import type { ChainFitness, ChainSurvey } from '../../../src/core/chain/survey.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { runCliHere } from '../../helpers/cli-in-process.ts'
import { isolatedHome } from '../../helpers/run-cli.ts'
import { endWithScope } from '../../setup/file-scope.ts'

const arbSys = '0x0000000000000000000000000000000000000064'
/** With four bytes of calldata NUMBER, else BLOCKHASH of the argument. */
const arbSysCode = '0x366004146013576004354060005260206000f35b4360005260206000f3'

type Doctor = ChainSurvey & ChainFitness & { readonly presets: readonly string[] }

const examine = async (url: string) => {
  const { exitCode, json: read } = await runCliHere(['chain', 'doctor', '--rpc-url', url, '--json'], {
    env: isolatedHome().env,
  })
  const { success, data, errors } = read<Doctor>()
  const level = (check: string) => data.findings.find(each => each.check === check)?.level
  return { exitCode, success, data, errors, level }
}

/** Twelve blocks with this time between them, or a block after each of these times; the last one now. */
async function chainWith(options: Parameters<typeof anvilForTests>[0], seconds: number | readonly number[]) {
  const gaps = typeof seconds === 'number' ? new Array<number>(12).fill(seconds) : seconds
  const elapsed = gaps.reduce((sum, gap) => sum + gap, 0)
  const anvil = await anvilForTests({ ...options, timestamp: Math.floor(Date.now() / 1000) - elapsed })
  for (const gap of gaps) {
    const { timestamp } = await anvil.client.getBlock()
    await anvil.client.setNextBlockTimestamp({ timestamp: timestamp + BigInt(gap) })
    await anvil.client.mine({ blocks: 1 })
  }
  return anvil
}

/** An endpoint that lets every answer through `change`. */
async function endpointBefore(
  target: string,
  change: (call: { method: string; params: unknown[] }, result: unknown) => unknown,
) {
  const server = createServer(async (request, response) => {
    const call = (await json(request)) as { method: string; params: unknown[] }
    const answer = await fetch(target, {
      method: 'POST',
      body: JSON.stringify(call),
      headers: { 'content-type': 'application/json' },
    })
    const body = (await answer.json()) as { result: unknown }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ...body, result: change(call, body.result) }))
  }).listen(0, '127.0.0.1')
  endWithScope(async () => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise(resolve => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('chain doctor', () => {
  test('a Prague chain with a block a second has no fault, and suits the presets devnet and peaq', async () => {
    const anvil = await chainWith({}, 1)
    const { exitCode, data } = await examine(anvil.rpcUrl)
    expect(exitCode).toBe(0)
    expect(data).toMatchObject({ evm: 'prague', presets: ['devnet', 'peaq'], chainId: 31337 })
    expect(data.findings.filter(({ level }) => level !== 'ok')).toEqual([])
    expect(data.blocks).toMatchObject({ meanSeconds: 1, longestSeconds: 1 })
  })

  test('a London chain is fit, with the contracts for London and a history of 256 blocks', async () => {
    const anvil = await chainWith({ hardfork: 'london' }, 2)
    const { exitCode, data, level } = await examine(anvil.rpcUrl)
    expect(exitCode).toBe(0)
    expect(data).toMatchObject({
      evm: 'london',
      opcodes: { push0: false, mcopy: false, tstore: false },
      longHistory: false,
      presets: ['op-stack'],
    })
    expect([level('opcodes'), level('history')]).toEqual(['note', 'note'])
  })

  test('a chain that makes blocks on demand is fit, with a note that names the code and the cure', async () => {
    const gaps = [1, 2, 95, 1, 1, 40, 3, 210, 1, 1, 17, 2]
    const { exitCode, data } = await examine((await chainWith({}, gaps)).rpcUrl)
    expect(exitCode).toBe(0)
    expect(data.blocks).toMatchObject({ count: 12, longestSeconds: 210, gaps })
    expect(data.findings.find(({ code }) => code === 'BLOCKS_ON_DEMAND')).toMatchObject({
      check: 'block time',
      level: 'note',
      text: expect.stringMatching(/at most 210 s: irregular.*keep traffic steady.*BLOCKS_ON_DEMAND/),
    })
  })

  test('a chain that has just begun gets no fault for that', async () => {
    const { exitCode, level } = await examine((await anvilForTests()).rpcUrl)
    expect([exitCode, level('block hash'), level('block time')]).toEqual([0, 'note', 'note'])
  })

  test('a chain whose contracts see another chain’s block numbers is refused, and the fault is named', async () => {
    const anvil = await chainWith({}, 1)
    const parent = (call: { method: string; params: unknown[] }, result: unknown) =>
      call.method === 'eth_call' && JSON.stringify(call.params).includes('0x4360005260')
        ? `0x${(21_000_000).toString(16).padStart(64, '0')}${'00'.repeat(32)}`
        : result
    const { exitCode, errors, level } = await examine(await endpointBefore(anvil.rpcUrl, parent))
    expect(exitCode).toBe(3)
    expect(errors[0]).toMatchObject({ code: 'CHAIN_UNFIT', message: expect.stringContaining('block number') })
    expect(level('block number')).toBe('fault')
  })

  test('an Arbitrum chain, where ArbSys knows the chain’s own blocks, is fit with the contracts for Arbitrum', async () => {
    const anvil = await chainWith({}, 1)
    // NUMBER is the parent's; at address 100 is what answers with this chain's, as compiled from the two opcodes.
    await anvil.client.setCode({ address: arbSys, bytecode: arbSysCode })
    const parent = (call: { method: string; params: unknown[] }, result: unknown) =>
      call.method === 'eth_call' && JSON.stringify(call.params).includes('0x4360005260')
        ? `0x${(21_000_000).toString(16).padStart(64, '0')}${'00'.repeat(32)}`
        : result
    const { exitCode, data, level } = await examine(await endpointBefore(anvil.rpcUrl, parent))
    expect(exitCode).toBe(0)
    expect(data).toMatchObject({ evm: 'arbitrum', blockNumber: 'arbsys', ownBlockHash: true })
    expect([level('block number'), level('block hash')]).toEqual(['note', 'ok'])
  })

  test('a block hash that only contracts see, and a gas limit that is too low, are faults', async () => {
    const anvil = await chainWith({}, 1)
    const change = (call: { method: string; params: unknown[] }, result: unknown) => {
      if (call.method === 'eth_getBlockByNumber') return { ...(result as object), gasLimit: '0x5b8d80' }
      if (call.method === 'eth_call' && JSON.stringify(call.params).includes('0x4360005260'))
        return `${(result as string).slice(0, 66)}${'11'.repeat(32)}`
      return result
    }
    const { exitCode, level } = await examine(await endpointBefore(anvil.rpcUrl, change))
    expect(exitCode).toBe(3)
    expect([level('block hash'), level('gas limit'), level('block number')]).toEqual(['fault', 'fault', 'ok'])
    // The gas limit is part of what is hashed.
    expect(level('headers')).toBe('note')
  })
})
