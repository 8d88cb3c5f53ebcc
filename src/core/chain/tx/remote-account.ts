/** Transactions that a signer in another process signs, each compared with what was asked for before it is sent. */
import {
  type Hex,
  type LocalAccount,
  numberToHex,
  parseTransaction,
  recoverTransactionAddress,
  type TransactionSerializableEIP1559,
} from 'viem'
import { toAccount } from 'viem/accounts'
import type { RemoteSigner, TransactionFields } from '../../platform/remote-signer.ts'
import { signerErrors } from '../../platform/signer-errors.ts'

/** An account as all that sends knows it; it signs transactions of type 2 and nothing else. */
export const remoteAccount = (signer: RemoteSigner): LocalAccount =>
  toAccount({
    address: signer.address,
    // What viem offers beyond that is not used.
    signMessage: unsupported,
    signTypedData: unsupported,
    async signTransaction(asked) {
      const transaction = asked as TransactionSerializableEIP1559
      const raw = await signer.signTransaction(fieldsOf(transaction))
      await assertSigned(signer, transaction, raw)
      return raw
    },
  }) as LocalAccount

const unsupported = () => Promise.reject(new TypeError('remote-account: signs transactions only'))

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
    if (type !== 'eip1559') throw new TypeError(`remote-account: type ${type}`)
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
