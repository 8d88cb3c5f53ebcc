/** Computes a block's hash from the fields of its header, so that no endpoint can put a false time under a true hash. */
import { type Hex, toRlp } from 'viem'
import { keccak256 } from '../platform/keccak.ts'

/** Fields of a header in the order in which they are hashed; those after the nonce came with later forks, in this order. */
const first = (
  'parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom ' +
  'difficulty number gasLimit gasUsed timestamp extraData mixHash nonce'
).split(' ')
const later = 'baseFeePerGas withdrawalsRoot blobGasUsed excessBlobGas parentBeaconBlockRoot requestsHash'.split(' ')
const quantities: ReadonlySet<string> = new Set(
  'difficulty number gasLimit gasUsed timestamp baseFeePerGas blobGasUsed excessBlobGas'.split(' '),
)

/**
 * @param header - a block as JSON-RPC gives it
 * @returns null where a field is missing or is not hexadecimal, as on a chain whose headers are made otherwise
 */
export function headerHash(header: Readonly<Record<string, unknown>>): Hex | null {
  const fields: Hex[] = []
  for (const name of first) {
    const value = header[name]
    if (!isHex(value)) return null
    fields.push(asRlp(name, value))
  }
  for (const name of later) {
    const value = header[name]
    if (value === undefined || value === null) break
    if (!isHex(value)) return null
    fields.push(asRlp(name, value))
  }
  return keccak256(toRlp(fields))
}

const isHex = (value: unknown): value is Hex => typeof value === 'string' && /^0x[0-9a-fA-F]*$/.test(value)

/** The RLP form of a field: a number without leading zeros, 0 as no bytes; anything else as its bytes. */
function asRlp(name: string, value: Hex): Hex {
  if (!quantities.has(name)) return value
  const digits = value.slice(2).replace(/^0+/, '')
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`
}
