import { rmSync } from 'node:fs'
import chromium from '@sparticuz/chromium'
import { type Browser, chromium as playwright } from 'playwright-core'
import { endWithScope } from '../setup/file-scope.ts'
import { makeFolder, sharedTemporaryFolder } from '../setup/run-folders.ts'

/**
 * The headless Chromium of the npm package, or the one that CHROMIUM names. Not with the package's own arguments: they switch
 * web security off, which the pages are tested for, and run everything in one process, which ends with the first page.
 */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? (await unpackedChromium())
  // What it leaves when it ends, a moment after it said so, is in a folder of its own.
  const folder = makeFolder(sharedTemporaryFolder(), 'browser')
  endWithScope(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))
  return playwright.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu'],
    env: { ...process.env, TMPDIR: folder },
    headless: true,
    timeout: 30_000,
  })
}

/** Unpacked once for all runs: it is 170 MB, and takes seconds. */
async function unpackedChromium(): Promise<string> {
  const { TMPDIR } = process.env
  process.env.TMPDIR = sharedTemporaryFolder()
  try {
    return await chromium.executablePath()
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = TMPDIR
  }
}
