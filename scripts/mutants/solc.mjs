#!/usr/bin/env node
// The compiler of the profile of mutants: scripts/solc.mjs, which is asked each question once. With each run forge asks for the version,
// and, where tests are picked, for what it compiled last.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const args = process.argv.slice(2)
const input = args.includes('--standard-json') ? readFileSync(0) : ''
const folder = fileURLToPath(new URL('../../cache/answers/', import.meta.url))
const path = `${folder}${createHash('sha256').update(args.join('\0')).update(input).digest('hex')}`
if (!existsSync(path)) {
  const compiler = fileURLToPath(new URL('../solc.mjs', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...args], { input, maxBuffer: 2 ** 30 })
  if (status !== 0) process.exit(1)
  mkdirSync(folder, { recursive: true })
  writeFileSync(path, stdout)
}
process.stdout.write(readFileSync(path))
