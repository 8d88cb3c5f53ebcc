/**
 * The npm package `webgpu` (Dawn for Node), an optional peer: 132 MB for all platforms, so that it is installed only where somebody
 * wants it. Where it is, is found as Node finds any package, or said by whoever starts an engine.
 *
 * Why: docs/why/dependencies-and-build.md
 */
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { packageFolder } from '../platform/own-files.ts'
import { shellWord } from '../platform/shell-word.ts'

/** The version that the shaders are tested with. */
export const webgpuVersion = '0.6.2'

/** In a clone, whose own lock file leaves it out: npm does not install an optional peer of the folder that it works in. */
const folderInClone = fileURLToPath(new URL('test/webgpu-engine', packageFolder))

/** URL of the package's file as Node finds it from here, null where it is not installed; it is not loaded. */
export function findWebgpu(): string | null {
  try {
    const paths = [fileURLToPath(packageFolder), folderInClone]
    return pathToFileURL(createRequire(packageFolder).resolve('webgpu', { paths })).href
  } catch {
    return null
  }
}

/** The command that installs the package where this kaisar finds it. @param kaisarFolder - default: that of this package */
export function installWebgpu(kaisarFolder: string = fileURLToPath(packageFolder)): string {
  const asked = `webgpu@${webgpuVersion}`
  const folder = resolve(kaisarFolder)
  const parent = dirname(folder)
  if (basename(parent) !== 'node_modules')
    return `npm ci --ignore-scripts --prefix ${shellWord(join(folder, 'test/webgpu-engine'))}`
  const project = dirname(parent)
  return basename(project) === 'lib'
    ? `npm install --global ${asked}`
    : `npm install --prefix ${shellWord(project)} ${asked}`
}
