import { createRequire } from 'node:module'
import fc from 'fast-check'
import { type Address, getAddress, type Hex, numberToHex, type TransactionSerializableEIP1559 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { expect, it } from 'vitest'
import { keyAccount } from '../../../../src/core/chain/tx/account.ts'
import { openCurve } from '../../../../src/core/report/curve.ts'

const uint = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
const hex = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map(bytes => `0x${Buffer.from(bytes).toString('hex')}` as Hex)
const keys = fc.bigInt({ min: 1n, max: (1n << 255n) - 1n }).map(key => numberToHex(key, { size: 32 }))
const receivers = fc.option(uint(160).map(value => getAddress(numberToHex(value, { size: 20 })) as Address))
const transactions = fc
  .tuple(fc.nat(), fc.nat(), uint(32), uint(64), uint(128), receivers, hex(200))
  .map(([chainId, nonce, gas, fee, value, to, data]) => ({
    ...{ type: 'eip1559', chainId: chainId + 1, nonce, gas, maxFeePerGas: fee, maxPriorityFeePerGas: fee / 2n },
    ...{ value, to, data },
  }))

it('a transaction is signed to the bytes that viem makes of it, for any key, natively and in JavaScript', async () => {
  const javascript = openCurve(name => {
    if (name.startsWith('secp256k1')) throw new Error('no build')
    return createRequire(import.meta.url)(name)
  })
  for (const curve of [openCurve(), javascript])
    await fc.assert(
      fc.asyncProperty(keys, transactions, async (privateKey, transaction) => {
        const viem = privateKeyToAccount(privateKey)
        const asked = transaction as TransactionSerializableEIP1559
        const own = keyAccount({ privateKey, address: viem.address }, curve)
        expect(own.address).toBe(viem.address)
        expect(await own.signTransaction(asked)).toBe(await viem.signTransaction(asked))
      }),
      { numRuns: 20 },
    )
})

it('an account of a key signs no message, since nothing asks for one', async () => {
  const privateKey = numberToHex(1, { size: 32 })
  const own = keyAccount({ privateKey, address: privateKeyToAccount(privateKey).address }, openCurve())
  await expect(own.signMessage({ message: 'text' })).rejects.toThrow('signs transactions only')
})
