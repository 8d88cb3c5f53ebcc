import fc from 'fast-check'
import {
  bytesToHex,
  encodeAbiParameters,
  hashTypedData,
  hexToBigInt,
  hexToBytes,
  keccak256,
  numberToHex,
  parseAbiParameters,
  recoverTypedDataAddress,
  stringToHex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import { type Network, signedTypes, signingDomain } from '../../../src/core/protocol/typed-data.ts'
import {
  createSigner,
  isSignedBy,
  recoverAddress,
  recoverSigner,
  signMessage,
} from '../../../src/core/report/signer.ts'
import { domainSeparator, typedHash } from '../../../src/core/report/typed-hash.ts'
import { runs } from '../../helpers/full-runs.ts'
import { anyMessage, hexOf, messageOf, network } from './signed-messages.ts'

const curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const key = fc.bigInt(1n, curveOrder - 1n).map(value => numberToHex(value, { size: 32 }))
const anyNetwork: fc.Arbitrary<Network> = fc.record({ chainId: fc.nat(2 ** 31), consensus: hexOf(20) })
const typedData = (at: Network, type: keyof typeof signedTypes, message: never) =>
  ({ domain: signingDomain(at), types: signedTypes, primaryType: type, message }) as Parameters<typeof hashTypedData>[0]

describe('typed hash', () => {
  it('the typed hash equals that of viem for every type, message and network', () => {
    fc.assert(
      fc.property(anyNetwork, anyMessage, (at, { type, message }) => {
        expect(bytesToHex(typedHash(at, type, message))).toBe(hashTypedData(typedData(at, type, message)))
      }),
      { numRuns: runs(1000) },
    )
  })

  it('the domain separator is what EIP-712 says, however the address of the network is written', () => {
    const { name, version, chainId, verifyingContract } = signingDomain(network)
    const type = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'
    const words = encodeAbiParameters(parseAbiParameters('bytes32, bytes32, bytes32, uint256, address'), [
      ...[type, name, version].map(text => keccak256(stringToHex(text))),
      BigInt(chainId),
      verifyingContract,
    ] as never)
    const upper: Network = { ...network, consensus: `0x${network.consensus.slice(2).toUpperCase()}` }
    for (const at of [network, upper]) expect(bytesToHex(domainSeparator(at))).toBe(keccak256(words))
  })
})

describe('signer', () => {
  it('the signer signs the bytes that viem signs, and both recover each other', async () => {
    await fc.assert(
      fc.asyncProperty(key, anyMessage, async (privateKey, { type, message }) => {
        const signer = createSigner({ privateKey, network })
        const account = privateKeyToAccount(privateKey)
        const signed = await signMessage(signer, type, message)
        expect(signer.address).toBe(account.address.toLowerCase())
        expect(signed.signature).toBe(await account.signTypedData(typedData(network, type, message) as never))
        expect(recoverSigner(network, type, signed)).toBe(signer.address)
      }),
      { numRuns: runs(200) },
    )
  })

  it('the signer recovers what viem recovers from any signature that it accepts', async () => {
    await fc.assert(
      fc.asyncProperty(messageOf('Commitment'), hexOf(64), fc.constantFrom('1b', '1c'), async (message, rs, v) => {
        const signature = `${rs}${v}` as const
        let ours: string
        try {
          ours = recoverSigner(network, 'Commitment', { message, signature })
        } catch (error) {
          expect(error).toMatchObject({ code: 'REPORT_SIGNATURE_INVALID' })
          return
        }
        const data = typedData(network, 'Commitment', message as never)
        expect(ours).toBe((await recoverTypedDataAddress({ ...data, signature } as never)).toLowerCase())
      }),
      { numRuns: runs(100) },
    )
  })

  it('a signature binds every field, the type and the network', async () => {
    const signer = createSigner({ privateKey: numberToHex(7, { size: 32 }), network })
    await fc.assert(
      fc.asyncProperty(messageOf('Commitment'), messageOf('Commitment'), async (message, other) => {
        const signed = await signMessage(signer, 'Commitment', message)
        expect(isSignedBy(network, 'Commitment', signed, signer.address)).toBe(true)
        for (const name of Object.keys(message) as (keyof typeof message)[]) {
          if (message[name] === other[name]) continue
          const changed = { ...signed, message: { ...message, [name]: other[name] } }
          expect(isSignedBy(network, 'Commitment', changed, signer.address)).toBe(false)
        }
        expect(isSignedBy({ ...network, chainId: 1 }, 'Commitment', signed, signer.address)).toBe(false)
      }),
      { numRuns: runs(100) },
    )
  })

  it('the second form of a signature, a wrong v and a wrong length are refused', async () => {
    const signer = createSigner({ privateKey: numberToHex(9, { size: 32 }), network })
    const digest = new Uint8Array(32).fill(5)
    const { signature } = await signMessage(signer, 'Receipt', {
      epoch: 1n,
      cohort: 2,
      lane: 3,
      deviceId: `0x${'05'.repeat(32)}`,
      generation: 1,
      rate: 4,
      uptime: 5,
      flags: 6,
    })
    const bytes = hexToBytes(signature)
    const s = hexToBigInt(bytesToHex(bytes.slice(32, 64)))
    const flipped = [...bytes.slice(0, 32), ...hexToBytes(numberToHex(curveOrder - s, { size: 32 })), bytes[64]! ^ 7]
    const malleated = bytesToHex(Uint8Array.from(flipped))
    for (const bad of [malleated, `${signature.slice(0, -2)}00`, signature.slice(0, -2), `${signature}00`] as const)
      expect(() => recoverAddress(digest, bad as `0x${string}`)).toThrow(
        expect.objectContaining({ code: 'REPORT_SIGNATURE_INVALID' }),
      )
  })

  it('a key that is not a private key is refused', () => {
    for (const value of [0n, curveOrder])
      expect(() => createSigner({ privateKey: numberToHex(value, { size: 32 }), network })).toThrow(
        expect.objectContaining({ code: 'REPORT_KEY_INVALID' }),
      )
  })
})
