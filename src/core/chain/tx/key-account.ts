/** Transactions that a key in memory signs. */
import { bytesToHex, type Hex, hexToBytes, keccak256, type LocalAccount, serializeTransaction } from 'viem'
import { toAccount } from 'viem/accounts'
import type { UnlockedKey } from '../../platform/keystore.ts'

type Sign = (digest: Uint8Array, key: Uint8Array) => { readonly rs: Uint8Array; readonly bit: number }

/**
 * An account as all that sends knows it; it signs transactions and nothing else. viem's own signs in JavaScript, whose curve makes a
 * table before its first signature: that takes longer than anything else a command computes.
 *
 * @param curve - what signs: 64 bytes r ‖ s with the lower s, and the recovery bit
 */
export const keyAccount = ({ privateKey, address }: UnlockedKey, curve: { readonly sign: Sign }): LocalAccount =>
  toAccount({
    address,
    // What viem offers beyond that is not used.
    signMessage: unsupported,
    signTypedData: unsupported,
    async signTransaction(transaction, { serializer = serializeTransaction } = {}) {
      const digest = keccak256(await serializer(transaction), 'bytes')
      const { rs, bit } = curve.sign(digest, hexToBytes(privateKey))
      const [r, s] = [rs.subarray(0, 32), rs.subarray(32)].map(part => bytesToHex(part)) as [Hex, Hex]
      return serializer(transaction, { r, s, yParity: bit })
    },
  }) as LocalAccount

const unsupported = () => Promise.reject(new TypeError('key-account: signs transactions only'))
