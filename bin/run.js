#!/usr/bin/env node
// The entry. Kept in JavaScript that Node 12 can parse (no `??`, no `?.`, no await outside of a function), so that it can say which Node
// it needs.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

// ONNX Runtime for Linux has telemetry, and keeps files for it in the folder for temporary files. It asks the
// environment whether it may, and everything that we start asks ours.
if (process.env.ORT_DISABLE_TELEMETRY === undefined) process.env.ORT_DISABLE_TELEMETRY = '1'

const root = new URL('../', import.meta.url)
const pack = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
const argv = process.argv.slice(2)

// `kaisar … | head -1` closes our stdout early; that is no failure of ours.
process.stdout.on('error', error => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

if (argv[0] === '--version' || argv[0] === '-v') {
  process.stdout.write(`${userAgent()}\n`)
} else if (!pack.os.includes(process.platform) || !pack.cpu.includes(process.arch) || isIntelMac() || isAlpine()) {
  const here = isAlpine() ? 'Alpine, which has musl' : `${process.platform}-${process.arch}`
  process.stderr.write(
    `kaisar runs on Linux with glibc (x64, arm64) and on Macs with Apple silicon, and this is ${here}.\n` +
      (process.platform === 'win32' ? 'On Windows install it in WSL 2, which is Linux.\n' : ''),
  )
  process.exitCode = 1
} else if (isOlder(process.versions.node, pack.engines.node.replace(/^\D+/, ''))) {
  const pinned = fileURLToPath(new URL('node_modules/node/bin/node', root))
  if (existsSync(pinned)) runWith(pinned)
  else {
    process.stderr.write(
      `kaisar needs Node ${pack.engines.node}, and this is ${process.version}.\n` +
        'Install the current LTS release from https://nodejs.org, or run it from a clone after "npm ci", which brings its own.\n',
    )
    process.exitCode = 1
  }
} else {
  // A command that waits for what can no longer come has failed: Node ends with this code where an await outside of a function does.
  let hasEnded = false
  process.once('beforeExit', () => {
    if (!hasEnded) process.exitCode = 13
  })
  start().then(() => {
    hasEnded = true
  })
}

async function start() {
  // A clone builds what is missing by itself; an installed package has no sources and nothing to build.
  // Processes started from here inherit the answer, so that a running network is never rebuilt under itself.
  if (!process.env.KAISAR_SKIP_BUILD && existsSync(new URL('src', root))) {
    const { build } = await import('../scripts/build.mjs')
    try {
      await build()
    } catch (error) {
      process.stderr.write(
        `The build of kaisar failed: ${error.message}\nFix what is named above, then run the command again.\n`,
      )
      process.exit(1)
    }
    process.env.KAISAR_SKIP_BUILD = '1'
  }
  const error = askedForError()
  if (error) return process.stdout.write(error)
  const { words, page } = askedForHelp()
  if (page) return process.stdout.write(page)
  const { enableCompileCache } = await import('node:module')
  enableCompileCache()
  const { runCli } = await import('../dist/cli.js')
  await runCli(words, { root: fileURLToPath(root) })
}

/** npm cannot be told of this pair: "os" and "cpu" are apart. ONNX Runtime has no build for it. */
function isIntelMac() {
  return process.platform === 'darwin' && process.arch === 'x64'
}

/** npm cannot be told of this either: where "libc" is named it refuses Macs. ONNX Runtime and anvil need glibc. */
function isAlpine() {
  return process.platform === 'linux' && existsSync('/etc/alpine-release')
}

function userAgent() {
  return `kaisar/${pack.version} ${process.platform}-${process.arch} node-${process.version}`
}

/**
 * The help that was asked for, as the build rendered it. Without a page the words name nothing: run as a command they are refused
 * with a suggestion. When no help was asked for, the words are those that were given.
 */
function askedForHelp() {
  const words = argv.filter(word => !word.startsWith('-'))
  const isHelp = argv.length === 0 || words[0] === 'help' || argv.includes('--help') || argv.includes('-h')
  if (!isHelp || argv.includes('--')) return { words: argv }
  if (words[0] === 'help') words.shift()
  const pages = JSON.parse(readFileSync(new URL('dist/help.json', root), 'utf8'))
  // Behind a command there may be arguments and values of flags; behind a topic only a command.
  const isCommand = id => id in pages && !Object.keys(pages).some(other => other.startsWith(`${id} `))
  const ids = words.map((_, i) => words.slice(0, i + 1).join(' '))
  const page = pages[words.join(' ')] || pages[ids.find(isCommand)]
  if (page) return { page: page.replace('{{user agent}}', userAgent()) }
  return { words: argv.includes('--json') ? [...words, '--json'] : words }
}

/** What `kaisar help CODE` prints, for whatever kaisar shows by a code; undefined when none was named. */
function askedForError() {
  const [verb, asked, ...more] = argv.filter(word => !word.startsWith('-'))
  if (verb !== 'help' || asked === undefined || more.length > 0) return
  const errors = JSON.parse(readFileSync(new URL('dist/errors.json', root), 'utf8'))
  const code = Object.keys(errors).find(name => name.toLowerCase() === asked.toLowerCase())
  if (code === undefined) return
  const data = { code, ...errors[code] }
  if (argv.includes('--json'))
    return `${JSON.stringify({ schemaVersion: 1, success: true, data, errors: [], warnings: [] })}\n`
  const ends = data.exit === undefined ? [] : [`  Exit code ${data.exit}`]
  return `${[code, `  Why  ${data.meaning}`, `  Fix  ${data.fix}`, ...ends].join('\n')}\n`
}

/** Whether version `a` is lower than `b`, both `major.minor.patch`. */
function isOlder(a, b) {
  const [left, right] = [a, b].map(version => version.split('.').map(Number))
  const at = left.findIndex((part, i) => part !== right[i])
  return at >= 0 && left[at] < right[at]
}

/** The same command on the Node that the project installed, as if it had been started by it: same streams, signals, exit code. */
function runWith(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // Ctrl-C reaches the whole foreground group by itself: forwarding it too would count as the second signal.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
  }
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code))
}
