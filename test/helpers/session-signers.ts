import { type Address, recoverTypedDataAddress, type TypedDataDefinition } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import {
  type Network,
  type SignedMessage,
  type SignedType,
  signedTypes,
  signingDomain,
} from '../../src/core/protocol/typed-data.ts'
import type { Recover, Sign } from '../../src/core/transport/session-handshake.ts'

/** An operator that signs with viem, independently of the native implementation. */
export function signerOf(network: Network, privateKey: `0x${string}`): { operator: Address; sign: Sign } {
  const account = privateKeyToAccount(privateKey)
  return {
    operator: account.address.toLowerCase() as Address,
    sign: (type, message) => account.signTypedData(definition(network, type, message)),
  }
}

export const recoverOn =
  (network: Network): Recover =>
  (type, message, signature) =>
    recoverTypedDataAddress({ ...definition(network, type, message), signature })

const definition = <T extends SignedType>(network: Network, type: T, message: SignedMessage<T>) =>
  ({
    domain: signingDomain(network),
    types: signedTypes,
    primaryType: type,
    message,
  }) as unknown as TypedDataDefinition
