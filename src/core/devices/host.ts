// Why: docs/why/devices.md
import { open, readdir, statfs } from 'node:fs/promises'
import type { CpuInfo as NodeCpu } from 'node:os'
import * as os from 'node:os'
import { dirname } from 'node:path'
import { execa } from 'execa'
import type { NetworkInterfaces } from './machine-identity.ts'

/** The machine, as everything here sees it: its files, tools and facts come through this one seam, so that tests own them. */
export type Host = {
  /** The file's first `maxBytes` (default 256 KiB) as text, or null where it cannot be read. */
  readonly readText: (path: string, maxBytes?: number) => Promise<string | null>
  /** Names in a folder, or null where it cannot be listed. */
  readonly list: (path: string) => Promise<readonly string[] | null>
  readonly run: RunTool
  /** Free space of the file system that holds the folder, or that will when the folder is made. */
  readonly freeBytes: (path: string) => Promise<number | null>
  readonly networkInterfaces: () => NetworkInterfaces
  readonly hostname: () => string
  readonly cpus: () => readonly Pick<NodeCpu, 'model'>[]
  readonly totalMemoryBytes: () => number
  readonly kernelRelease: () => string
  readonly platform: NodeJS.Platform
  /** Of this process: `x64`, `arm64`. */
  readonly architecture: string
  readonly nodeVersion: string
}

/** What a vendor's tool said. The exit code alone decides nothing: text and code are judged together. */
export type ToolOutput = {
  readonly stdout: string
  readonly stderr: string
  /** Null when it did not end by itself. */
  readonly exitCode: number | null
  readonly failure: 'missing' | 'not-executable' | 'timeout' | 'too-large' | 'killed' | null
}

type ToolLimits = { readonly timeoutMs: number; readonly maxBytes: number }
export type RunTool = (command: string, args: readonly string[], limits?: Partial<ToolLimits>) => Promise<ToolOutput>

/** nvidia-smi takes seconds on an eight-card board without persistence mode; its largest real output is below 2 MB. */
const defaultToolLimits: ToolLimits = { timeoutMs: 30_000, maxBytes: 16 * 1024 * 1024 }

/** How long after a kill to wait for a process that sits in the kernel, as tools do on a lost card. */
const abandonAfterMs = 1_000

export function decodeUtf8(bytes: Uint8Array): { readonly text: string; readonly invalid: boolean } {
  const text = new TextDecoder('utf-8').decode(bytes)
  return { text, invalid: text.includes('\ufffd') }
}

/**
 * Runs a tool with a time limit and bounded output, in a process group of its own, so that what it started ends with it.
 * Never throws. A process that cannot even be killed is left behind and reported as a timeout.
 */
const runTool: RunTool = async (command, args, limits = {}) => {
  const { timeoutMs, maxBytes } = { ...defaultToolLimits, ...limits }
  const detached = process.platform !== 'win32'
  const subprocess = execa(command, args, {
    reject: false,
    stdin: 'ignore',
    encoding: 'buffer',
    maxBuffer: maxBytes,
    detached,
    stripFinalNewline: false,
    env: { LC_ALL: 'C', LANG: 'C' },
  })
  let timedOut = false
  let timer: NodeJS.Timeout | undefined
  let abandon: NodeJS.Timeout | undefined
  const killAll = () => {
    try {
      if (detached && subprocess.pid !== undefined) process.kill(-subprocess.pid, 'SIGKILL')
      else subprocess.kill('SIGKILL')
    } catch {
      // Already gone.
    }
  }
  const abandoned = new Promise<null>(resolve => {
    timer = setTimeout(() => {
      timedOut = true
      killAll()
      abandon = setTimeout(resolve, abandonAfterMs, null)
    }, timeoutMs)
  })
  try {
    const result = await Promise.race([subprocess, abandoned])
    if (result === null) {
      // Only the kernel can end it now; this process must not wait for it.
      subprocess.stdout?.destroy()
      subprocess.stderr?.destroy()
      subprocess.nodeChildProcess.unref()
      return { stdout: '', stderr: '', exitCode: null, failure: 'timeout' }
    }
    if (result.isMaxBuffer) killAll()
    const stdout = decodeUtf8(result.stdout ?? new Uint8Array()).text
    const stderr = decodeUtf8(result.stderr ?? new Uint8Array()).text
    const code = (result as { code?: string }).code
    return {
      stdout,
      stderr,
      exitCode: result.exitCode ?? null,
      failure: timedOut
        ? 'timeout'
        : result.isMaxBuffer
          ? 'too-large'
          : code === 'ENOENT'
            ? 'missing'
            : code === 'EACCES' || code === 'ENOEXEC'
              ? 'not-executable'
              : result.exitCode === undefined
                ? 'killed'
                : null,
    }
  } finally {
    clearTimeout(timer)
    clearTimeout(abandon)
  }
}

async function readText(path: string, maxBytes = 256 * 1024): Promise<string | null> {
  const file = await open(path, 'r').catch(() => null)
  if (!file) return null
  try {
    // procfs and sysfs report size 0, so read until the end or the bound.
    const buffer = Buffer.alloc(maxBytes)
    let length = 0
    while (length < maxBytes) {
      const { bytesRead } = await file.read(buffer, length, maxBytes - length, null)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return buffer.toString('utf8', 0, length)
  } catch {
    return null
  } finally {
    await file.close()
  }
}

async function freeBytes(path: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  } catch {
    const parent = dirname(path)
    return parent === path ? null : freeBytes(parent)
  }
}

/** This machine. */
export const nodeHost: Host = {
  readText,
  list: path => readdir(path).catch(() => null),
  run: runTool,
  freeBytes,
  networkInterfaces: os.networkInterfaces,
  hostname: os.hostname,
  cpus: os.cpus,
  totalMemoryBytes: os.totalmem,
  kernelRelease: os.release,
  platform: process.platform,
  architecture: process.arch,
  nodeVersion: process.version,
}
