/**
 * The lock files are whole. An entry without its integrity is installed unchecked; one without `os` and `cpu` is installed on every
 * platform, which once made an install twice as large; one that is missing makes `npm ci` refuse the file.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { webgpuVersion } from '../../../src/core/job/webgpu-package.ts'

type Entry = {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)), 'utf8')
type Lock = { readonly packages: Readonly<Record<string, Entry>> }
const readLock = (path: string): Lock => JSON.parse(read(path))
const entriesOf = ({ packages }: Lock) => Object.entries(packages)
/** What a registry serves: neither the project itself nor its workspace and the link to it. */
const servedOf = (of: Lock) => entriesOf(of).filter(([path, { link }]) => path.includes('node_modules/') && !link)
const lock = readLock('package-lock.json')
const served = servedOf(lock)

const operatingSystem = /(^|[-.])(linux|darwin|win32|freebsd|openbsd|netbsd|sunos|aix|android|openharmony)([-.]|$)/
const processor =
  /-(x64|amd64|arm64|arm|armv\d\w*|arm-\w+|ia32|x86|ppc64|riscv64|s390x|loong64|mips64el|universal)(-\w+)?$/
const nameOf = (path: string) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)

/** Builds for one platform, by their names: `@foundry-rs/anvil-linux-arm64`, `@rolldown/binding-linux-x64-gnu`. */
const isPlatformPackage = (name: string) => operatingSystem.test(name.replace('/', '-')) && processor.test(name)

/** Where Node would find `name` from the package at `path`, undefined when the lock has it nowhere on the way up. */
function find({ packages }: Lock, path: string, name: string): string | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const candidate = `${at ? `${at}/` : ''}node_modules/${name}`
    if (candidate in packages) return candidate
    if (!at) return
  }
}

it('the whole lock file is read', () => {
  expect(served.length).toBeGreaterThan(300)
  expect(served.filter(([path]) => isPlatformPackage(nameOf(path))).length).toBeGreaterThan(40)
  expect(['@foundry-rs/anvil-darwin-amd64', '@typescript/typescript-win32-x64'].every(isPlatformPackage)).toBe(true)
  expect(['lightningcss-linux-arm-gnueabihf', '@rolldown/binding-linux-x64-musl'].every(isPlatformPackage)).toBe(true)
  expect(['secp256k1', 'node', 'onnxruntime-node'].some(isPlatformPackage)).toBe(false)
})

const lockFiles = ['package-lock.json', 'test/webgpu-engine/package-lock.json', 'test/evm/package-lock.json']

describe.each(lockFiles)('every entry of %s', path => {
  const one = readLock(path)
  const served = servedOf(one)

  it('every entry of the lock has its integrity', () => {
    expect(served.length).toBeGreaterThan(0)
    expect(served.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([])
  })

  it('every entry of the lock has an exact version', () => {
    expect(served.filter(([, { version }]) => !/^\d+\.\d+\.\d+/.test(version ?? '')).map(([path]) => path)).toEqual([])
  })

  it('every entry of the lock names the public registry or none', () => {
    const elsewhere = served.filter(
      ([, { resolved }]) => resolved && !resolved.startsWith('https://registry.npmjs.org/'),
    )
    expect(elsewhere.map(([path, { resolved }]) => `${path}: ${resolved}`)).toEqual([])
  })

  it('every dependency of an entry is in the lock, for other platforms too', () => {
    const missing = entriesOf(one).flatMap(([path, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter(name => !find(one, path, name))
        .map(name => `${path || 'kaisar'} asks for ${name}`),
    )
    expect(missing).toEqual([])
  })
})

it('the package webgpu is left to whoever wants it, and tests take the version that is told', () => {
  expect(served.map(([path]) => nameOf(path))).not.toContain('webgpu')
  const { peerDependencies, peerDependenciesMeta } = JSON.parse(read('package.json'))
  expect(peerDependencies).toEqual({ webgpu: `^${webgpuVersion}` })
  expect(peerDependenciesMeta).toEqual({ webgpu: { optional: true } })
  expect(JSON.parse(read('test/webgpu-engine/package.json')).dependencies).toEqual({ webgpu: webgpuVersion })
})

it('builds for a platform are installed on that platform alone', () => {
  const everywhere = served.filter(
    ([path, { os, cpu }]) => isPlatformPackage(nameOf(path)) && !(os?.length === 1 && cpu?.length === 1),
  )
  expect(everywhere.map(([path]) => path)).toEqual([])
})

it('an install says nothing of itself, and runs no script of ONNX Runtime', () => {
  const settings = read('.npmrc')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith(';'))
  expect(settings.toSorted()).toEqual([
    'fund=false',
    'loglevel=error',
    'onnxruntime-node-install=skip',
    'update-notifier=false',
  ])
})

it('the project’s own dependencies have exact versions', () => {
  const asked = ['package.json', 'contracts/package.json'].flatMap(path => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read(path))
    return Object.entries<string>({ ...dependencies, ...devDependencies, ...optionalDependencies })
  })
  expect(asked.length).toBeGreaterThan(30)
  expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)).map(([name]) => name)).toEqual([])
})
