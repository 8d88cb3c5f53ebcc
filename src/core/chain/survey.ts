/** Finds by reads alone what a chain can do, and judges whether contracts and daemons fit it. */
import { concat, type Hex, hexToBigInt, hexToNumber, numberToHex, slice, toFunctionSelector } from 'viem'
import type { Chain } from './client.ts'
import { headerHash } from './header-hash.ts'

/** The EVM that the contracts are compiled for; `arbitrum` is Prague with blocks numbered by ArbSys. */
export type EvmVersion = 'prague' | 'london' | 'arbitrum'

/** The measurements of a chain, not judged. */
export type ChainSurvey = {
  readonly chainId: number
  /** The name that the node gives itself; null where it gives none. */
  readonly client: string | null
  /** Opcodes that came after London. */
  readonly opcodes: { readonly push0: boolean; readonly mcopy: boolean; readonly tstore: boolean }
  /** Whether code of 24,576 bytes, the most that Ethereum allows, may be deployed. */
  readonly fullSizeCode: boolean
  /** What contracts count blocks by: NUMBER; ArbSys, where NUMBER is the parent chain's; or nothing that is this chain's. */
  readonly blockNumber: 'own' | 'arbsys' | 'foreign'
  /** Whether BLOCKHASH gives the hash that the endpoint shows for the block before; null where there is no block before. */
  readonly ownBlockHash: boolean | null
  /** Whether the contract of EIP-2935 answers with hashes of the last 8,191 blocks. */
  readonly longHistory: boolean
  /** Whether headers have the hash that they name, by Ethereum's rule. */
  readonly ethereumHeaders: boolean
  /** Whether state can be read at the hash of a block. */
  readonly readsAtHash: boolean
  readonly baseFee: boolean
  readonly gasLimit: bigint
  /** The times between the blocks that were looked at; `gaps` has each one in seconds, oldest first. */
  readonly blocks: {
    readonly count: number
    readonly meanSeconds: number
    readonly longestSeconds: number
    readonly gaps: readonly number[]
  }
  /** How far the last block's time is from this machine's, in ms; positive: the chain is behind. */
  readonly behindMs: number
}

/** Blocks whose times are compared. */
const span = 64
const historyAddress = '0x0000F90827F1C53a10cb7A02335B175320002935'
const arbSysAddress = '0x0000000000000000000000000000000000000064'
const arbBlockNumber = toFunctionSelector('arbBlockNumber()')
const arbBlockHash = toFunctionSelector('arbBlockHash(uint256)')

/**
 * Creation code for `eth_call`: its return value is the answer, so a node runs any opcode without a transaction. Each program ends with
 * `MSTORE … RETURN` of one or more words.
 */
const programs = {
  /** 1, by opcodes that every EVM has. */
  control: '0x600160005260206000f3',
  push0: '0x5f60005260206000f3',
  mcopy: '0x60016000526020600060205e60206020f3',
  tstore: '0x600160005d60005c60005260206000f3',
  /** NUMBER ‖ BLOCKHASH(NUMBER − 1) */
  place: '0x43600052600143034060205260406000f3',
  /** 24,576 bytes of zero. */
  fullSize: '0x6160006000f3',
} as const satisfies Record<string, Hex>

type Block = Readonly<Record<string, unknown>> & {
  readonly number: Hex
  readonly hash: Hex
  readonly timestamp: Hex
  readonly gasLimit: Hex
}

/**
 * Measures a chain by reads; sends no transaction.
 *
 * @param nowMs - wall clock, for how far the chain is behind
 * @throws RPC_UNREACHABLE, RPC_FAILED where the endpoint runs no code that is given to it
 */
