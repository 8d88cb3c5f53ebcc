/**
 * Web3 Secret Storage, version 3: the keystore of geth, cast, ethers, web3j and others.
 * https://ethereum.org/en/developers/docs/data-structures-and-encoding/web3-secret-storage/
 *
 * ox reads and writes the format. The key is derived here: ox's asynchronous scrypt knows one r and p, and takes many times as long as Node's.
 *
 * Why: docs/why/commands.md
 */
import { createECDH, pbkdf2, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { decrypt, encrypt } from 'ox/Keystore'
import type { Address, Hex } from 'viem'
import { publicKeyToAddress } from 'viem/accounts'
import { getAddress } from 'viem/utils'
import { z } from 'zod'
import { orRefuse } from './errors.ts'
import { keyErrors } from './key-errors.ts'
import { isObject } from './output.ts'

/** Bounds on the cost of a hostile file: 512 MiB of memory, and some seconds of one core. */
const maxScryptBytes = 512 * 1024 * 1024
const maxScryptWork = 2 ** 24
const maxPbkdf2Rounds = 2 ** 24

/** Schema of bytes as hexadecimal digits; a leading `0x` is removed. */
const hexBytes = (min: number, max = min) =>
  z
    .string()
    .regex(/^(0x)?([0-9a-fA-F]{2})*$/, 'not hexadecimal')
    .transform(text => text.replace(/^0x/, ''))
    .refine(
      digits => digits.length >= 2 * min && digits.length <= 2 * max,
      `not ${min === max ? min : `${min} to ${max}`} bytes long`,
    )

const scryptSchema = z
  .object({
    n: z
      .number()
      .int()
      .min(2)
      .refine(n => Number.isInteger(Math.log2(n)), 'not a power of two'),
    r: z.number().int().min(1),
    p: z.number().int().min(1),
    dklen: z.literal(32),
    salt: hexBytes(1, 256),
  })
  .refine(({ n, r }) => 128 * n * r <= maxScryptBytes, 'scrypt would need too much memory')
  .refine(({ n, r, p }) => n * r * p <= maxScryptWork, 'scrypt would take too long')

const pbkdf2Schema = z.object({
  c: z.number().int().min(1).max(maxPbkdf2Rounds),
  prf: z.literal('hmac-sha256'),
  dklen: z.literal(32),
  salt: hexBytes(1, 256),
})

const cryptoFields = {
  cipher: z.literal('aes-128-ctr'),
  cipherparams: z.object({ iv: hexBytes(16) }),
  // Old programs dropped leading zeros of the key.
  ciphertext: hexBytes(1, 32),
  mac: hexBytes(32),
}

const keystoreSchema = z.object({
  version: z.literal(3),
  address: hexBytes(20).optional(),
  crypto: z.discriminatedUnion('kdf', [
    z.object({ ...cryptoFields, kdf: z.literal('scrypt'), kdfparams: scryptSchema }),
    z.object({ ...cryptoFields, kdf: z.literal('pbkdf2'), kdfparams: pbkdf2Schema }),
  ]),
})

export type ParsedKeystore = z.infer<typeof keystoreSchema>
export type UnlockedKey = { readonly privateKey: Hex; readonly address: Address }

/** scrypt's n, r and p: `standard` takes about a second and 256 MiB, `light` (throw-away keys of a devnet) a few ms. */
export const scryptStrength = { standard: { n: 2 ** 18, r: 8, p: 1 }, light: { n: 2 ** 12, r: 8, p: 1 } } as const

/**
 * Checks a keystore's form and bounds before anything is computed from it.
 *
 * @param origin - name of the keystore in errors, e.g. its path
 * @throws KEYSTORE_INVALID
 */
export function parseKeystore(text: string, origin: string): ParsedKeystore {
  const json: unknown = orRefuse(
    () => JSON.parse(text),
    cause => keyErrors.KEYSTORE_INVALID({ path: origin, reason: 'it is not JSON', cause }),
  )
  const parsed = keystoreSchema.safeParse(withUsualNames(json))
  if (parsed.success) return parsed.data
  const kind = otherKinds.find(({ fits }) => isObject(json) && fits(json))
  if (kind) throw keyErrors.KEYSTORE_INVALID({ path: origin, reason: kind.reason, fix: kind.fix })
  const [issue] = parsed.error.issues
  throw keyErrors.KEYSTORE_INVALID({ path: origin, reason: `${issue?.path.join('.') || 'file'}: ${issue?.message}` })
}

type Json = Readonly<Record<string, unknown>>

/** ethers up to 6.16, web3j, OpenEthereum and geth before 1.5 write `Crypto`; some write the version as text. */
const withUsualNames = (json: unknown): unknown =>
  isObject(json)
    ? { ...json, crypto: json.crypto ?? json.Crypto, version: json.version === '3' ? 3 : json.version }
    : json

/** Known key files that are not a keystore of version 3, and how to turn each into one. */
const otherKinds: readonly { readonly fits: (json: Json) => boolean; readonly reason: string; readonly fix: string }[] =
  [
    {
      fits: json => json.version === 4 || (isObject(json.crypto) && isObject(json.crypto.kdf) && 'pubkey' in json),
      reason: 'it is the keystore of a validator (a BLS key, EIP-2335, version 4), which signs no transactions',
      fix: 'Name the keystore of an account, or make one with "kaisar keys new".',
    },
    {
      fits: json => 'encseed' in json && 'ethaddr' in json,
      reason: 'it is a wallet of Ethereum’s presale of 2014, which holds a seed and is not a keystore',
      fix: 'Turn it into an account with "geth wallet import <file>", and import the keystore that geth writes.',
    },
    {
      fits: json =>
        [json.version, json.Version].some(version => version === 1 || version === '1') ||
        [json.crypto, json.Crypto].some(crypto => isObject(crypto) && (crypto.version ?? crypto.Version) === '1'),
      reason: 'it is a keystore of version 1, of geth before July 2015',
      fix: 'Let geth write it again: put it into a keystore folder and run "geth --keystore <folder> account update <address>", then import the file that geth writes.',
    },
  ]

/** The address that a keystore states, read without its password. */
export const keystoreAddress = (keystore: ParsedKeystore): Address | undefined =>
  keystore.address === undefined ? undefined : getAddress(`0x${keystore.address}`)

/** Opens a keystore. @throws KEYSTORE_PASSWORD_WRONG, KEYSTORE_ADDRESS_MISMATCH */
export async function decryptKeystore(
  keystore: ParsedKeystore,
  password: string,
  origin: string,
): Promise<UnlockedKey> {
  const key = await deriveKey(keystore.crypto, password)
  // The file's form was checked before, so a failure means that its checksum does not match.
  const opened = orRefuse(
    () => decrypt({ ...keystore, id: '' }, key),
    cause => keyErrors.KEYSTORE_PASSWORD_WRONG({ path: origin, cause }),
  )
  const privateKey = parsePrivateKey(opened.slice(2).padStart(64, '0'), origin)
  const address = addressOf(privateKey)
  const stated = keystoreAddress(keystore)
  if (stated && stated !== address) throw keyErrors.KEYSTORE_ADDRESS_MISMATCH({ path: origin, stated, actual: address })
  return { privateKey, address }
}

/** A keystore's JSON text for a private key; fresh salt, iv and id. */
export async function encryptKeystore(
  privateKey: Hex,
  password: string,
  strength: keyof typeof scryptStrength = 'standard',
): Promise<string> {
  const kdfparams = { ...scryptStrength[strength], dklen: 32 as const, salt: randomBytes(32).toString('hex') }
  const key = await deriveKey({ kdf: 'scrypt', kdfparams }, password)
  const keystore = encrypt(privateKey, key, { kdf: 'scrypt', kdfparams, iv: randomBytes(16) })
  const address = addressOf(privateKey).slice(2).toLowerCase()
  return `${JSON.stringify({ ...keystore, address }, null, 2)}\n`
}

/** @throws PRIVATE_KEY_INVALID */
export function parsePrivateKey(text: string, origin: string): Hex {
  const digits = text.trim().replace(/^0x/, '')
  const value = /^[0-9a-fA-F]{64}$/.test(digits) ? BigInt(`0x${digits}`) : 0n
  if (value === 0n || value >= curveOrder) throw keyErrors.PRIVATE_KEY_INVALID({ origin })
  return `0x${digits.toLowerCase()}`
}

/** By OpenSSL: what the curve in JavaScript prepares for its first key takes longer than all that a daemon computes before it listens. */
function addressOf(privateKey: Hex): Address {
  const curve = createECDH('secp256k1')
  curve.setPrivateKey(privateKey.slice(2), 'hex')
  return publicKeyToAddress(`0x${curve.getPublicKey('hex')}`)
}

const curveOrder = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const nativeScrypt = promisify<string, Buffer, number, object, Buffer>(scrypt)
const pbkdf2Async = promisify(pbkdf2)

async function deriveKey(crypto: Pick<ParsedKeystore['crypto'], 'kdf' | 'kdfparams'>, password: string): Promise<Hex> {
  const salt = Buffer.from(crypto.kdfparams.salt, 'hex')
  return `0x${(await derive(crypto.kdfparams, password, salt)).toString('hex')}`
}

async function derive(params: ParsedKeystore['crypto']['kdfparams'], password: string, salt: Buffer): Promise<Buffer> {
  if ('c' in params) return pbkdf2Async(password, salt, params.c, params.dklen, 'sha256')
  const { dklen, n, r, p } = params
  // RFC 7914 wants n < 2^(16 r), and OpenSSL insists; keystores with r = 1 are older than that.
  if (Math.log2(n) >= 16 * r) {
    const { scryptAsync } = await import('@noble/hashes/scrypt')
    return Buffer.from(await scryptAsync(password, salt, { N: n, r, p, dkLen: dklen }))
  }
  // Node refuses to use more than 32 MiB for scrypt unless `maxmem` allows it.
  return nativeScrypt(password, salt, dklen, { N: n, r, p, maxmem: 128 * r * (n + p) + 1024 * 1024 })
}
