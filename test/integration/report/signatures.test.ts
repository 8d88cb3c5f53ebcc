/** What we sign and hash is what the contracts recover and hash: the domain, the digest of a commitment, the signature. */
import { type Abi, bytesToHex, encodeAbiParameters, keccak256, numberToHex, toHex } from 'viem'
import { describe, expect, test } from 'vitest'
import { deviceRegistryAbi } from '../../../src/core/chain/abi/device-registry.ts'
import { epochConsensusAbi } from '../../../src/core/chain/abi/epoch-consensus.ts'
import type { SignedMessage } from '../../../src/core/protocol/typed-data.ts'
import { createSigner, signMessage } from '../../../src/core/report/signer.ts'
import { domainSeparator } from '../../../src/core/report/typed-hash.ts'
import { anvilForTests } from '../../helpers/anvil.ts'
import { networkForTests, testAddress } from '../../helpers/deploy.ts'

const word = (byte: string) => `0x${byte.repeat(32)}` as const

describe('signatures on chain', () => {
  test('two natively signed commitments for one round cost the device its deposit on chain, and anything less is refused', async () => {
    const anvil = await anvilForTests({ autoImpersonate: true })
    const { network, operator, write } = await networkForTests(anvil, { seats: [1, 1, 1, 1, 1], devices: 1 })
    const own = { chainId: network.chainId, consensus: network.consensus }
    const separator = { address: network.consensus, abi: epochConsensusAbi, functionName: 'domainSeparator' } as const
    expect(await anvil.client.readContract(separator)).toBe(bytesToHex(domainSeparator(own)))

    const signer = createSigner({ privateKey: keccak256(toHex('kaisar/test/operator/0')), network: own })
    expect(signer.address).toBe(operator)
    const identity = [operator, numberToHex(1, { size: 32 })] as const
    const deviceId = keccak256(encodeAbiParameters([{ type: 'address' }, { type: 'bytes32' }], identity))
    const first: SignedMessage<'Commitment'> = {
      epoch: 2n ** 63n,
      round: word('a1'),
      deviceId,
      generation: 1,
      specHash: word('5c'),
      rows: 2n ** 40n,
      root: word('b1'),
      environmentHash: word('e1'),
    }
    const second = { ...first, root: word('b2') }
    const sign = async (message: SignedMessage<'Commitment'>) =>
      (await signMessage(signer, 'Commitment', message)).signature
    const slash = async (other: SignedMessage<'Commitment'>, signature: `0x${string}`) =>
      write({
        from: testAddress('payout', 9),
        to: network.contracts.DeviceRegistry,
        abi: deviceRegistryAbi as Abi,
        functionName: 'slashEquivocation',
        args: [first, await sign(first), other, signature],
      })
    await anvil.client.setBalance({ address: testAddress('payout', 9), value: 10n ** 18n })

    await expect(slash(first, await sign(first))).rejects.toThrow()
    await expect(slash({ ...second, rows: 1n }, await sign(second))).rejects.toThrow()
    const { logs } = await slash(second, await sign(second))
    expect(logs.some(log => log.topics[1] === deviceId)).toBe(true)
  })
})
