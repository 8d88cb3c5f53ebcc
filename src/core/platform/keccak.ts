/**
 * keccak256 by WebAssembly, in a tenth of the time that JavaScript takes. Compiling it takes as long as a thousand hashes in JavaScript, more
 * than a command needs, so it begins with the hundredth; until it is there viem's answers.
 *
 * Why: docs/why/dependencies-and-build.md
 */
import { createKeccak, type IHasher } from 'hash-wasm'
import { type Hex, keccak256 as inJavascript, toBytes } from 'viem'
import { bytesToHex } from './hex.ts'

const compileAtHash = 100

/** As viem's function of this name: of bytes, or of hexadecimal text that stands for bytes. */
export type Keccak256 = {
  (value: Hex | Uint8Array): Hex
  (value: Hex | Uint8Array, to: 'bytes'): Uint8Array
}

/** Where WebAssembly is not to be had, all goes on in JavaScript. */
export function createKeccak256(compile: () => Promise<IHasher>): Keccak256 {
  let hashes = 0
  let compiled: IHasher | null = null
  function hash(value: Hex | Uint8Array, to?: 'bytes') {
    if (compiled === null) {
      if (++hashes === compileAtHash)
        compile().then(
          hasher => {
            compiled = hasher
          },
          () => undefined,
        )
      return inJavascript(value, to)
    }
    // As viem reads text, so that the answer never depends on when it is asked for: Buffer drops half a byte, and what is not hexadecimal.
    const bytes = typeof value === 'string' ? toBytes(value) : value
    const digest = compiled.init().update(bytes).digest('binary')
    return to === 'bytes' ? digest : bytesToHex(digest)
  }
  return hash as Keccak256
}

export const keccak256: Keccak256 = createKeccak256(() => createKeccak(256))
