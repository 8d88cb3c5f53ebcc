/** What is offered at most for a transaction, by daemons and by commands that send one. */
import { defaultFeeCaps, type FeeCaps } from '../core/chain/tx/fees.ts'
import { amountFlag } from './input-values.ts'

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
