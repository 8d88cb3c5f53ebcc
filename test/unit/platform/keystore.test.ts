import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { privateKeyToAddress } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import {
  decryptKeystore,
  encryptKeystore,
  keystoreAddress,
  parseKeystore,
  parsePrivateKey,
} from '../../../src/core/platform/keystore.ts'
import { anyText } from '../../helpers/arbitraries.ts'

type Vector = { json: { crypto: { kdfparams: Record<string, unknown> } }; password: string; priv: string }
const vectors: Record<string, Vector> = JSON.parse(
  readFileSync(new URL('../../../fixtures/keystores/v3-vectors.json', import.meta.url), 'utf8'),
)
const light = vectors['31_byte_key']!
const privateKey = `0x${'0123456789abcdef'.repeat(4)}` as const

/** The light vector with something changed. */
// biome-ignore lint/suspicious/noExplicitAny: the test breaks the form on purpose
const changed = (change: (file: any) => void) => {
  const file = structuredClone(light.json)
  change(file)
  return JSON.stringify(file)
}

describe('published vectors', () => {
  it.each(Object.entries(vectors))('the published keystore %s opens', async (_name, { json, password, priv }) => {
    const unlocked = await decryptKeystore(parseKeystore(JSON.stringify(json), 'vector'), password, 'vector')
    expect(unlocked.privateKey).toBe(`0x${priv.padStart(64, '0')}`)
    expect(unlocked.address).toBe(privateKeyToAddress(unlocked.privateKey))
  })

  it('the published keystores do not open with another password', async () => {
    await expect(
      decryptKeystore(parseKeystore(JSON.stringify(light.json), 'vector'), 'bar', 'vector'),
    ).rejects.toMatchObject({
      code: 'KEYSTORE_PASSWORD_WRONG',
      exit: 3,
    })
  })
})

