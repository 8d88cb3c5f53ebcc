/** Foundry's own implementation of Web3 Secret Storage reads our keystores, and we read its. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { privateKeyToAddress } from 'viem/accounts'
import { afterAll, describe, expect, it } from 'vitest'
import { decryptKeystore, encryptKeystore, parseKeystore } from '../../../src/core/platform/keystore.ts'
import { isFull } from '../../helpers/full-runs.ts'

const privateKey = `0x${'0123456789abcdef'.repeat(4)}` as const
const password = 'a "pass" \\ with ü'
const home = mkdtempSync(join(tmpdir(), 'kaisar-cast-'))
afterAll(() => rmSync(home, { recursive: true }))

/** The binary of the platform's package, which npm leaves out where it does not offer one. */
function findCast(): string | null {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch
  try {
    return createRequire(import.meta.url).resolve(`@foundry-rs/cast-${process.platform}-${arch}/bin/cast`)
  } catch {
    return null
  }
}

const cast = findCast()
const run = async (...args: string[]) => (await execa(cast!, ['wallet', ...args], { env: { HOME: home } })).stdout

describe.skipIf(cast === null)('cast wallet (needs @foundry-rs/cast)', () => {
  it('cast opens a keystore that kaisar wrote (needs @foundry-rs/cast)', async () => {
    const file = join(home, 'ours.json')
    writeFileSync(file, await encryptKeystore(privateKey, password, isFull ? 'standard' : 'light'))
    expect(await run('address', '--keystore', file, '--password', password)).toBe(privateKeyToAddress(privateKey))
  })

  it('kaisar opens a keystore that cast wrote (needs @foundry-rs/cast)', async () => {
    await run('import', 'theirs', '--keystore-dir', home, '--private-key', privateKey, '--unsafe-password', password)
    const file = join(home, 'theirs')
    const unlocked = await decryptKeystore(parseKeystore(readFileSync(file, 'utf8'), file), password, file)
    expect(unlocked.privateKey).toBe(privateKey)
  })
})
