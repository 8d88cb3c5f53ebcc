/** What the documentation tells people to type, and where its links lead. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url))

/** A block of shell commands. */
export type CommandBlock = {
  readonly page: string
  /** Of its first command, from 1. */
  readonly line: number
  readonly commands: readonly string[]
  /**
   * Said in a comment right above it: `<!-- not run: reason -->`, `<!-- run by: test/e2e/….test.ts -->` where another test runs the
   * same command, or `<!-- guide: test/e2e/… -->` where that one runs the page's guide as it stands. A block without one is run as it
   * stands.
   */
  readonly note: { readonly kind: 'not run' | 'run by' | 'guide'; readonly text: string } | null
}

/** Paths of all pages, relative to the project. */
export function docPages(): string[] {
  const below = readdirSync(join(projectRoot, 'docs'), { recursive: true, encoding: 'utf8' })
  return [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'src/core/README.md',
    ...below.filter(path => path.endsWith('.md')).map(path => join('docs', path)),
  ].sort()
}

const readPage = (page: string): string => readFileSync(join(projectRoot, page), 'utf8')

const fence = /^```(\w*)$/
const noteLine = /^<!-- (not run|run by|guide): (.+) -->$/
const indentedCommand = /^ {4}(npm|npx|kaisar|git) /

/** Fenced blocks marked `sh`, and indented blocks that begin with a command. */
export function commandBlocks(page: string, text = readPage(page)): CommandBlock[] {
  const lines = text.split('\n')
  const blocks: CommandBlock[] = []
  let note: CommandBlock['note'] = null
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
    const said = noteLine.exec(line)
    if (said) note = { kind: said[1] as 'not run' | 'run by' | 'guide', text: said[2]! }
    if (said || line === '') continue
    const language = fence.exec(line)?.[1]
    const isIndented = indentedCommand.test(line)
    const first = isIndented ? at : at + 1
    let end = first
    if (language !== undefined) while (end < lines.length && lines[end] !== '```') end++
    else if (isIndented) while (lines[end]?.startsWith('    ')) end++
    if (language === 'sh' || isIndented)
      blocks.push({ page, line: first + 1, commands: commandsOf(lines.slice(first, end)), note })
    if (language !== undefined || isIndented) at = isIndented ? end - 1 : end
    note = null
  }
  return blocks
}

/** One per line; a backslash at the end joins two, a comment is no command. */
const commandsOf = (lines: readonly string[]): string[] =>
  lines
    .map(line => line.trim())
    .join('\n')
    .replaceAll(/ *\\\n */g, ' ')
    .split('\n')
    .map(line => line.replace(/(^|\s+)#.*$/, ''))
    .filter(line => line !== '')

/** The simple commands of a line, each as its words. */
export const simpleCommands = (command: string): string[][] =>
  command.split(/\s*(?:&&|\|\||[|;])\s*/).map(part => part.trim().split(/\s+/))

/** Links and pictures that lead to another file or place of the project: paths relative to it, with the anchor. */
export function relativeLinks(page: string, text = readPage(page)): { path: string; anchor: string | undefined }[] {
  const withoutCode = text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '')
  return [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => {
    if (/^[a-z]+:/.test(target!)) return []
    const [path, anchor] = target!.split('#')
    const resolved = path === '' ? page : relative(projectRoot, join(projectRoot, dirname(page), path!))
    return [{ path: resolved, anchor }]
  })
}

/** Anchors of a page's headings, as GitHub makes them. */
export const headingAnchors = (page: string): string[] =>
  [...readPage(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** Files of the project that a page names in code, such as `src/core/devnet/roles.ts`. */
export const namedFiles = (page: string): string[] =>
  [...readPage(page).matchAll(/`((?:src|test|docs|scripts|fixtures|contracts)\/[\w./-]+\.\w+)`/g)].map(
    ([, path]) => path!,
  )
