import chromium from '@sparticuz/chromium'
import { type Browser, chromium as playwright } from 'playwright-core'
import { sharedTemporaryFolder } from '../setup/traces.ts'

/**
 * The headless Chromium of the npm package, or the one that CHROMIUM names. Not with the package's own arguments: they switch
 * web security off, which the pages are tested for, and run everything in one process, which ends with the first page.
 */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? (await unpackedChromium())
  return playwright.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'], headless: true, timeout: 30_000 })
}

/** Unpacked once for all runs: it is 170 MB, and takes seconds. */
async function unpackedChromium(): Promise<string> {
  const { TMPDIR } = process.env
  process.env.TMPDIR = sharedTemporaryFolder()
  try {
    return await chromium.executablePath()
  } finally {
    process.env.TMPDIR = TMPDIR
  }
}
