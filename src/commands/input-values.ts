/** Addresses, amounts, times and epochs as people type them, in flags and arguments. */
import { Args, Flags } from '@oclif/core'
import { parseUnits } from '../core/platform/exact-units.ts'
import { platformErrors } from '../core/platform/platform-errors.ts'
import { usageErrors } from './usage-errors.ts'

type Address = `0x${string}`

/** An address in lower case. One in mixed case carries a checksum, which has to be right. @throws ADDRESS_INVALID */
export async function parseAddress(input: string): Promise<Address> {
  if (!/^0x[0-9a-fA-F]{40}$/.test(input)) throw platformErrors.ADDRESS_INVALID({ input })
  const lower = input.toLowerCase() as Address
  if (input !== lower && input.slice(2) !== input.slice(2).toUpperCase()) {
    const { getAddress } = await import('viem')
    if (getAddress(lower) !== input) throw platformErrors.ADDRESS_MISTYPED({ input })
  }
  return lower
}

/** An amount in a unit of `10 ** decimals` wei, as wei. */
async function parseAmount(input: string, decimals: number): Promise<bigint> {
  const wei = parseUnits(input, decimals)
  if (wei === null) throw usageErrors.USAGE_INVALID({ reason: `"${input}" is not an amount above 0, such as 0.5.` })
  return wei
}

export const fileFlag = (description: string) => Flags.string({ description, helpValue: '<file>' })
export const addressFlag = Flags.custom<Address>({ helpValue: '<address>', parse: parseAddress })
export const privateEndpointsFlag = {
  'private-endpoints': Flags.boolean({
    description:
      'Dial Checkers at private addresses, which on a chain that others use would make this host connect to its own',
  }),
}
/** In seconds; `max` is the most of them. */
export const durationFlag = Flags.custom<number, { max?: number }>({
  helpValue: '<duration>',
  async parse(input, _, { max }) {
    const seconds = parseDuration(input)
    if (seconds === null)
      throw usageErrors.USAGE_INVALID({ reason: `"${input}" is not a length of time, such as 45m, 2h or 1h30m.` })
    if (max !== undefined && seconds > max)
      throw usageErrors.USAGE_INVALID({ reason: `"${input}" is more than the ${max / 86_400} days that are the most.` })
    return seconds
  },
})
export const addressArg = Args.custom<Address>({ parse: parseAddress })
export const amountFlag = (decimals: 9 | 18) =>
  Flags.custom<bigint>({ helpValue: '<amount>', parse: input => parseAmount(input, decimals) })
export const amountArg = Args.custom<bigint>({ parse: input => parseAmount(input, 18) })

/** Seconds of `90s`, `45m`, `2h`, `1d` or `1h30m`, largest unit first; null where it is none of that, or nothing. */
export function parseDuration(input: string): number | null {
  const parts = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(input)
  if (parts === null) return null
  const [, days, hours, minutes, seconds] = parts.map(part => Number(part ?? 0))
  const sum = days! * 86_400 + hours! * 3_600 + minutes! * 60 + seconds!
  return sum === 0 ? null : sum
}

/** Commands about one epoch take it as --epoch; those that took it as a word still do. */
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
