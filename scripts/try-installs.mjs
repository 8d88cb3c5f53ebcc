// Whether an install is quiet, by each Node and npm that somebody may have: `npm run try:installs [-- --only 20/10,22/11] [--devnet 24/12]`.
// A clone of HEAD, a home with nothing in it, `npm ci`, then `npx kaisar --version` and `npx kaisar keys list`; with --devnet also the
// README's command. Prints a row for each and every line that is not the product's; exit code 1 where there is one. Minutes for each.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { only: { type: 'string' }, devnet: { type: 'string', default: '' } } })
const all = ['20', '22', '24'].flatMap(node => ['10', '11', '12'].map(npm => `${node}/${npm}`))
const pairs = values.only?.split(',') ?? all
const withDevnet = values.devnet.split(',')
/** What npm says of an install, and what a first start of the product says while it builds. */
const expected = [
  /^added \d+ packages( in \w+)?$/,
  /^$/,
  /^(Bundling the sources|Compiling contracts|Listing commands|Listing errors)( …|: [\d.]+ s)$/,
]

for (const pair of pairs) {
  const folder = mkdtempSync(join(tmpdir(), 'kaisar-install-'))
  try {
    report(pair, tryPair(pair, folder))
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

function must(command, args, cwd, env) {
  const { status, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
}
