/** A list of recipients as people write it, in a file or in flags, as transfers. Pure. */
import { type Address, getAddress } from 'viem'
import { exactUnits, parseUnits } from '../../platform/exact-units.ts'
import { transferErrors } from './errors.ts'

/** `coin` is the chain's own coin, which pays for gas. */
type TransferUnit = 'KAI' | 'coin'

export type ListedTransfer = {
  readonly to: Address
  readonly unit: TransferUnit
  /** Wei, above 0. */
  readonly amount: bigint
}

/** A recipient as it is written, and where: `line 3`, `--to`. */
export type WrittenRecipient = { readonly place: string; readonly text: string }

type Amounts = { readonly KAI: bigint; readonly coin: bigint }

/** The recipients of a file: one a line, with an optional heading, and comments from `#` to the end of a line. */
export const recipientsOfFile = (text: string): WrittenRecipient[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ place: `line ${i + 1}`, text: line.replace(/#.*$/, '').trim() }))
    .filter(({ text }) => text !== '')
    .filter(({ text }, i) => i > 0 || !/^"?address\b/i.test(text))

/**
 * Address, KAI and coin, with a comma, a semicolon, an equals sign or space between them.
 *
 * @param each - `KAI,coin` for recipients without amounts of their own
 * @returns KAI and coin of a recipient one after the other, in the order of the list
 * @throws TRANSFERS_INVALID, with every problem of the list
 */
export function readTransferList(recipients: readonly WrittenRecipient[], each?: string): ListedTransfer[] {
  const problems: string[] = []
  const places = new Map<Address, string>()
  const forAll = each === undefined ? null : amountsOf(fieldsOf(each))
  if (typeof forAll === 'string') problems.push(`--each: ${forAll}`)
  const transfers = recipients.flatMap(({ place, text }): ListedTransfer[] => {
    const [address = '', ...fields] = fieldsOf(text)
    const to = addressOf(address)
    const amounts = fields.length === 0 ? (forAll ?? 'it names no amount') : amountsOf(fields)
    const known = to === null ? undefined : places.get(to)
    if (to !== null) places.set(to, known ?? place)
    const problem =
      to === null
        ? `"${address}" is not an address, or its checksum is wrong`
        : known !== undefined
          ? `${to} is named a second time, after ${known}`
          : typeof amounts === 'string'
            ? amounts
            : null
    if (problem !== null) problems.push(`${place}: ${problem}`)
    if (problem !== null || to === null || typeof amounts === 'string') return []
    return (['KAI', 'coin'] as const)
      .map(unit => ({ to, unit, amount: amounts[unit] }))
      .filter(({ amount }) => amount > 0n)
  })
  if (recipients.length === 0) problems.push('no recipient is named')
  if (problems.length > 0) throw transferErrors.TRANSFERS_INVALID({ problems })
  return transfers
}

const fieldsOf = (text: string): string[] => text.trim().split(/\s*[,;=]\s*|\s+/)

function addressOf(text: string): Address | null {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return null
  const lower = text.toLowerCase() as Address
  const isOneCase = text === lower || text.slice(2) === text.slice(2).toUpperCase()
  return isOneCase || getAddress(lower) === text ? lower : null
}

/** Of `1000`, `1000 0.5` or ` 0.5`, where an empty one and 0 mean none; a text says what is wrong. */
function amountsOf(fields: readonly string[]): Amounts | string {
  if (fields.length > 2) return `more than an address and two amounts: "${fields.join(',')}"`
  const [kai = '', coin = ''] = fields
  const amounts = { KAI: amountOf(kai), coin: amountOf(coin) }
  if (amounts.KAI === null || amounts.coin === null)
    return `"${amounts.KAI === null ? kai : coin}" is not an amount, such as 0.5`
  return amounts.KAI + amounts.coin === 0n ? 'it names no amount' : (amounts as Amounts)
}

/** 1,000 with a comma for thousands would be one KAI and no coin: such a zero in front is no amount. */
const amountOf = (text: string): bigint | null =>
  text === '' || /^0(\.0+)?$/.test(text) ? 0n : /^0\d/.test(text) ? null : parseUnits(text)

export const totalsOf = (transfers: readonly ListedTransfer[]): Amounts => {
  const sum = (unit: TransferUnit) =>
    transfers.reduce((total, each) => (each.unit === unit ? total + each.amount : total), 0n)
  return { KAI: sum('KAI'), coin: sum('coin') }
}

/** `1000 KAI and 0.5 of the chain’s own coin`. */
export const totalsText = ({ KAI, coin }: Amounts): string =>
  [
    ...(KAI > 0n || coin === 0n ? [`${exactUnits(KAI)} KAI`] : []),
    ...(coin > 0n ? [`${exactUnits(coin)} of the chain’s own coin`] : []),
  ].join(' and ')
