import { readdirSync } from 'node:fs'

/** Names of the files in a folder that end in this, in order and without it; none where the folder cannot be listed. */
export function listNames(folder: string, ending: string): string[] {
  try {
    const files = readdirSync(folder).filter(file => file.endsWith(ending))
    return files.map(file => file.slice(0, -ending.length)).sort()
  } catch {
    return []
  }
}
