/** What commands share that send one transaction: whose it is, whether it may, a question, and the signature; or the call for another wallet. */
import { type Command, Flags } from '@oclif/core'
import { chainErrors } from '../core/chain/errors.ts'
import type { ConnectedNetwork } from '../core/chain/network.ts'
import { defaultFeeCaps, type FeeCaps } from '../core/chain/tx/fees.ts'
import type { Receipt } from '../core/chain/tx/receipt.ts'
import type { Call } from '../core/chain/tx/transact.ts'
import { accountOf } from '../core/daemon/operator-key.ts'
import { exactUnits } from '../core/platform/exact-units.ts'
import { BaseCommand, chainFlags, confirmFlags } from './base.ts'
import { amountFlag } from './input-values.ts'
import { keyFlags } from './key-flags.ts'

/** What is offered at most for a transaction, by daemons and by commands that send one. */
export const feeFlags = {
  'max-tip-gwei': amountFlag(9)({
    description:
      'Most gwei per gas offered to who makes the block, a quarter of it at first, whatever endpoints say is asked',
    default: defaultFeeCaps.tipPerGas,
    defaultHelp: async () => '10',
  }),
  'max-fee-gwei': amountFlag(9)({
    description: 'Most gwei per gas that a transaction offers; none is sent while the chain asks for more',
    default: defaultFeeCaps.feePerGas,
    defaultHelp: async () => '200',
  }),
}

export const feeCaps = (flags: { readonly 'max-tip-gwei': bigint; readonly 'max-fee-gwei': bigint }): FeeCaps => ({
  tipPerGas: flags['max-tip-gwei'],
  feePerGas: flags['max-fee-gwei'],
})

export const sendingFlags = { ...chainFlags, ...keyFlags, ...feeFlags, ...confirmFlags }

/** Of commands that a wallet calls whose key is elsewhere. */
const calldataFlags = {
  calldata: Flags.boolean({
    description: 'Send nothing: print the transaction for a hardware wallet',
    exclusive: ['safe'],
  }),
  safe: Flags.boolean({
    description: 'Send nothing: print the transaction as a file for the Transaction Builder of a Safe',
  }),
}

export const callFlags = { ...sendingFlags, ...calldataFlags }

/** A transaction that any wallet may send. */
type UnsignedCall = { readonly to: string; readonly data: string; readonly value: string; readonly chainId: number }

/** What the Transaction Builder of a Safe imports. */
type SafeBatch = {
  readonly version: string
  readonly chainId: string
  readonly createdAt: number
  readonly meta: Readonly<Record<string, string>>
  readonly transactions: readonly object[]
}

type SendOptions = {
  /** The addresses that may make the call; absent: any. */
  readonly allowed?: readonly `0x${string}`[]
  /** Asked before something is moved or given up; absent: nothing is asked. */
  readonly question?: string
  /** How many transactions the question is about, this one the first; default one. */
  readonly transactions?: number
}

export abstract class SendingCommand<T extends typeof Command> extends BaseCommand<T> {
  /** Whether the call is only printed. */
  protected get printsCall(): boolean {
    const { calldata, safe } = this.flags as { calldata?: boolean; safe?: boolean }
    return calldata === true || safe === true
  }

  /** Tries the call from the key's address before anything is asked, then signs, sends and waits. */
  protected async sendCall(
    { chain }: Pick<ConnectedNetwork, 'chain'>,
    call: Call,
    { allowed, question, transactions = 1 }: SendOptions = {},
  ): Promise<{ readonly from: `0x${string}`; readonly receipt: Receipt }> {
    const from = await this.keyAddress()
    const { tryCall, transact } = await import('../core/chain/tx/transact.ts')
    const { systemClock: clock } = await import('../core/platform/clock.ts')
    if (allowed !== undefined && !allowed.includes(from))
      throw chainErrors.CALLER_NOT_ALLOWED({ caller: from, what: call.what, allowed: [...new Set(allowed)] })
    // oclif's types of a generic command do not say that the flags of all of them are there.
    const caps = feeCaps(this.flags as unknown as Parameters<typeof feeCaps>[0])
    const { most, maxPriorityFeePerGas, tipAsked } = await tryCall(chain, from, call, { caps })
    if (tipAsked > maxPriorityFeePerGas)
      this.warn(chainErrors.TRANSACTION_TIP_CAP({ askedWei: tipAsked, offeredWei: maxPriorityFeePerGas }).message)
    if (question !== undefined) await this.confirm(`${question} ${feeText(most, caps.feePerGas, transactions)}`)
    const account = await accountOf(await this.operatorKey())
    const receipt = await transact(
      call,
      { caps, mostWei: question === undefined ? undefined : most },
      { chain, account, clock },
    )
    return { from, receipt }
  }

  /** Prints the call for whoever may send it, once the chain would accept it of the first of them. */
  protected async printCall(
    { chain }: Pick<ConnectedNetwork, 'chain'>,
    call: Call,
    { allowed }: Pick<SendOptions, 'allowed'> = {},
  ): Promise<UnsignedCall | SafeBatch> {
    const { simulateCall } = await import('../core/chain/tx/transact.ts')
    await simulateCall(chain, allowed?.[0], call)
    return this.print(chain.chainId, call.what, [call])
  }

  /** Prints calls, each of which needs the ones before it: a Safe sends them as one. */
  protected printCalls(chainId: number, what: string, calls: readonly Call[]): { calls: UnsignedCall[] } | SafeBatch {
    return this.print(chainId, what, calls)
  }

  private print(chainId: number, what: string, calls: readonly [Call]): UnsignedCall | SafeBatch
  private print(chainId: number, what: string, calls: readonly Call[]): { calls: UnsignedCall[] } | SafeBatch
  private print(chainId: number, what: string, calls: readonly Call[]): object {
    const transactions = calls.map(({ to, data = '0x', value = 0n }) => ({ to: to!, data, value: String(value) }))
    const unsigned = transactions.map(transaction => ({ ...transaction, chainId }))
    const { safe } = this.flags as { safe?: boolean }
    const printed = safe
      ? safeBatch(chainId, what, transactions)
      : unsigned.length === 1
        ? unsigned[0]!
        : { calls: unsigned }
    this.log(JSON.stringify(printed, null, 2))
    return printed
  }
}

/** What is agreed to: the first of several transactions is tried, the others only when it was mined. */
const feeText = (most: bigint, capPerGas: bigint, transactions: number): string =>
  transactions === 1
    ? `Its fee is at most ${exactUnits(most)} of the chain’s own coin.`
    : `Of ${transactions} transactions, the fee of the first is at most ${exactUnits(most)} of the chain’s own coin, and of each at most ${exactUnits(capPerGas * 10n ** 9n)} gwei per gas.`

const safeBatch = (chainId: number, what: string, transactions: readonly object[]): SafeBatch => ({
  version: '1.0',
  chainId: String(chainId),
  createdAt: Date.now(),
  meta: { name: `kaisar ${what}`, description: '', txBuilderVersion: '1.16.5' },
  transactions: transactions.map(each => ({ ...each, contractMethod: null, contractInputsValues: null })),
})
