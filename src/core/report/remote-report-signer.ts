/** Messages of a network that a signer in another process signs as EIP-712 typed data. */
import { type Hex, hexToBytes, parseAbiParameters } from 'viem'
import type { RemoteSigner, TypedDataJson } from '../platform/remote-signer.ts'
import { signerErrors } from '../platform/signer-errors.ts'
import { zeroBytes32 } from '../protocol/primitives.ts'
import {
  type Network,
  type SignedMessage,
  type SignedType,
  signedTypes,
  signingDomain,
} from '../protocol/typed-data.ts'
import { recoverAddress, type Signer } from './signer.ts'
import { typedHash } from './typed-hash.ts'

/**
 * Has it sign a message that is good for nothing, so that a signer that cannot do it is known before a round begins.
 *
 * @throws SIGNER_SIGNATURE_WRONG, and what the signer throws
 */
export async function openRemoteReportSigner(remote: RemoteSigner, network: Network): Promise<Signer> {
  const signer: Signer = {
    address: remote.address,
    async sign(type, message) {
      const signature = withUsualV(await remote.signTypedData(typedDataJson(network, type, message)))
      const actual = signedBy(typedHash(network, type, message), signature)
      if (actual === remote.address) return signature
      throw signerErrors.SIGNER_SIGNATURE_WRONG({ signer: remote.name, address: remote.address, actual })
    },
  }
  const nobody = `0x${'00'.repeat(20)}` as const
  await signer.sign('DeviceRequest', { deviceId: zeroBytes32, nonce: zeroBytes32, checker: nobody })
  return signer
}

const domainTypes = parseAbiParameters('string name, string version, uint256 chainId, address verifyingContract')

/** The document as both APIs take it; numbers that JSON would round are decimal text. */
const typedDataJson = <T extends SignedType>(network: Network, type: T, message: SignedMessage<T>): TypedDataJson => ({
  types: { EIP712Domain: domainTypes, [type]: signedTypes[type] },
  primaryType: type,
  domain: signingDomain(network),
  message: Object.fromEntries(
    Object.entries(message).map(([name, value]) => [name, typeof value === 'string' ? value : String(value)]),
  ),
})

/** Some signers count the last byte from 0, as EIP-2 does; the contracts count it from 27. */
function withUsualV(signature: Hex): Hex {
  const v = Number.parseInt(signature.slice(-2), 16)
  return v < 27 ? `${signature.slice(0, -2) as Hex}${(v + 27).toString(16)}` : signature
}

/** Also for what cannot be a signature at all. */
function signedBy(digest: Uint8Array, signature: Hex): string {
  try {
    return recoverAddress(digest, signature)
  } catch {
    return `nobody (${hexToBytes(signature).length} bytes)`
  }
}
