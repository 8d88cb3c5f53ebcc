// npm run docs:site [-- <folder>]: the documentation as a site of plain files, which is read and searched without a network.
// Why: docs/why/dependencies-and-build.md
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Marked } from 'marked'

const root = fileURLToPath(new URL('../', import.meta.url))
const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
/** Where files that are no pages of the site are read. */
const sources = `${repository.url.replace(/^git\+/, '').replace(/\.git$/, '')}/blob/main`

const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'src/core/README.md',
  ...filesBelow('docs').filter(path => path.endsWith('.md')),
]
const titles = new Map(pages.map(path => [path, /^# (.+)$/m.exec(read(path))[1]]))

const out = resolve(process.argv[2] ?? join(root, 'site'))
rmSync(out, { recursive: true, force: true })
const index = []
for (const path of pages) write(pageName(path), renderPage(path))
write('search-index.js', `window.searchIndex = ${JSON.stringify(index)}\n`)
for (const name of ['site.css', 'search.js']) cpSync(join(root, 'scripts/docs-site', name), join(out, name))
cpSync(join(root, 'docs/pictures'), join(out, 'docs/pictures'), { recursive: true })
process.stdout.write(
  `${pages.length} pages in ${relative(process.cwd(), out) || '.'}: open ${join(out, 'index.html')}\n`,
)

/** `docs/faq.md` → `docs/faq.html`; a README is the index of its folder. */
function pageName(path) {
  return path.replace(/(^|\/)README\.md$/, '$1index.html').replace(/\.md$/, '.html')
}

function renderPage(path) {
  const up = posix.relative(posix.dirname(path), '.') || '.'
  let heading = { anchor: '', title: titles.get(path) }
  const anchors = new Map()
  /** What is found: the text below a heading, at the heading's place. */
  const parts = [{ ...heading, text: '' }]
  const marked = new Marked({
    gfm: true,
    walkTokens(token) {
      if (token.type === 'heading') {
        const base = anchorOf(token.text)
        const times = anchors.get(base) ?? 0
        anchors.set(base, times + 1)
        token.anchor = times === 0 ? base : `${base}-${times}`
        heading = { anchor: token.anchor, title: plain(token.text) }
        if (token.depth > 1) parts.push({ ...heading, text: '' })
      }
      if (token.type === 'link' || token.type === 'image') token.href = targetOf(path, token.href)
      const isText = ['paragraph', 'table', 'code', 'list_item'].includes(token.type)
      if (isText) parts.at(-1).text += ` ${plain(token.type === 'table' ? token.raw : token.text)}`
    },
    renderer: {
      heading({ tokens, depth, anchor }) {
        return `<h${depth} id="${anchor}">${this.parser.parseInline(tokens)} <a class="anchor" href="#${anchor}" aria-label="Link to this heading">#</a></h${depth}>\n`
      },
    },
  })
  // What may be wider than a phone is scrolled by keyboard too; a head without words is none.
  const body = marked
    .parse(read(path))
    .replaceAll(/<thead>\s*<tr>\s*(<th[^>]*><\/th>\s*)+<\/tr>\s*<\/thead>/g, '')
    .replaceAll('<table>', '<div class="scroll" tabindex="0"><table>')
    .replaceAll('</table>', '</table></div>')
    .replaceAll('<pre>', '<pre tabindex="0">')
  for (const part of parts) index.push([pageName(path), part.anchor, titles.get(path), part.title, part.text.trim()])
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(plain(titles.get(path)))} · kaisar</title>
<link rel="stylesheet" href="${up}/site.css">
<script defer src="${up}/search-index.js"></script>
<script defer src="${up}/search.js" data-root="${up}"></script>
</head>
<body>
<header>
<a href="${up}/index.html">kaisar</a> <a href="${up}/docs/index.html">All pages</a>
<label for="search">Search</label> <input id="search" type="search" autocomplete="off">
<ol id="results" aria-live="polite" hidden></ol>
</header>
<main>
${body}</main>
</body>
</html>
`
}

/** A page's own address on the site; a file that is no page is read where the sources are. */
function targetOf(from, href) {
  if (/^([a-z]+:|#)/.test(href)) return href
  const [path, anchor] = href.split('#')
  const target = posix.join(posix.dirname(from), path)
  const hash = anchor === undefined ? '' : `#${anchor}`
  if (titles.has(target)) return posix.relative(posix.dirname(from), pageName(target)) + hash
  return target.startsWith('docs/pictures/') ? href : `${sources}/${target}${hash}`
}

/** As GitHub makes them, so that links hold there and here. */
function anchorOf(text) {
  return text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

/** Text without the marks of Markdown. */
function plain(text) {
  return text
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[`*|]|-{3,}/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

function escapeHtml(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function read(path) {
  return readFileSync(join(root, path), 'utf8')
}

function write(path, text) {
  mkdirSync(dirname(join(out, path)), { recursive: true })
  writeFileSync(join(out, path), text)
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map(path => posix.join(folder, path))
    .sort()
}
