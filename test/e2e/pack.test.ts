/** The package as npm would serve it, in an empty folder: small, complete, typed, and clear about the Node it needs. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { publint } from 'publint'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { type EvidenceBundle, encodeBundle } from '../../src/core/report/evidence-bundle.ts'
import { isolatedHome } from '../helpers/run-cli.ts'
import { smallCore, smallJobs } from '../unit/job/small-spec.ts'
import { makeReport } from '../unit/report/sample-report.ts'
import { describeGuides, guideOf } from './pack/guides.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const modules = join(root, 'node_modules')
const home = isolatedHome()
const folder = mkdtempSync(join(tmpdir(), 'kaisar-pack-'))
afterAll(() => {
  for (const path of [folder, home.path]) rmSync(path, { recursive: true, force: true })
})

/**
 * Installed by npm, as its page says, with the contracts for every EVM, and on the oldest Node that it takes; `npm run test:deep -- package`.
 * Otherwise it is unpacked, and what it says it depends on is linked from this project's own: npm takes half a minute of CPU to lay out the same files.
 */
const isWhole = process.env.KAISAR_WHOLE_PACKAGE === '1'

/**
 * Budget of what is downloaded from us, and of what it unpacks to. Most of it is the code of dependencies; the contracts as compiled
 * for three EVMs are a tenth, and the types of the three exports a twentieth.
 */
const budgetBytes = { tarball: 1_855_000, unpacked: 8_492_000 }

/** Some packages whose code is in ours. */
const bundled = ['ink', 'pino', 'prom-client', 'execa', '@peculiar/x509']

type Packed = { filename: string; size: number; unpackedSize: number; files: { path: string }[] }
let packed: Packed
/** Where it is installed for all users, and where its command lies. */
const prefix = join(folder, 'prefix')
const installed = join(prefix, 'lib/node_modules/kaisar')
const bin = join(prefix, 'bin')

/** As a user's shell: the pinned Node first, nothing of this project's own folders behind it. */
const PATH = [
  dirname(process.execPath),
  ...process.env.PATH!.split(delimiter).filter(each => !each.includes(root)),
].join(delimiter)
const env = { ...home.env, PATH, ONNXRUNTIME_NODE_INSTALL: undefined, KAISAR_SKIP_BUILD: undefined, NO_COLOR: '1' }
/** The user's npm configuration has the registry and its cache. */
const npmEnv = { ...env, HOME: process.env.HOME, npm_config_prefer_offline: 'true' }
const inFolder = { cwd: folder, env, timeout: 240_000 } as const

beforeAll(async () => {
  const words = ['pack', '--json', '--pack-destination', folder]
  if (!isWhole) {
    await execa(process.execPath, ['scripts/build.mjs', '--prune'], { cwd: root })
    const types = [join(modules, 'typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--noCheck', '--singleThreaded']
    await execa(process.execPath, types, { cwd: root })
    words.push('--ignore-scripts')
  }
  const { stdout } = await execa('npm', words, { cwd: root })
  const result: Packed[] | Record<string, Packed> = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)))
  packed = Object.values(result)[0]!
  await (isWhole ? installWithNpm() : unpackAndLink())
  // A project that uses it, with what it brings.
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(installed, join(folder, 'node_modules/kaisar'))
  symlinkSync(join(installed, 'node_modules/viem'), join(folder, 'node_modules/viem'))
}, 300_000)

async function installWithNpm() {
  const [command] = guideOf('docs/install.md')
  await execa('bash', ['-c', command!], { ...inFolder, env: { ...npmEnv, npm_config_prefix: prefix } })
}

/** What its code asks for and its package.json does not name is not found. */
async function unpackAndLink() {
  for (const path of [installed, bin]) mkdirSync(path, { recursive: true })
  await execa('tar', ['-xzf', packed.filename, '--strip-components', '1', '-C', installed], inFolder)
  const { dependencies, optionalDependencies, bin: commands } = manifestOf(installed)
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    // Of the optional ones npm has installed those for this machine.
    if (!existsSync(join(modules, name)) && name in optionalDependencies) continue
    const link = join(installed, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(modules, name), link)
  }
  for (const [name, path] of Object.entries(commands)) symlinkSync(join(installed, path), join(bin, name))
}