export async function surveyChain(chain: Chain, nowMs: number): Promise<ChainSurvey> {
  // viem's types know neither calls without a target nor headers as the node gives them.
  const request = chain.client.request as unknown as (call: { method: string; params?: unknown }) => Promise<unknown>
  const blockAt = async (which: Hex | 'latest') =>
    (await request({ method: 'eth_getBlockByNumber', params: [which, false] })) as Block | null
  const run = async (data: Hex, at: unknown) => (await request({ method: 'eth_call', params: [{ data }, at] })) as Hex
  const runs = (data: Hex, at: unknown): Promise<boolean> =>
    run(data, at).then(
      answer => answer.length > 2,
      () => false,
    )

  const head = (await blockAt('latest'))!
  const number = hexToNumber(head.number)
  await run(programs.control, head.number)
  const [push0, mcopy, tstore, fullSizeCode, readsAtHash, place, client, history, first] = await Promise.all([
    runs(programs.push0, head.number),
    runs(programs.mcopy, head.number),
    runs(programs.tstore, head.number),
    runs(programs.fullSize, head.number),
    runs(programs.control, { blockHash: head.hash }),
    run(programs.place, head.number),
    request({ method: 'web3_clientVersion' }).then(String, () => null),
    number === 0 ? ('0x' as Hex) : askHistory(number - 1),
    blockAt(numberToHex(Math.max(0, number - span))),
  ])
  async function askHistory(of: number): Promise<Hex> {
    const call = { to: historyAddress, data: numberToHex(of, { size: 32 }) }
    return request({ method: 'eth_call', params: [call, head.number] }).then(
      answer => answer as Hex,
      (): Hex => '0x',
    )
  }

  // A node may run a call in the block that it names or in the one to come.
  const isNear = (counted: number) => counted === number || counted === number + 1
  const { counted, hashBefore } = wordsOf(place)
  const arbSys = isNear(counted) ? null : await askArbSys()
  const blockNumber = isNear(counted) ? 'own' : arbSys !== null && isNear(arbSys.counted) ? 'arbsys' : 'foreign'
  const inside = arbSys ?? { counted, hashBefore }
  const before = blockNumber !== 'foreign' && inside.counted > 0 ? await blockAt(numberToHex(inside.counted - 1)) : null
  async function askArbSys() {
    const call = async (data: Hex) =>
      (await request({ method: 'eth_call', params: [{ to: arbSysAddress, data }, head.number] })) as Hex
    try {
      const counted = hexToNumber(await call(arbBlockNumber))
      const hashBefore = await call(concat([arbBlockHash, numberToHex(counted - 1, { size: 32 })]))
      return { counted, hashBefore }
    } catch {
      return null
    }
  }
  const count = number - hexToNumber(first!.number)
  const elapsed = hexToNumber(head.timestamp) - hexToNumber(first!.timestamp)
  const gaps = await gapsBetween(blockAt, number, count)
  return {
    chainId: chain.chainId,
    client,
    opcodes: { push0, mcopy, tstore },
    fullSizeCode,
    blockNumber,
    ownBlockHash: before === null ? null : before.hash === inside.hashBefore,
    longHistory: history.length === 66 && hexToBigInt(history) !== 0n,
    ethereumHeaders: headerHash(head) === head.hash,
    readsAtHash,
    baseFee: head.baseFeePerGas !== undefined && head.baseFeePerGas !== null,
    gasLimit: hexToBigInt(head.gasLimit),
    blocks: {
      count,
      meanSeconds: count === 0 ? 0 : elapsed / count,
      longestSeconds: Math.max(0, ...gaps),
      gaps,
    },
    behindMs: nowMs - hexToNumber(head.timestamp) * 1000,
  }
}

/** Between neighbours among the last `count` blocks, in seconds. */
async function gapsBetween(
  blockAt: (which: Hex) => Promise<Block | null>,
  last: number,
  count: number,
): Promise<number[]> {
  const numbers = Array.from({ length: count + 1 }, (_, i) => last - count + i)
  const times: number[] = []
  // A few at a time: public endpoints limit a burst.
  for (let i = 0; i < numbers.length; i += 8) {
    const some = await Promise.all(numbers.slice(i, i + 8).map(each => blockAt(numberToHex(each))))
    for (const block of some) if (block !== null) times.push(hexToNumber(block.timestamp))
  }
  return times.slice(1).map((time, i) => time - times[i]!)
}

/** `fault`: the contracts cannot be deployed, or would not be safe. `note`: they work, at the cost that the text names. */
type SurveyFinding = {
  readonly check: string
  readonly level: 'ok' | 'note' | 'fault'
  readonly text: string
  /** What `kaisar help` explains further; most findings say all there is. */
  readonly code?: 'BLOCKS_ON_DEMAND'
}

export type ChainFitness = {
  /** Whether no finding is a fault. */
  readonly isFit: boolean
  /** The EVM that the contracts have to be compiled for on this chain. */
  readonly evm: EvmVersion
  readonly findings: readonly SurveyFinding[]
}

/** Gas of the dearest transaction of a network: deploying its largest contract. */
const leastGas = 10_000_000n

