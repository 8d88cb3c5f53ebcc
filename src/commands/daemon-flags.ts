import { Flags } from '@oclif/core'
import { platformErrors } from '../core/platform/platform-errors.ts'
import { chainFlags, keyFlags } from './base.ts'

/** An address in lower case. */
export const addressFlag = Flags.custom<`0x${string}`>({
  helpValue: '<address>',
  async parse(input) {
    if (!/^0x[0-9a-fA-F]{40}$/.test(input)) throw platformErrors.ADDRESS_INVALID({ input })
    return input.toLowerCase() as `0x${string}`
  },
})

/** The flags that both daemons have. */
export const daemonFlags = {
  ...chainFlags,
  ...keyFlags,
  payout: addressFlag({ description: 'Wallet that is paid; its key stays elsewhere' }),
  'execution-provider': Flags.option({ options: ['auto', 'cuda', 'webgpu', 'cpu'] as const })({
    description: 'What computes; auto takes the first of CUDA, WebGPU and CPU that works',
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
}
