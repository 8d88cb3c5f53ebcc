import { createHash } from 'node:crypto'
import { type Address, concat, type Hex, hexToBytes, numberToHex, stringToHex } from 'viem'

/** What a card signs over when a Checker asks: bound to network, provider, device and the Checker's challenge. */
export type AttestationBinding = {
  readonly chainId: number
  readonly provider: Address
  readonly deviceId: Hex
  /** The nonce of the Checker's DeviceRequest, 32 bytes. */
  readonly challenge: Hex
}

/** SHA-256 over "kaisar/att/v1", chain id (32 bytes, big-endian), address (20), device id (32), challenge (32). */
export function attestationNonce({ chainId, provider, deviceId, challenge }: AttestationBinding): Buffer {
  const preimage = concat([
    stringToHex('kaisar/att/v1'),
    numberToHex(chainId, { size: 32 }),
    provider.toLowerCase() as Hex,
    deviceId,
    challenge,
  ])
  return createHash('sha256').update(hexToBytes(preimage)).digest()
}

/** Nonces that public samples and the vendor's own tests use: evidence over them proves no freshness. First and last bytes. */
const publicNonces: readonly (readonly [head: string, tail: string])[] = [
  ['931d8dd0add203ac', '64dfcb'],
  ['4cff7f5380ead8fa', '51af2e'],
]

export const isPublicNonce = (nonce: Buffer): boolean => {
  const hex = nonce.toString('hex')
  return publicNonces.some(([head, tail]) => hex.startsWith(head) && hex.endsWith(tail))
}