/** Judges whether a network can run on the surveyed chain. Pure. */
export function judgeSurvey(survey: ChainSurvey): ChainFitness {
  const { opcodes, blocks } = survey
  const isPrague = opcodes.push0 && opcodes.mcopy && opcodes.tstore
  const missing = Object.entries(opcodes).flatMap(([name, has]) => (has ? [] : [name.toUpperCase()]))
  const findings: SurveyFinding[] = []
  const add = (check: string, level: SurveyFinding['level'], text: string, code?: SurveyFinding['code']) =>
    findings.push({ check, level, text, ...(code && { code }) })
  const unless = (level: 'note' | 'fault') => (check: string, holds: boolean, ok: string, text: string) =>
    add(check, holds ? 'ok' : level, holds ? ok : text)
  const [noteUnless, faultUnless] = [unless('note'), unless('fault')]

  noteUnless(
    'opcodes',
    isPrague,
    'PUSH0, MCOPY and TSTORE run: the contracts as compiled for Prague',
    `no ${missing.join(', ')}: the contracts as compiled for London, which cost a little more gas`,
  )
  faultUnless(
    'code size',
    survey.fullSizeCode,
    'up to 24,576 bytes a contract',
    'less than 24,576 bytes a contract: the contracts do not fit',
  )
  faultUnless(
    'gas limit',
    survey.gasLimit >= leastGas,
    `${survey.gasLimit.toLocaleString('en')} gas a block`,
    `${survey.gasLimit.toLocaleString('en')} gas a block; deploying takes ${leastGas.toLocaleString('en')}`,
  )
  if (survey.blockNumber === 'arbsys')
    add(
      'block number',
      'note',
      'contracts see the parent chain’s; this chain’s come from ArbSys: the contracts as compiled for Arbitrum',
    )
  else
    faultUnless(
      'block number',
      survey.blockNumber === 'own',
      'contracts see the number of their own block',
      'contracts see the number of another chain’s block: no seed of an epoch could be pinned to a block of this one',
    )
  if (survey.blockNumber !== 'foreign' && survey.ownBlockHash === null)
    add('block hash', 'note', 'there is no block before this one yet')
  else if (survey.blockNumber !== 'foreign')
    faultUnless(
      'block hash',
      survey.ownBlockHash === true,
      'contracts see the hash of the block before',
      'contracts see another hash for the block before than the endpoint shows: the seeds of epochs could be known beforehand',
    )
  noteUnless(
    'history',
    survey.longHistory,
    'contracts see the hashes of the last 8,191 blocks (EIP-2935)',
    'contracts see the hashes of the last 256 blocks only: a keeper that is late by more pins the seed of an epoch again',
  )
  noteUnless(
    'headers',
    survey.ethereumHeaders,
    'have the hash that they name: a forged header is recognised from one endpoint',
    'are not hashed as Ethereum hashes them: a forged header is found by comparing endpoints, so give three',
  )
  faultUnless(
    'state at a block',
    survey.readsAtHash,
    'can be read by the hash of the block',
    'cannot be read by the hash of a block (EIP-1898): daemons could not tell one branch from another',
  )
  faultUnless('fees', survey.baseFee, 'EIP-1559', 'no base fee (EIP-1559): transactions of type 2 are refused')
  const times = `${blocks.meanSeconds.toFixed(2)} s on average over ${blocks.count} blocks, at most ${blocks.longestSeconds} s`
  if (blocks.count < 8) add('block time', 'note', `${blocks.count} blocks are too few to say; wait for more`)
  else if (areOnDemand(blocks.gaps))
    add(
      'block time',
      'note',
      `${times}: irregular, as where a block is made only for a transaction. Whoever sends the only one chooses the seed of an epoch: keep traffic steady, by a transaction every few seconds (BLOCKS_ON_DEMAND)`,
      'BLOCKS_ON_DEMAND',
    )
  else add('block time', 'ok', times)
  const seconds = Math.round(survey.behindMs / 1000)
  const limit = Math.max(30, 3 * blocks.longestSeconds)
  noteUnless(
    'clock',
    Math.abs(seconds) <= limit,
    `the last block is ${seconds} s old`,
    seconds > 0
      ? `the last block is ${seconds} s old: the chain or the endpoint stands still`
      : `the last block is ${-seconds} s ahead of this machine’s clock: check the clock, or mine by time and not by transaction`,
  )
  if (survey.blockNumber === 'arbsys' && !isPrague)
    add('opcodes', 'fault', 'the contracts as compiled for Arbitrum need PUSH0, MCOPY and TSTORE')
  const isFit = findings.every(({ level }) => level !== 'fault')
  const evm = survey.blockNumber === 'arbsys' ? 'arbitrum' : isPrague ? 'prague' : 'london'
  return { isFit, evm, findings }
}

/** A time between blocks, in seconds, within which keepers get by on any chain. */
const shortSeconds = 10

/**
 * Whether blocks seem to be made for transactions and not by time: a third of the time or more lies in gaps of over twice the one in the
 * middle, and in two of them at least, since a chain that is made by time may have stood still once. Slots that were missed make gaps of twice
 * the usual one.
 */
function areOnDemand(gaps: readonly number[]): boolean {
  const middle = gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)]!
  const long = gaps.filter(gap => gap > Math.max(shortSeconds, 2 * middle))
  const sum = (times: readonly number[]) => times.reduce((total, time) => total + time, 0)
  return long.length > 1 && sum(long) >= sum(gaps) / 3
}

/** NUMBER and the hash before, as `programs.place` returns them. */
const wordsOf = (place: Hex) => ({
  counted: hexToNumber(slice(place, 0, 32)),
  hashBefore: slice(place, 32, 64),
})
