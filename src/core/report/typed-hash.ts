/**
 * EIP-712 digests of the messages in protocol/typed-data.ts. Every field of those is one word, so a digest is two keccaks of a flat
 * buffer, which is faster than a general library. Tests compare the digests with viem's `hashTypedData`.
 */
import { type Address, type Hex, stringToBytes, domainSeparator as viemDomainSeparator } from 'viem'
import { hexToBytes } from '../platform/hex.ts'
import { keccak256 } from '../platform/keccak.ts'
import {
  type Network,
  type SignedMessage,
  type SignedType,
  signedTypes,
  signingDomain,
} from '../protocol/typed-data.ts'

const wordBytes = 32

type Writer = (word: Uint8Array, value: unknown) => void

const writeNumber: Writer = (word, value) => {
  let rest = BigInt(value as bigint | number)
  if (rest < 0n || rest >> 64n !== 0n) throw new RangeError(`typed-hash: ${rest} is outside uint64`)
  for (let i = wordBytes - 1; rest > 0n; i--, rest >>= 8n) word[i] = Number(rest & 0xffn)
}
const writers: Record<string, Writer> = {
  address: (word, value) => word.set(hexToBytes(value as Hex, 20), 12),
  bytes32: (word, value) => word.set(hexToBytes(value as Hex, wordBytes)),
  string: (word, value) => word.set(keccak256(stringToBytes(value as string), 'bytes')),
}

type Layout = { readonly typeHash: Uint8Array; readonly fields: readonly { name: string; write: Writer }[] }

const layouts = Object.fromEntries(
  (Object.keys(signedTypes) as SignedType[]).map((type): [SignedType, Layout] => {
    const fields = signedTypes[type]
    const signature = `${type}(${fields.map(field => `${field.type} ${field.name}`).join(',')})`
    return [
      type,
      {
        typeHash: keccak256(stringToBytes(signature), 'bytes'),
        fields: fields.map(field => ({ name: field.name, write: writers[field.type] ?? writeNumber })),
      },
    ]
  }),
) as Record<SignedType, Layout>

/** hashStruct of a message: keccak256(type hash ‖ one word per field). */
function structHash<T extends SignedType>(type: T, message: SignedMessage<T>): Uint8Array {
  const { typeHash, fields } = layouts[type]
  const buffer = new Uint8Array(wordBytes * (fields.length + 1))
  buffer.set(typeHash)
  fields.forEach(({ name, write }, index) => {
    const offset = wordBytes * (index + 1)
    write(buffer.subarray(offset, offset + wordBytes), message[name as keyof SignedMessage<T>])
  })
  return keccak256(buffer, 'bytes')
}

const separators = new Map<string, Uint8Array>()

/** The EIP-712 domain separator of a network; EpochConsensus shows the same as `domainSeparator()`. */
export function domainSeparator(network: Network): Uint8Array {
  const { chainId } = network
  const consensus = network.consensus.toLowerCase() as Address
  const key = `${chainId}:${consensus}`
  const cached = separators.get(key)
  if (cached !== undefined) return cached
  const separator = hexToBytes(viemDomainSeparator({ domain: signingDomain({ chainId, consensus }) }), wordBytes)
  separators.set(key, separator)
  return separator
}

/** The 32 bytes that are signed: keccak256(0x19 0x01 ‖ domain separator ‖ struct hash). */
export function typedHash<T extends SignedType>(network: Network, type: T, message: SignedMessage<T>): Uint8Array {
  const buffer = new Uint8Array(2 + 2 * wordBytes)
  buffer[0] = 0x19
  buffer[1] = 0x01
  buffer.set(domainSeparator(network), 2)
  buffer.set(structHash(type, message), 2 + wordBytes)
  return keccak256(buffer, 'bytes')
}
