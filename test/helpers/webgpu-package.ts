/**
 * The npm package `webgpu` for tests, from `test/webgpu-engine`: it is 132 MB for all platforms, so no clone installs it before a test
 * asks for it. It is kept in `node_modules/.cache` without the builds for other platforms.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const pathOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const source = pathOf('test/webgpu-engine')
const cache = pathOf('node_modules/.cache/kaisar')
const platform = `${process.platform}-${process.platform === 'darwin' ? 'universal' : process.arch}`

/** URL of the package's file, installed where it is not there yet. @throws Error where the registry does not give it */
export function installWebgpuPackage(): string {
  const { dependencies } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  const folder = join(cache, `webgpu-${dependencies.webgpu}`)
  if (!existsSync(folder)) install(folder)
  return pathToFileURL(join(folder, 'node_modules/webgpu/index.js')).href
}

/** Whole or not at all, whoever else installs it at the same time. */
function install(folder: string): void {
  mkdirSync(cache, { recursive: true })
  const making = mkdtempSync(join(cache, 'installing-'))
  try {
    for (const name of ['package.json', 'package-lock.json']) cpSync(join(source, name), join(making, name))
    runNpm(making)
    const builds = join(making, 'node_modules/webgpu/dist')
    for (const build of readdirSync(builds)) if (build !== platform) rmSync(join(builds, build), { recursive: true })
    try {
      renameSync(making, folder)
    } catch (error) {
      if (!existsSync(folder)) throw error
    }
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
}

function runNpm(folder: string): void {
  const words = ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--fetch-retries', '1']
  try {
    execFileSync('npm', words, { cwd: folder, stdio: 'pipe', timeout: 100_000 })
  } catch (error) {
    const { stderr, message } = error as { stderr?: Buffer; message: string }
    const said = stderr?.toString('utf8').trim().split('\n').slice(0, 4).join('\n') || message
    throw new Error(
      `The npm registry did not give the package webgpu, which this test runs on; it is asked once. npm said:\n${said}`,
    )
  }
}
