/** The pages about the code name what is there: every file of the glossary, of where-is and of the reasons, and every name in it. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { meanings } from '../../src/core/web/terms.ts'
import { docPages, projectRoot, relativeLinks } from '../helpers/doc-pages.ts'

const read = (path: string) => readFileSync(join(projectRoot, path), 'utf8')

/** Whether a source file exports this name; of a Solidity file, whether it declares it. */
function declares(path: string, name: string): boolean {
  const text = read(path)
  if (path.endsWith('.sol'))
    return new RegExp(`^\\s*(abstract )?(contract|library|function) ${name}\\b`, 'm').test(text)
  return new RegExp(`^export (default |async )?(const|function\\*?|type|class) ${name}\\b`, 'm').test(text)
}

/** What is said of a file and a name in it that are not there; nothing where both are. */
const missing = (path: string, name: string): string[] => {
  if (!existsSync(join(projectRoot, path))) return [`there is no ${path}`]
  return declares(path, name) ? [] : [`${path} does not export ${name}`]
}

/** The cells of a page's table rows, without heads. */
const tableRows = (page: string): string[][] =>
  read(page)
    .split('\n')
    .filter((line, i, lines) => line.startsWith('| ') && !lines[i + 1]?.startsWith('|---'))
    .map(line => line.slice(2, -2).split(' | '))

it('the check of names tells an exported name from one that is only used in a file', () => {
  expect(missing('src/core/epoch/tally.ts', 'tally')).toEqual([])
  expect(missing('src/core/epoch/tally.ts', 'nothing')).toEqual(['src/core/epoch/tally.ts does not export nothing'])
  expect(missing('contracts/src/RewardVault.sol', 'payCohort')).toEqual([])
  expect(missing('src/core/nowhere.ts', 'tally')).toEqual(['there is no src/core/nowhere.ts'])
})

describe('the glossary', () => {
  const rows = tableRows('docs/glossary.md')

  it('the glossary explains each word once, in one sentence that ends', () => {
    const words = rows.map(([word]) => word!)
    expect(words.length).toBeGreaterThan(60)
    expect(words.filter((word, i) => words.indexOf(word) !== i)).toEqual([])
    expect(rows.filter(cells => cells.length !== 3 || !cells[1]!.endsWith('.')).map(([word]) => word)).toEqual([])
  })

  it('the glossary names for each word an export of a file that is there', () => {
    const place = /^`(\w+)` in `([\w./-]+)`$/
    expect(rows.map(cells => cells[2]!).filter(text => !place.test(text))).toEqual([])
    expect(rows.flatMap(cells => missing(place.exec(cells[2]!)![2]!, place.exec(cells[2]!)![1]!))).toEqual([])
  })

  it('the explorer says of its words what the glossary says, of some the beginning', () => {
    const plain = (text: string) => text.replaceAll('*', '').replaceAll('’', "'").toLowerCase()
    const glossary = new Map(rows.map(([word, meaning]) => [plain(word!), plain(meaning!)]))
    const others = Object.entries(meanings).filter(
      ([word, meaning]) => glossary.get(plain(word))?.startsWith(plain(meaning).slice(0, -1)) !== true,
    )
    expect(others).toEqual([])
  })

  it('the glossary is linked from the README and from the list of pages', () => {
    for (const page of ['README.md', 'docs/README.md'])
      expect(relativeLinks(page).map(({ path }) => path)).toContain('docs/glossary.md')
  })
})

describe('the walks through the code', () => {
  const page = read('src/core/README.md')
  const walks = [...page.matchAll(/^\*\*From (.+), (\d+) files\.\*\*\n((?:.+\n)+)/gm)].map(
    ([, name, count, files]) => ({
      ...{ name: name!, count: Number(count) },
      files: [...files!.matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => join('src/core', path!)),
    }),
  )

  it('there are three, each of files that are there, as many as it says and each once', () => {
    expect(walks.map(({ name }) => name)).toEqual([
      'an offer to a verdict',
      'a verdict to a payment',
      '`provider run` to a registered device',
    ])
    for (const { name, count, files } of walks) {
      expect(files.filter(path => !existsSync(join(projectRoot, path)))).toEqual([])
      expect(new Set(files).size, name).toBe(count)
      expect(files, name).toHaveLength(count)
    }
  })
})

