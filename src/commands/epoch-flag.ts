/** Commands about one epoch take it as --epoch; those that took it as a word still do. */
import { Flags } from '@oclif/core'
import { usageErrors } from './usage-errors.ts'

export const epochFlag = (description: string) => ({
  epoch: Flags.integer({ description, min: 0, helpValue: '<number>' }),
})

/** @throws USAGE_INVALID where the word and the flag name two epochs */
export function askedEpoch(
  flags: { readonly epoch?: number | undefined },
  args: { readonly epoch?: number | undefined },
): number | undefined {
  if (flags.epoch !== undefined && args.epoch !== undefined && flags.epoch !== args.epoch)
    throw usageErrors.USAGE_INVALID({ reason: `Which epoch is meant, ${args.epoch} or ${flags.epoch}?` })
  return flags.epoch ?? args.epoch
}
