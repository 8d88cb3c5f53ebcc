import { Flags } from '@oclif/core'
import { chainFlags } from './base.ts'
import { addressFlag, amountFlag, privateEndpointsFlag } from './input-values.ts'
import { keyFlags } from './key-flags.ts'
import { feeCaps, feeFlags } from './sending-command.ts'

/** The flags that both daemons have. */
export const daemonFlags = {
  ...chainFlags,
  ...keyFlags,
  payout: addressFlag({ description: 'Wallet that is paid; its key stays elsewhere' }),
  'execution-provider': Flags.option({ options: ['auto', 'cuda', 'webgpu', 'cpu'] as const })({
    description: 'What computes; auto takes the faster of CUDA and WebGPU, else the CPU',
    default: 'auto',
  }),
  threads: Flags.integer({
    description: 'Threads of one operator on the CPU; 0 takes every core',
    default: 0,
    min: 0,
    max: 1024,
  }),
  confirmations: Flags.integer({
    description: 'Blocks after which a transaction counts as done',
    default: 1,
    min: 1,
    max: 64,
  }),
  'take-over': Flags.boolean({
    description: 'Start although another machine with this operator key has replaced this one',
  }),
  ...privateEndpointsFlag,
  ...feeFlags,
  'spend-cap-ether': amountFlag(18)({
    description:
      'Most ether spent on fees in any 24 hours, a quarter of it only on what a seat has to send in time; nothing more is sent above it',
    default: 5n * 10n ** 17n,
    defaultHelp: async () => '0.5',
  }),
}

export const attestFlag = Flags.boolean({
  description: 'Register NVIDIA cards that can attest with their attested identity',
})

/** Of a Provider, and of its self-test. */
export const memoryFlag = Flags.integer({
  description:
    'Memory to fill on each device for memory rounds, in MiB. Default: on a card by WebGPU 80% of what is free, else the least that the job asks for',
  min: 1,
  max: 2 ** 24,
})

/** What those flags say to the transaction sender. */
export const sendingOptions = (flags: {
  readonly confirmations: number
  readonly 'max-tip-gwei': bigint
  readonly 'max-fee-gwei': bigint
  readonly 'spend-cap-ether': bigint
}) => {
  const { tipPerGas: maxTipPerGas, feePerGas: maxFeePerGas } = feeCaps(flags)
  return { confirmations: flags.confirmations, maxTipPerGas, maxFeePerGas, spendCapWei: flags['spend-cap-ether'] }
}
