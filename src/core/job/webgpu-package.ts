/**
 * The npm package `webgpu` (Dawn for Node), an optional peer: 132 MB for all platforms, so that it is installed only where somebody
 * wants it. Where it is, is found as Node finds any package, or said by whoever starts an engine.
 */
import { createRequire } from 'node:module'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageFolder } from '../platform/own-files.ts'

/** The version that the shaders are tested with. */
export const webgpuVersion = '0.6.2'

/** Whether Node finds the package from here; it is not loaded. */
export function hasWebgpuPackage(): boolean {
  try {
    createRequire(packageFolder).resolve('webgpu')
    return true
  } catch {
    return false
  }
}

/** The command that installs the package where this kaisar finds it. @param kaisarFolder - default: that of this package */
export function installWebgpu(kaisarFolder: string = fileURLToPath(packageFolder)): string {
  const asked = `webgpu@${webgpuVersion}`
  const parent = dirname(kaisarFolder)
  // In a clone, which is not told of it: its lock file stays as it is.
  if (basename(parent) !== 'node_modules') return `npm install --no-save --prefix ${quoted(kaisarFolder)} ${asked}`
  const project = dirname(parent)
  return basename(project) === 'lib'
    ? `npm install --global ${asked}`
    : `npm install --prefix ${quoted(project)} ${asked}`
}

const quoted = (path: string): string => (/^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)
