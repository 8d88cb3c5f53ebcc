import { open, readdir } from 'node:fs/promises'

/** What probes read of the host's file system; a parameter, so that tests own the host. */
export type HostFiles = {
  /** The file's first `maxBytes` (default 256 KiB) as text, or null where it cannot be read. */
  readText(path: string, maxBytes?: number): Promise<string | null>
  /** Names in a folder, or null where it cannot be listed. */
  list(path: string): Promise<readonly string[] | null>
}

export const hostFiles: HostFiles = {
  async readText(path, maxBytes = 256 * 1024) {
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
  },
  async list(path) {
    return readdir(path).catch(() => null)
  },
}