describe('where-is', () => {
  const rows = tableRows('docs/where-is.md')

  it('where-is answers at least 25 questions, each asked once', () => {
    const questions = rows.map(([question]) => question!)
    expect(questions.filter(question => !question.endsWith('?'))).toEqual([])
    expect(new Set(questions).size).toBe(questions.length)
    expect(questions.length).toBeGreaterThanOrEqual(25)
  })

  it('where-is answers each question by one file that is there, and a name that the file exports', () => {
    const answers = rows.map(cells => {
      const [, shown, linked] = /^\[`([^`]+)`\]\(\.\.\/([^)]+)\)$/.exec(cells[1]!) ?? []
      const [, name] = /^`(\w+)`$/.exec(cells[2]!) ?? []
      return { shown, linked, name }
    })
    expect(answers.filter(({ shown, linked, name }) => !shown || shown !== linked || !name)).toEqual([])
    expect(answers.flatMap(({ shown, name }) => missing(shown!, name!))).toEqual([])
  })
})

describe('the pages of reasons', () => {
  const pages = docPages().filter(page => page.startsWith('docs/why/') && !page.endsWith('README.md'))
  const explained = (page: string) =>
    relativeLinks(page, read(page).split('\n\n')[1]!)
      .map(({ path }) => path)
      .filter(path => !path.endsWith('.md'))

  it('every page of reasons is in their list', () => {
    expect(pages.length).toBeGreaterThan(10)
    expect(relativeLinks('docs/why/README.md').map(({ path }) => path)).toEqual(expect.arrayContaining(pages))
  })

  it.each(pages)('the page %s names the files that it explains, and each of them names the page', page => {
    const files = explained(page)
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter(file => !existsSync(join(projectRoot, file)))).toEqual([])
    expect(files.filter(file => !read(file).includes(`Why: ${page}\n`))).toEqual([])
  })

  it.each(pages)('the page %s tells each decision below a heading of its own', page => {
    const [, ...sections] = read(page).split(/^## /m)
    expect(sections.length).toBeGreaterThan(0)
    expect(sections.filter(section => section.split('\n').slice(1).join('').length < 100)).toEqual([])
  })
})

describe('tests of the contracts that pages name', () => {
  const files = globSync('contracts/test/**/*.sol', { cwd: projectRoot }).map(path => ({ path, text: read(path) }))
  const isIn = (text: string, name: string) =>
    name.endsWith('…')
      ? text.includes(`function ${name.slice(0, -1)}`)
      : new RegExp(`function ${name}(_|\\b)`).test(text)
  const names = (text: string) => [...text.matchAll(/`((?:test|testFuzz|invariant)_\w+…?)`/g)].map(([, name]) => name!)

  it('are there', () => {
    const named = docPages().flatMap(page => names(read(page)).map(name => ({ page, name })))
    expect(named.length).toBeGreaterThan(50)
    expect(named.filter(({ name }) => !files.some(({ text }) => isIn(text, name)))).toEqual([])
  })

  it('are in the file that docs/contracts.md names with them, or with the first of a list', () => {
    const lists = [
      ...read('docs/contracts.md').matchAll(
        /`([A-Z]\w+) ((?:test|testFuzz|invariant)_\w+…?`(?:, `(?:test|testFuzz|invariant)_\w+…?`)*)/g,
      ),
    ]
    expect(lists.length).toBeGreaterThan(60)
    const lost = lists.flatMap(([, file, list]) => {
      const own = files.filter(
        ({ path, text }) =>
          path.endsWith(`/${file}.t.sol`) || new RegExp(`^contract ${file}(Test)?\\b`, 'm').test(text),
      )
      return names(`\`${list}`).flatMap(name => (own.some(({ text }) => isIn(text, name)) ? [] : [`${file} ${name}`]))
    })
    expect(lost).toEqual([])
  })
})

it('each line of the threat model names the test of what it says', () => {
  const rows = tableRows('docs/threat-model.md').filter(([what]) => !what!.startsWith('`'))
  expect(rows.length).toBeGreaterThan(40)
  const test = /\]\(\.\.\/(contracts\/test\/|test\/)[\w/.-]+\)/
  expect(rows.filter(cells => !test.test(cells.at(-1)!)).map(([what]) => what)).toEqual([])
})
