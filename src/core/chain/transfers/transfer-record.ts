/** The record of what is sent to many: each signed transaction is in it before it leaves, so that the same list goes on and pays nobody twice. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Address } from 'viem'
import { z } from 'zod'
import { exactUnits } from '../../platform/exact-units.ts'
import { stringifyJson } from '../../platform/output.ts'
import { makeFolders, writeFileAtomically } from '../../platform/write-file-atomically.ts'
import { transferErrors } from './errors.ts'
import type { ListedTransfer } from './transfer-list.ts'

const hex = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]*$/)])
const address = z.templateLiteral(['0x', z.string().regex(/^[0-9a-f]{40}$/)])
const wei = z
  .string()
  .regex(/^\d+$/)
  .transform(text => BigInt(text))

const attemptSchema = z.object({ hash: hex, raw: hex, maxFeePerGas: wei, maxPriorityFeePerGas: wei })

const transferSchema = z.object({
  to: address,
  unit: z.enum(['KAI', 'coin']),
  amount: wei,
  /** Of all attempts, of which the chain takes one; null while none is signed. */
  nonce: z.number().int().nonnegative().nullable(),
  attempts: z.array(attemptSchema),
  /** Set, with the field that follows, when it is mined. */
  block: z.number().int().nonnegative().nullable(),
  transaction: hex.nullable(),
  /** Whether it was seen in that block so deep that no reorganisation takes it out; until then it is looked at again. */
  decided: z.boolean().default(false),
})

const recordSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  chainId: z.number().int().positive(),
  /** Hash of the first block: a development chain that was started anew is another one. */
  genesis: hex,
  token: address,
  from: address,
  transfers: z.array(transferSchema),
})

export type TransferRecord = z.infer<typeof recordSchema>
export type RecordedTransfer = z.infer<typeof transferSchema>

/** What a record is of. */
export type TransferSource = Pick<TransferRecord, 'name' | 'chainId' | 'genesis' | 'token' | 'from'>

export const transferFolder = (dataDir: string): string => join(dataDir, 'transfers')

/** One file for each name, chain and sender. */
export const transferPath = (
  dataDir: string,
  { name, chainId, from }: { readonly name: string; readonly chainId: number; readonly from: Address },
): string => join(transferFolder(dataDir), `${name}-${chainId}-${from.slice(2, 12)}.json`)

/** The record of a source, a new one where there is none. @throws TRANSFER_RECORD_UNFIT where it cannot be read or is of another chain */
export function readTransferRecord(path: string, source: TransferSource): TransferRecord {
  if (!existsSync(path)) return { version: 1, ...source, transfers: [] }
  let record: TransferRecord
  try {
    record = recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw transferErrors.TRANSFER_RECORD_UNFIT({ path, reason: code ?? 'it does not have the expected form', cause })
  }
  const field = (['chainId', 'genesis', 'token', 'from', 'name'] as const).find(each => record[each] !== source[each])
  if (field === undefined) return record
  const what = { chainId: 'chain', genesis: 'chain', token: 'network', from: 'sender', name: 'name' }[field]
  throw transferErrors.TRANSFER_RECORD_UNFIT({ path, reason: `it is of another ${what}` })
}

/** The records of the same sender and network under other names; what cannot be read is none. */
export function otherTransferRecords(dataDir: string, source: TransferSource): TransferRecord[] {
  const folder = transferFolder(dataDir)
  if (!existsSync(folder)) return []
  const isSame = (record: TransferRecord) =>
    (['chainId', 'genesis', 'token', 'from'] as const).every(each => record[each] === source[each])
  return readdirSync(folder)
    .filter(file => file.endsWith('.json'))
    .toSorted()
    .flatMap(file => {
      const { success, data } = recordSchema.safeParse(jsonOf(join(folder, file)))
      return success && isSame(data) && data.name !== source.name ? [data] : []
    })
}

function jsonOf(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

export function writeTransferRecord(path: string, record: TransferRecord): void {
  makeFolders(dirname(path))
  writeFileAtomically(path, `${JSON.stringify(JSON.parse(stringifyJson(record)), null, 1)}\n`)
}

const unsigned = { nonce: null, attempts: [], block: null, transaction: null, decided: false }

/** What was signed, and what of the list was not. @throws TRANSFERS_DIFFER where an address was sent another amount under this name */
export function withListed(record: TransferRecord, list: readonly ListedTransfer[]): TransferRecord {
  const signed = record.transfers.filter(({ nonce }) => nonce !== null)
  const bySlot = new Map(signed.map(each => [slotOf(each), each]))
  const differences = list.flatMap(({ to, unit, amount }) => {
    const known = bySlot.get(slotOf({ to, unit }))
    if (known === undefined || known.amount === amount) return []
    return [
      `${exactUnits(known.amount)} ${unit === 'KAI' ? 'KAI' : 'of the coin'} to ${to}, and the list says ${exactUnits(amount)}`,
    ]
  })
  if (differences.length > 0) throw transferErrors.TRANSFERS_DIFFER({ name: record.name, differences })
  const added = list
    .filter(each => !bySlot.has(slotOf(each)))
    .map(({ to, unit, amount }) => ({ to, unit, amount, ...unsigned }))
  return { ...record, transfers: [...signed, ...added] }
}

/** An address is sent one amount of each unit under one name. */
export const slotOf = ({ to, unit }: Pick<ListedTransfer, 'to' | 'unit'>): string => `${to} ${unit}`
