/**
 * The four operations on secp256k1 that signatures need: native where the package has a build for the platform, else in JavaScript
 * by the library that viem uses too. The bindings are loaded by their own name, because the package's index falls back silently to
 * `elliptic`, which is slower than both and has open advisories.
 *
 * Why: docs/why/dependencies-and-build.md
 */
import { createRequire } from 'node:module'
import type * as noble from '@noble/curves/secp256k1'
import type * as bindings from 'secp256k1'

export type Curve = {
  readonly kind: 'native' | 'javascript'
  isPrivateKey(key: Uint8Array): boolean
  /** 65 bytes, the first of them 4. */
  publicKeyOf(key: Uint8Array): Uint8Array
  /** RFC 6979 with the lower s: 64 bytes r ‖ s, and the recovery bit. */
  sign(digest: Uint8Array, key: Uint8Array): { readonly rs: Uint8Array; readonly bit: number }
  /** The public key, 65 bytes. Throws where there is none. */
  recover(digest: Uint8Array, rs: Uint8Array, bit: number): Uint8Array
}

type Load = (name: string) => unknown

/** @param load - loads a package by its name; default: this module's own `require` */
export function openCurve(load: Load = createRequire(import.meta.url)): Curve {
  try {
    return nativeCurve(load)
  } catch {
    return javascriptCurve(load)
  }
}

function nativeCurve(load: Load): Curve {
  const curve = load('secp256k1/bindings.js') as typeof bindings
  return {
    kind: 'native',
    isPrivateKey: key => curve.privateKeyVerify(key),
    publicKeyOf: key => curve.publicKeyCreate(key, false),
    sign(digest, key) {
      const { signature, recid } = curve.ecdsaSign(digest, key)
      return { rs: signature, bit: recid }
    },
    recover: (digest, rs, bit) => curve.ecdsaRecover(rs, bit, digest, false),
  }
}

function javascriptCurve(load: Load): Curve {
  const { secp256k1: curve } = load('@noble/curves/secp256k1') as typeof noble
  return {
    kind: 'javascript',
    isPrivateKey: key => curve.utils.isValidPrivateKey(key),
    publicKeyOf: key => curve.getPublicKey(key, false),
    sign(digest, key) {
      const signature = curve.sign(digest, key)
      return { rs: signature.toCompactRawBytes(), bit: signature.recovery }
    },
    recover: (digest, rs, bit) =>
      curve.Signature.fromCompact(rs).addRecoveryBit(bit).recoverPublicKey(digest).toRawBytes(false),
  }
}
