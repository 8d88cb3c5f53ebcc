import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openCurve } from '../../../src/core/report/curve.ts'

const require = createRequire(import.meta.url)
const withoutBindings = (name: string) => {
  if (name.startsWith('secp256k1')) throw new Error('no native build was found')
  return require(name)
}
const native = openCurve()
const javascript = openCurve(withoutBindings)
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

describe('the curve', () => {
  it('the curve is native where the platform has a build, and in JavaScript where it has none', () => {
    expect(javascript.kind).toBe('javascript')
    const built = ['linux-x64', 'darwin-arm64', 'win32-x64'].includes(`${process.platform}-${process.arch}`)
    if (built) expect(native.kind).toBe('native')
  })

  it('both curves give the same keys, signatures and signers', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (key, digest) => {
        expect(javascript.isPrivateKey(key)).toBe(native.isPrivateKey(key))
        fc.pre(native.isPrivateKey(key))
        const publicKey = native.publicKeyOf(key)
        expect(hex(javascript.publicKeyOf(key))).toBe(hex(publicKey))
        const { rs, bit } = native.sign(digest, key)
        const other = javascript.sign(digest, key)
        expect([hex(other.rs), other.bit]).toEqual([hex(rs), bit])
        for (const curve of [native, javascript]) expect(hex(curve.recover(digest, rs, bit))).toBe(hex(publicKey))
      }),
      { numRuns: 50 },
    )
  })

  it('both curves refuse the same keys and the same signatures', () => {
    const order = Buffer.from('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141', 'hex')
    for (const key of [new Uint8Array(32), order, new Uint8Array(32).fill(255)])
      expect([native.isPrivateKey(key), javascript.isPrivateKey(key)]).toEqual([false, false])
    const recovered = (curve: typeof native, digest: Uint8Array, rs: Uint8Array, bit: number) => {
      try {
        return hex(curve.recover(digest, rs, bit))
      } catch {
        return 'refused'
      }
    }
    const zero = new Uint8Array(64)
    expect(recovered(native, new Uint8Array(32), zero, 0)).toBe('refused')
    fc.assert(
      fc.property(bytes(32), bytes(64), fc.constantFrom(0, 1), (digest, rs, bit) => {
        expect(recovered(javascript, digest, rs, bit)).toBe(recovered(native, digest, rs, bit))
      }),
      { numRuns: 50, examples: [[new Uint8Array(32), zero, 0]] },
    )
  })
})

describe('elliptic', () => {
  it('the package elliptic is loaded neither with bindings nor without', () => {
    const curve = new URL('../../../src/core/report/curve.ts', import.meta.url)
    const script = `
      const { openCurve } = await import(${JSON.stringify(curve.href)})
      const { createRequire } = await import('node:module')
      const require = createRequire(${JSON.stringify(curve.href)})
      const loaded = []
      const load = available => name => {
        loaded.push(name)
        if (!available && name.startsWith('secp256k1')) throw new Error('no native build was found')
        return require(name)
      }
      const kinds = [true, false].map(available => openCurve(load(available)).kind)
      console.log(JSON.stringify({ kinds, loaded, files: Object.keys(require.cache) }))`
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
    const { kinds, loaded, files } = JSON.parse(output)
    expect(kinds).toContain('javascript')
    expect(loaded).toContain('secp256k1/bindings.js')
    expect(loaded).not.toContain('secp256k1')
    expect(files.filter((file: string) => file.includes('elliptic'))).toEqual([])
  })

  it('the package elliptic is not installed: the one in its place refuses to be a curve', () => {
    const lock = JSON.parse(readFileSync(fileURLToPath(new URL('../../../package-lock.json', import.meta.url)), 'utf8'))
    const entries = Object.entries<{ name?: string }>(lock.packages).filter(([path]) => path.endsWith('/elliptic'))
    expect(entries.map(([, { name }]) => name)).toEqual(['node-gyp-build'])
    expect(() => require('secp256k1/elliptic.js')).toThrow()
  })
})
