/** Accounts that sign transactions: a key in memory, or a signer in another process, whose answers are compared with what was asked for. */
import {
  type Address,
  bytesToHex,
  type Hex,
  hexToBytes,
  type LocalAccount,
  numberToHex,
  parseTransaction,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerializableEIP1559,
} from 'viem'
import { toAccount } from 'viem/accounts'
import { keccak256 } from '../../platform/keccak.ts'
import type { UnlockedKey } from '../../platform/keystore.ts'
import type { RemoteSigner, TransactionFields } from '../../platform/remote-signer.ts'
import { signerErrors } from '../../platform/signer-errors.ts'

type SignTransaction = LocalAccount['signTransaction']

/** What viem offers beyond signing transactions is not used. */
const accountThat = (address: Address, signTransaction: SignTransaction): LocalAccount =>
  toAccount({ address, signMessage: unsupported, signTypedData: unsupported, signTransaction }) as LocalAccount

const unsupported = () => Promise.reject(new TypeError('account: signs transactions only'))

type Sign = (digest: Uint8Array, key: Uint8Array) => { readonly rs: Uint8Array; readonly bit: number }

/**
 * An account whose key is in memory. viem's own signs in JavaScript, whose curve makes a table before its first signature: that takes longer
 * than anything else a command computes.
 *
 * @param curve - what signs: 64 bytes r ‖ s with the lower s, and the recovery bit
 */
export const keyAccount = ({ privateKey, address }: UnlockedKey, curve: { readonly sign: Sign }): LocalAccount =>
  accountThat(address, async (transaction, { serializer = serializeTransaction } = {}) => {
    const digest = keccak256(await serializer(transaction), 'bytes')
    const { rs, bit } = curve.sign(digest, hexToBytes(privateKey))
    const [r, s] = [rs.subarray(0, 32), rs.subarray(32)].map(part => bytesToHex(part)) as [Hex, Hex]
    return serializer(transaction, { r, s, yParity: bit })
  })

/** An account whose key a signer has; it signs transactions of type 2. */
export const remoteAccount = (signer: RemoteSigner): LocalAccount =>
  accountThat(signer.address, async asked => {
    const transaction = asked as TransactionSerializableEIP1559
    const raw = await signer.signTransaction(fieldsOf(transaction))
    await assertSigned(signer, transaction, raw)
    return raw
  })

const quantities = ['nonce', 'gas', 'maxFeePerGas', 'maxPriorityFeePerGas', 'value'] as const

function fieldsOf(transaction: TransactionSerializableEIP1559): TransactionFields {
  const fields: Record<string, Hex> = { data: transaction.data ?? '0x' }
  for (const name of quantities) fields[name] = numberToHex(transaction[name] ?? 0)
  if (transaction.to) fields.to = transaction.to
  return { ...fields, chainId: numberToHex(transaction.chainId) }
}

/** @throws SIGNER_CHAIN_MISMATCH, SIGNER_TRANSACTION_ALTERED, SIGNER_SIGNATURE_WRONG */
async function assertSigned({ name, address }: RemoteSigner, asked: TransactionSerializableEIP1559, raw: Hex) {
  const altered = (field: string, cause?: unknown) =>
    signerErrors.SIGNER_TRANSACTION_ALTERED({ signer: name, field, cause })
  let signed: Partial<TransactionSerializableEIP1559>
  try {
    const { type, ...fields } = parseTransaction(raw as `0x02${string}`)
    if (type !== 'eip1559') throw new TypeError(`account: type ${type}`)
    signed = fields
  } catch (cause) {
    throw altered('type', cause)
  }
  if (signed.chainId !== asked.chainId)
    throw signerErrors.SIGNER_CHAIN_MISMATCH({
      signer: name,
      expected: asked.chainId,
      actual: signed.chainId ?? 'none',
    })
  for (const field of quantities) if (BigInt(signed[field] ?? 0) !== BigInt(asked[field] ?? 0)) throw altered(field)
  if ((signed.to ?? '').toLowerCase() !== (asked.to ?? '').toLowerCase()) throw altered('receiver')
  if ((signed.data ?? '0x') !== (asked.data ?? '0x').toLowerCase()) throw altered('data')
  if (signed.accessList !== undefined && signed.accessList.length > 0) throw altered('access list')
  const serialized = raw as Parameters<typeof recoverTransactionAddress>[0]['serializedTransaction']
  const actual = (await recoverTransactionAddress({ serializedTransaction: serialized })).toLowerCase()
  if (actual !== address) throw signerErrors.SIGNER_SIGNATURE_WRONG({ signer: name, address, actual })
}
