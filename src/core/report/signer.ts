/** Signs messages and recovers signers, natively where the platform allows: about 35 times as fast as in JavaScript, and the same bytes (RFC 6979). */
import type { Address, Hex } from 'viem'
import { bytesToHex, hexToBytes } from '../platform/hex.ts'
import { keccak256 } from '../platform/keccak.ts'
import type { Network, Signed, SignedMessage, SignedType } from '../protocol/typed-data.ts'
import { openCurve } from './curve.ts'
import { reportErrors } from './errors.ts'
import { typedHash } from './typed-hash.ts'

const curve = openCurve()

/** Signs messages of one network. Its key may live in a keystore, a hardware device or another process. */
export type Signer = {
  /** Lower case. */
  readonly address: Address
  /** 65 bytes r ‖ s ‖ v, v 27 or 28. */
  sign<T extends SignedType>(type: T, message: SignedMessage<T>): Promise<Hex>
}

/** A signer that holds its key in memory. @throws REPORT_KEY_INVALID */
export function createSigner({ privateKey, network }: { readonly privateKey: Hex; readonly network: Network }): Signer {
  const key = keyBytes(privateKey)
  return {
    address: addressOf(curve.publicKeyOf(key)),
    sign: async (type, message) => signHash(typedHash(network, type, message), key),
  }
}

/** The message together with its signature. */
export const signMessage = async <T extends SignedType>(
  signer: Signer,
  type: T,
  message: SignedMessage<T>,
): Promise<Signed<T>> => ({ message, signature: await signer.sign(type, message) })

/** The signer's address, in lower case. The contracts accept every signature that passes here. @throws REPORT_SIGNATURE_INVALID */
export const recoverSigner = <T extends SignedType>(network: Network, type: T, signed: Signed<T>): Address =>
  recoverAddress(typedHash(network, type, signed.message), signed.signature)

/** Whether `signer` signed this message. Never throws, whatever message and signature hold. */
export const isSignedBy = <T extends SignedType>(network: Network, type: T, signed: Signed<T>, signer: Address) =>
  recoversTo(() => recoverSigner(network, type, signed), signer)

/** The same for a message whose digest is known already. */
export const isDigestSignedBy = (digest: Hex, signature: Hex, signer: Address): boolean =>
  recoversTo(() => recoverAddress(hexToBytes(digest, 32), signature), signer)

function recoversTo(recover: () => Address, signer: Address): boolean {
  try {
    return recover() === signer.toLowerCase()
  } catch {
    return false
  }
}

/** @throws REPORT_SIGNATURE_INVALID */
export function recoverAddress(digest: Uint8Array, signature: Hex): Address {
  const refuse = (problem: string, cause?: unknown) => reportErrors.REPORT_SIGNATURE_INVALID({ problem, cause })
  const bytes = Buffer.from(signature.slice(2), 'hex')
  if (bytes.length !== 65 || signature.length !== 2 + 2 * 65)
    throw refuse(`it has ${(signature.length - 2) / 2} bytes, 65 are expected`)
  const v = bytes[64]!
  if (v !== 27 && v !== 28) throw refuse(`v is ${v}, 27 or 28 is expected`)
  const rs = Uint8Array.from(bytes.subarray(0, 64))
  // Negating s gives a second valid signature of the same message, so only the one with the lower s is accepted.
  if (Buffer.compare(rs.subarray(32), halfOrder) > 0) throw refuse('s is in the upper half of the order')
  try {
    return addressOf(curve.recover(digest, rs, v - 27))
  } catch (cause) {
    throw refuse('no public key can have made it', cause)
  }
}

const halfOrder = hexToBytes('0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0', 32)

function signHash(digest: Uint8Array, key: Uint8Array): Hex {
  const { rs, bit } = curve.sign(digest, key)
  const bytes = new Uint8Array(65)
  bytes.set(rs)
  bytes[64] = 27 + bit
  return bytesToHex(bytes)
}

/** The last 20 bytes of keccak256 of an uncompressed public key without its 0x04. */
const addressOf = (publicKey: Uint8Array): Address => bytesToHex(keccak256(publicKey.subarray(1), 'bytes').subarray(12))

function keyBytes(privateKey: Hex): Uint8Array {
  try {
    const key = hexToBytes(privateKey, 32)
    if (curve.isPrivateKey(key)) return key
  } catch {}
  throw reportErrors.REPORT_KEY_INVALID()
}