describe('writing', () => {
  it('a written keystore has the fields and parameters that geth and cast read', async () => {
    const file = JSON.parse(await encryptKeystore(privateKey, 'password', 'standard'))
    expect(file).toEqual({
      version: 3,
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      address: privateKeyToAddress(privateKey).slice(2).toLowerCase(),
      crypto: {
        cipher: 'aes-128-ctr',
        cipherparams: { iv: expect.stringMatching(/^[0-9a-f]{32}$/) },
        ciphertext: expect.stringMatching(/^[0-9a-f]{64}$/),
        kdf: 'scrypt',
        kdfparams: { n: 262144, r: 8, p: 1, dklen: 32, salt: expect.stringMatching(/^[0-9a-f]{64}$/) },
        mac: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
  })

  it('a written keystore opens, for any key and password', async () => {
    const keys = fc
      .uint8Array({ minLength: 32, maxLength: 32 })
      .filter(bytes => bytes[0]! < 0xff && bytes.some(byte => byte > 0))
    await fc.assert(
      fc.asyncProperty(keys, anyText({ minLength: 1 }), async (bytes, password) => {
        const key = `0x${Buffer.from(bytes).toString('hex')}` as const
        const keystore = parseKeystore(await encryptKeystore(key, password, 'light'), 'file')
        expect(await decryptKeystore(keystore, password, 'file')).toEqual({
          privateKey: key,
          address: keystoreAddress(keystore),
        })
      }),
      // Each run derives two keys, about 20 ms each.
      { numRuns: 12 },
    )
  })
})

describe('other writers', () => {
  const renamed = (change: Record<string, unknown>) => {
    const { crypto, ...file } = light.json as Record<string, unknown> & { crypto: unknown }
    return JSON.stringify({ ...file, Crypto: crypto, ...change })
  }
  it.each([
    ['ethers up to 6.16', { 'x-ethers': { client: 'ethers/6.16.0', version: '0.1' } }],
    ['older geth and web3j', {}],
    ['OpenEthereum', { name: '', meta: '{}' }],
    ['one that writes the version as text', { version: '3' }],
  ])('keystores of %s, which write "Crypto", are read', async (_, change) => {
    const { privateKey: key } = await decryptKeystore(parseKeystore(renamed(change), 'file'), light.password, 'file')
    expect(key).toBe(`0x${light.priv.padStart(64, '0')}`)
  })

  it.each([
    [
      'a validator’s keystore',
      { crypto: { kdf: { function: 'pbkdf2' } }, pubkey: '9612', path: 'm/12381/60/0/0', uuid: 'x', version: 4 },
      /validator.*EIP-2335/,
      /kaisar keys new/,
    ],
    [
      'a keystore of version 1',
      { version: '1', Crypto: { CipherText: '00', KeyHeader: { Version: '1' } } },
      /version 1\b/,
      /account update/,
    ],
    [
      'a keystore of version 1, its number in the cipher',
      { address: '00', Crypto: { Version: '1' } },
      /version 1\b/,
      /account update/,
    ],
    [
      'a wallet of the presale',
      { encseed: '00', ethaddr: '00', email: 'a@b', btcaddr: '1' },
      /presale/,
      /geth wallet import/,
    ],
  ])('%s is refused by name, with what to do', (_, json, reason, fix) => {
    expect(() => parseKeystore(JSON.stringify(json), 'x.json')).toThrow(
      expect.objectContaining({
        code: 'KEYSTORE_INVALID',
        message: expect.stringMatching(reason),
        fix: expect.stringMatching(fix),
      }),
    )
  })
})

describe('hostile files', () => {
  it.each([
    ['not JSON', '{', 'not JSON'],
    ['another version', changed(file => (file.version = 1)), 'version'],
    ['another cipher', changed(file => (file.crypto.cipher = 'aes-256-ctr')), 'crypto.cipher'],
    ['another kdf', changed(file => (file.crypto.kdf = 'argon2')), 'crypto.kdf'],
    ['n that needs 8 GiB', changed(file => (file.crypto.kdfparams.n = 2 ** 23)), 'memory'],
    ['n that is no power of two', changed(file => (file.crypto.kdfparams.n = 3)), 'power of two'],
    ['r that needs 1 TiB', changed(file => (file.crypto.kdfparams.r = 2 ** 32)), 'memory'],
    ['p that takes a day', changed(file => (file.crypto.kdfparams.p = 2 ** 30)), 'too long'],
    ['n of zero', changed(file => (file.crypto.kdfparams.n = 0)), 'kdfparams.n'],
    ['a short derived key', changed(file => (file.crypto.kdfparams.dklen = 16)), 'dklen'],
    ['a huge salt', changed(file => (file.crypto.kdfparams.salt = '00'.repeat(257))), 'salt'],
    ['a long ciphertext', changed(file => (file.crypto.ciphertext = '00'.repeat(33))), 'ciphertext'],
    ['no ciphertext', changed(file => (file.crypto.ciphertext = '')), 'ciphertext'],
    ['an odd number of digits', changed(file => (file.crypto.mac = 'abc')), 'mac'],
    ['a short iv', changed(file => (file.crypto.cipherparams.iv = '00')), 'iv'],
  ])('a keystore that is or has %s is refused before anything is computed', (_what, text, reason) => {
    expect(() => parseKeystore(text, 'x.json')).toThrow(
      expect.objectContaining({ code: 'KEYSTORE_INVALID', message: expect.stringContaining(reason) }),
    )
  })

  it('any text gives a keystore or KEYSTORE_INVALID', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => {
        expect(() => parseKeystore(text, 'x.json')).toThrow(expect.objectContaining({ code: 'KEYSTORE_INVALID' }))
      }),
    )
  })

  it('a keystore whose stated address is not that of its key is refused', async () => {
    const text = changed(file => (file.address = '00'.repeat(20)))
    await expect(decryptKeystore(parseKeystore(text, 'x.json'), light.password, 'x.json')).rejects.toMatchObject({
      code: 'KEYSTORE_ADDRESS_MISMATCH',
    })
  })
})

describe('private keys as text', () => {
  it('a private key is accepted as 64 digits with or without 0x', () => {
    expect(parsePrivateKey(` ${privateKey.toUpperCase().replace('0X', '0x')}\n`, 'file')).toBe(privateKey)
    expect(parsePrivateKey(privateKey.slice(2), 'file')).toBe(privateKey)
  })

  it.each(['', '0x', '00'.repeat(32), 'ff'.repeat(32), '0x1234', 'zz'.repeat(32)])(
    'the private key %j is refused',
    text => {
      expect(() => parsePrivateKey(text, 'file')).toThrow(expect.objectContaining({ code: 'PRIVATE_KEY_INVALID' }))
    },
  )
})