type Manifest = Record<'dependencies' | 'optionalDependencies' | 'bin' | 'engines', Record<string, string>>
const manifestOf = (place: string): Manifest => JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'))

it('stays within its size budget, and holds no sources, tests or pictures', () => {
  expect(packed.size).toBeLessThan(budgetBytes.tarball)
  expect(packed.unpackedSize).toBeLessThan(budgetBytes.unpacked)
  const tops = new Set(packed.files.map(({ path }) => path.split('/')[0]))
  expect([...tops].sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'bin',
    'contracts',
    'dist',
    'oclif.manifest.json',
    'package.json',
    'packaging',
  ])
  // What is used with an image or a service, and needs no sources.
  expect(packed.files.map(({ path }) => path)).toEqual(
    expect.arrayContaining([
      'packaging/grafana/kaisar.json',
      'packaging/helm/Chart.yaml',
      'packaging/helm/templates/providers.yaml',
      'packaging/prometheus/alerts.yml',
    ]),
  )
  expect(packed.files.filter(({ path }) => /\.test\.|\/\.|\.map$/.test(path))).toEqual([])
})

// In the suite what package.json names itself; what comes with that too where npm has installed it.
it('asks for one anvil, for no compiler or test tool, and for nothing whose code it brings, but brings its licence', () => {
  const anvil = `anvil-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  expect(readdirSync(join(installed, 'node_modules/@foundry-rs'))).toEqual([anvil])
  for (const name of ['solc', 'typescript', 'vitest', 'node', '@biomejs/biome', ...bundled])
    for (const place of [installed, join(installed, '../..')])
      expect(existsSync(join(place, 'node_modules', name)), name).toBe(false)
  const licences = readFileSync(join(installed, 'dist/THIRD-PARTY.txt'), 'utf8')
  for (const name of [...bundled, 'viem', '@oclif/core'])
    expect(licences).toMatch(new RegExp(`^${name} [\\d.]+ \\(`, 'm'))
})

/** What the compiler says of files of the consumer; empty where it is content. */
async function typeErrors(...files: string[]): Promise<string> {
  const flags = ['--module', 'nodenext', '--target', 'es2024', '--strict', '--singleThreaded', '--noEmit']
  const types = ['--types', 'node', '--typeRoots', join(modules, '@types')]
  const { all, exitCode } = await execa(
    process.execPath,
    [join(modules, 'typescript/bin/tsc'), ...flags, ...types, ...files],
    { ...inFolder, all: true, reject: false },
  )
  return exitCode === 0 ? '' : all || `exit code ${exitCode}`
}

it('has types for kaisar/devnet and kaisar/abi that hold a consumer to them, as the example of the docs', async () => {
  writeFileSync(
    join(folder, 'consumer.ts'),
    `import { type Devnet, startDevnet } from 'kaisar/devnet'
const devnet: Devnet = await startDevnet({ dataDir: '/tmp/example', providers: 1 })
const [first] = await devnet.paidEpochs(1)
const amount: bigint | undefined = first?.payments[0]?.amount
// @ts-expect-error the folder is required
await startDevnet({})
// @ts-expect-error no such field, so the type is not any
devnet.nothing
export { amount }
`,
  )
  writeFileSync(join(folder, 'abi.ts'), readFileSync(join(root, 'docs/examples/abi.ts')))
  writeFileSync(
    join(folder, 'abi-consumer.ts'),
    `import { readNetwork } from './abi.js'
import { epochConsensusAbi } from 'kaisar/abi'
import { createPublicClient, http } from 'viem'
const { epoch, supply } = await readNetwork('http://127.0.0.1:1', { EpochConsensus: '0x', KaisarToken: '0x' })
const both: bigint = epoch + supply
const client = createPublicClient({ transport: http() })
// @ts-expect-error no such function, so the ABI is not just any
await client.readContract({ address: '0x', abi: epochConsensusAbi, functionName: 'nothing' })
export { both }
`,
  )
  expect(await typeErrors('consumer.ts', 'abi-consumer.ts')).toBe('')
})

it('has the ABIs that the contracts in it have', async () => {
  const script = "import { abis } from 'kaisar/abi'; console.log(JSON.stringify(abis))"
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script], inFolder)
  type Entry = { type: string; name?: string; inputs?: { type: string }[] }
  const exported: Record<string, Entry[]> = JSON.parse(stdout)
  const heads = (abi: Entry[]) =>
    abi.map(({ type, name = '', inputs = [] }) => `${type} ${name}(${inputs.map(input => input.type)})`)
  expect(Object.keys(exported).sort()).toEqual([
    'CheckerSeats',
    'DeviceRegistry',
    'EpochConsensus',
    'KaisarLens',
    'KaisarToken',
    'RewardVault',
  ])
  for (const [name, abi] of Object.entries(exported)) {
    const compiled = readFileSync(join(installed, `dist/contracts/prague/${name}.json`), 'utf8')
    // That of EpochConsensus has more: it answers for its extension too.
    const own = (JSON.parse(compiled) as { abi: Entry[] }).abi.filter(({ type }) => type !== 'fallback')
    expect(heads(abi), name).toEqual(expect.arrayContaining(heads(own)))
  }
})

it('verifies evidence in another project, by the example of the docs: an honest bundle, and one whose row was changed', async () => {
  writeFileSync(join(folder, 'verify.mjs'), readFileSync(join(root, 'docs/examples/verify.mjs')))
  const core = await smallCore()
  onTestFinished(() => core.close())
  const honest = await makeReport(core, smallJobs)
  const openings = Uint8Array.from(honest.openings)
  openings[openings.length - 1]! ^= 1
  const said = async (name: string, bundle: EvidenceBundle) => {
    writeFileSync(join(folder, name), encodeBundle(bundle))
    return (await execa(process.execPath, ['verify.mjs', name], inFolder)).stdout
  }
  expect(await said('honest', honest)).toMatch(/^VALID: [\d]+ rows by 0x[0-9a-f]{40}\n\d things that no bundle proves$/)
  expect(await said('changed', { ...honest, openings })).toMatch(/^NOT VALID at (OPENINGS_\w+|ROW_WRONG)$/m)
})

it('is published as resolvers expect it', async () => {
  const { messages } = await publint({ pkgDir: installed, strict: true, pack: false })
  expect(messages).toEqual([])
})

it.runIf(isWhole)('is published as compilers expect it', async () => {
  const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core')
  const analysis = await checkPackage(createPackageFromTarballData(readFileSync(join(folder, packed.filename))))
  expect(analysis.types).not.toBe(false)
  const { problems } = analysis as { problems: readonly { kind: string; resolutionKind?: string }[] }
  // Modules alone, and subpaths alone: neither require() nor the resolution of before "exports" find them.
  const ours = problems.filter(({ resolutionKind }) => !['node10', 'node16-cjs'].includes(resolutionKind ?? ''))
  expect(ours).toEqual([])
})

/** That release of Node, which the registry has for Linux. */
async function nodeOf(version: string): Promise<string> {
  const name = `node-linux-${process.arch}`
  const place = join(folder, `node-${version}`)
  const words = ['install', '--prefix', place, '--no-audit', '--no-fund', '--prefer-offline', `${name}@${version}`]
  await execa('npm', words, { ...inFolder, env: npmEnv })
  return join(place, 'node_modules', name, 'bin/node')
}

/** The oldest Node that the package takes, where it is asked for and the registry has it; elsewhere the one that runs this. */
async function oldestNode(): Promise<string> {
  if (!isWhole || process.platform !== 'linux') return process.execPath
  return nodeOf(manifestOf(root).engines.node!.replace(/^\D+/, ''))
}

it('has the command that starts a devnet, which gets as far as a port that is taken', async () => {
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void taken.close())
  const port = String((taken.address() as AddressInfo).port)
  const words = ['devnet', 'up', '--port', port, '--json', '--data-dir', join(folder, 'devnet')]
  const { stdout, exitCode } = await execa(join(bin, 'kaisar'), words, { ...inFolder, reject: false })
  const result = JSON.parse(stdout.trim().split('\n').at(-1)!)
  expect(result).toMatchObject({ type: 'result', success: false, errors: [{ code: 'ANVIL_START_FAILED' }] })
  expect(exitCode).not.toBe(0)
})

/** Makes every Node that is started believe in another machine. */
function pretend(what: 'platform' | 'arch', value: string): { NODE_OPTIONS: string } {
  const script = join(folder, `${value}.cjs`)
  writeFileSync(script, `Object.defineProperty(process, '${what}', { value: '${value}' })\n`)
  return { NODE_OPTIONS: `--require=${script}` }
}

it.runIf(isWhole)('is not installed on a machine that it does not run on: npm says which ones it does', async () => {
  const { exitCode, all } = await execa(
    'npm',
    ['install', '--global', '--prefix', join(folder, 'nowhere'), packed.filename],
    { ...inFolder, env: { ...npmEnv, ...pretend('arch', 'riscv64') }, all: true, reject: false },
  )
  expect(exitCode).not.toBe(0)
  expect(all).toMatch(/Unsupported platform for kaisar@.*"os":"linux,darwin","cpu":"x64,arm64"/)
  expect(existsSync(join(folder, 'nowhere/bin/kaisar'))).toBe(false)
})

it.each([
  ['platform', 'freebsd'],
  ['platform', 'win32'],
  ['arch', 'riscv64'],
  // A Mac of Intel, which npm lets in: "os" and "cpu" are apart.
  ['platform', 'darwin'],
] as const)('says at once where it does not run: %s %s', async (what, value) => {
  if (value === 'darwin' && process.arch !== 'x64') return
  const entry = join(installed, 'bin/run.js')
  const { stderr, stdout, exitCode } = await execa(process.execPath, [entry, 'devnet', 'status'], {
    ...inFolder,
    env: { ...env, ...pretend(what, value) },
    reject: false,
  })
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
  expect(stderr).toMatch(
    /^kaisar runs on Linux with glibc \(x64, arm64\) and on Macs with Apple silicon, and this is \w+-\w+\.$/m,
  )
  expect(stderr.includes('WSL 2')).toBe(value === 'win32')
})

it.runIf(process.platform === 'linux')('says at once that it does not run on Alpine', async () => {
  const script = join(folder, 'alpine.cjs')
  writeFileSync(
    script,
    `const fs = require('node:fs')
const { existsSync } = fs
fs.existsSync = path => path === '/etc/alpine-release' || existsSync(path)
require('node:module').syncBuiltinESMExports()
`,
  )
  const { stderr, exitCode } = await execa(process.execPath, [join(installed, 'bin/run.js'), 'devnet', 'status'], {
    ...inFolder,
    env: { ...env, NODE_OPTIONS: `--require=${script}` },
    reject: false,
  })
  expect({ stderr, exitCode }).toMatchObject({ stderr: expect.stringContaining('this is Alpine'), exitCode: 1 })
})

// The one network here: its daemons are commands of the package.
describeGuides(async () => ({ bin, env: { ...env, PATH: [dirname(await oldestNode()), PATH].join(delimiter) } }))

if (isWhole) {
  it('has the contracts for every EVM that it deploys to', () => {
    const folders = readdirSync(join(installed, 'dist/contracts'))
    expect(folders).toEqual(expect.arrayContaining(['arbitrum', 'london', 'prague']))
  })

  it('serves the example of the docs, in the test runner of another project', async () => {
    mkdirSync(join(folder, 'test'))
    writeFileSync(join(folder, 'test/devnet.test.ts'), readFileSync(join(root, 'docs/examples/devnet.test.ts')))
    symlinkSync(join(modules, 'vitest'), join(folder, 'node_modules/vitest'))
    const words = [join(modules, 'vitest/vitest.mjs'), 'run']
    const { all, exitCode } = await execa(process.execPath, words, { ...inFolder, all: true, reject: false })
    expect(all).toContain('1 passed')
    expect(exitCode, all).toBe(0)
  })

  // As some distributions still have it: it knows less of the language than the code behind the entry is written in.
  it.runIf(process.platform === 'linux')('says on Node 12 which one it needs', async () => {
    const entry = join(installed, 'bin/run.js')
    const { stderr, stdout, exitCode } = await execa(await nodeOf('12.22.9'), [entry, 'devnet', 'status'], {
      ...inFolder,
      reject: false,
    })
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 1 })
    expect(stderr).toMatch(/^kaisar needs Node >=22\.\d+\.\d+, and this is v12\.22\.9\.\n/)
    expect(stderr).toContain('https://nodejs.org')
  })
}
