/**
 * What the README and the docs say can be done is there, and what they link to. Their command blocks are run where there is a
 * devnet: one-devnet.test.ts.
 *
 * Why: docs/why/testing.md
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import {
  commandBlocks,
  docPages,
  headingAnchors,
  namedFiles,
  projectRoot,
  relativeLinks,
  simpleCommands,
} from '../helpers/doc-pages.ts'
import { closing, opening } from './one-devnet/docs-blocks.ts'

const readJson = (path: string) => JSON.parse(readFileSync(join(projectRoot, path), 'utf8'))
const manifest: { commands: Record<string, { flags: Record<string, object> }> } = readJson('oclif.manifest.json')
const { scripts } = readJson('package.json') as { scripts: Record<string, string> }
const pages = docPages()
const blocks = pages.flatMap(page => commandBlocks(page))

it('finds the blocks', () => {
  expect(blocks.length).toBeGreaterThan(10)
  const commands = blocks.flatMap(block => block.commands)
  expect(commands).toContain(opening)
  expect(commands).toContain(closing)
})

describe('every command that is told', () => {
  const told = blocks.flatMap(block =>
    block.commands.flatMap(command => simpleCommands(command).map(words => ({ block, words }))),
  )

  it.each(told.filter(({ words }) => words.includes('kaisar')))('exists with its flags: $words', ({ words }) => {
    const [, ...rest] = words.slice(words.indexOf('kaisar'))
    const id = [rest.slice(0, 2).join(':'), rest[0]!].find(name => name in manifest.commands)
    expect(id, rest.join(' ')).toBeDefined()
    const flags = rest.filter(word => word.startsWith('--')).map(word => word.slice(2).split('=')[0]!)
    const known = Object.keys(manifest.commands[id!]!.flags)
    expect(known).toEqual(expect.arrayContaining(flags))
  })

  it.each(told.filter(({ words }) => words[0] === 'npm'))('is a script: $words', ({ words: [, verb, name] }) => {
    if (verb === 'run') expect(Object.keys(scripts)).toContain(name)
    else if (verb === 'test') expect(scripts.test).toBeDefined()
    else expect(['ci', 'install', 'pack']).toContain(verb)
  })

  it.each(blocks.filter(({ note }) => note?.kind === 'run by'))(
    'is run where it says: $page:$line',
    ({ note, commands }) => {
      const test = readFileSync(join(projectRoot, note!.text), 'utf8')
      for (const words of commands.flatMap(simpleCommands).filter(each => each.includes('kaisar'))) {
        const quoted = words.slice(words.indexOf('kaisar') + 1).map(word => `'${word}'`)
        expect(test).toContain(quoted.join(', '))
      }
    },
  )
})

it('a guide is given as it stands by the file that it names', () => {
  const guides = blocks.filter(({ note }) => note?.kind === 'guide')
  expect(guides.length).toBeGreaterThan(2)
  for (const { page, note } of guides)
    expect(readFileSync(join(projectRoot, note!.text), 'utf8'), `${page} in ${note!.text}`).toContain(`'${page}'`)
})

describe('links', () => {
  it.each(pages)('of %s lead somewhere', page => {
    for (const { path, anchor } of relativeLinks(page)) {
      expect(existsSync(join(projectRoot, path)), path).toBe(true)
      if (anchor) expect(headingAnchors(path), `${path}#${anchor}`).toContain(anchor)
    }
  })

  it.each(pages)('%s names files that exist', page => {
    // The page about the contracts names files below their folder.
    const isThere = (path: string) => ['', 'contracts'].some(folder => existsSync(join(projectRoot, folder, path)))
    expect(namedFiles(page).filter(path => !isThere(path))).toEqual([])
  })
})

it('the generated pages are what the sources say', async () => {
  const { exitCode, stderr } = await execa(process.execPath, ['scripts/docs.mjs', '--check'], {
    cwd: projectRoot,
    reject: false,
  })
  expect(exitCode, stderr).toBe(0)
})
