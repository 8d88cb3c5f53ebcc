/** A software Vulkan device (SwiftShader, as a browser package brings it), for what runs on WebGPU where there is no card. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

const archive = 'node_modules/@sparticuz/chromium/bin/swiftshader.tar.br'

/** Why it cannot be used here, or null. */
export const swiftshaderMissing: string | null =
  process.platform !== 'linux' || process.arch !== 'x64'
    ? 'it is built for Linux on x64'
    : existsSync(archive)
      ? null
      : `${archive} is not installed`

/** Of a test's name where the device is missing. */
export const skipReason = swiftshaderMissing === null ? '' : ` (skipped: ${swiftshaderMissing})`

/** What a process that sees this device alone prints, as JSON; it may end itself by a signal. */
export const runOnSwiftshader = async <T>(words: readonly string[]): Promise<T> =>
  JSON.parse(await printedOnSwiftshader(words))

export async function printedOnSwiftshader(words: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-swiftshader-'))
  try {
    unpack(brotliDecompressSync(readFileSync(archive)), folder)
    return await runWith(folder, words)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function runWith(folder: string, words: readonly string[]): Promise<string> {
  const env = { ...process.env, VK_DRIVER_FILES: join(folder, 'vk_swiftshader_icd.json'), LD_LIBRARY_PATH: folder }
  return new Promise((resolve, reject) =>
    execFile(process.execPath, words, { env, timeout: 280_000, maxBuffer: 2 ** 26 }, (_, stdout, stderr) => {
      if (stdout === '') reject(new Error(`the child computed nothing: ${stderr}`))
      else resolve(stdout)
    }),
  )
}

/** Unpacks a tar of plain files: a header of 512 bytes (name at 0, size in octal at 124), then the file, padded to 512. */
function unpack(tar: Buffer, folder: string): void {
  for (let at = 0; tar[at]; ) {
    const name = tar.toString('utf8', at, at + 100).replace(/\0.*$/s, '')
    const size = Number.parseInt(tar.toString('utf8', at + 124, at + 136), 8)
    writeFileSync(join(folder, name), tar.subarray(at + 512, at + 512 + size), { mode: 0o755 })
    at += 512 + Math.ceil(size / 512) * 512
  }
}
