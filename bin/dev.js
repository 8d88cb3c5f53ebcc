#!/usr/bin/env node
// The same CLI straight from the TypeScript sources, by type stripping: nothing is built, nothing is cached.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runCli } from '../src/cli.ts'

const root = new URL('../', import.meta.url)
const pack = readFileSync(new URL('package.json', root), 'utf8')
const pjson = JSON.parse(
  pack
    .replace(/\.\/dist\/(hooks\/[\w-]+)\.js/g, './src/$1.ts')
    .replaceAll('./dist/', './src/')
    .replaceAll('*/*.js', '*/*.ts'),
)
await runCli(process.argv.slice(2), { root: fileURLToPath(root), pjson, ignoreManifest: true })
