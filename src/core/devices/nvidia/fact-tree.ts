import { XMLParser } from 'fast-xml-parser'

/**
 * nvidia-smi prints the same tree twice: as XML and, with other labels, as indented text. Both become this.
 * Names are lower case with underscores, so that `GPU UUID` and `gpu_uuid` are one.
 */
export type FactNode = { readonly name: string; readonly text: string | null; readonly children: readonly FactNode[] }

export const factName = (label: string): string =>
  label
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')

export function factChild(node: FactNode | null, ...names: string[]): FactNode | null {
  return node?.children.find(child => names.includes(child.name)) ?? null
}

/** The first of several paths (`a/b/c`) that exists, or null. */
export function factAt(node: FactNode, ...paths: string[]): FactNode | null {
  for (const path of paths) {
    const found = path.split('/').reduce<FactNode | null>((at, name) => factChild(at, name), node)
    if (found) return found
  }
  return null
}

export const factText = (node: FactNode, ...paths: string[]): string | null => factAt(node, ...paths)?.text ?? null

/** Every leaf below a node with its path. */
export function* factLeaves(
  node: FactNode,
  path: readonly string[] = [],
): Generator<{ readonly path: readonly string[]; readonly text: string }> {
  if (node.text !== null) yield { path, text: node.text }
  for (const child of node.children) yield* factLeaves(child, [...path, child.name])
}

/** `nvidia-smi -q`: indented `Label : value` lines under `GPU <bus id>` headings. */
export type NvidiaQuery = {
  readonly log: FactNode
  readonly gpus: readonly { readonly busId: string; readonly facts: FactNode }[]
}

type Open = { name: string; text: string | null; children: Open[]; indent: number }

const maxLineLength = 4096
const heading = /^GPU ((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s*$/i

export const isNvidiaQuery = (text: string): boolean =>
  /=+\s*NVSMI LOG\s*=+/.test(text) || (/^GPU [0-9a-f:.]+\s*$/im.test(text) && /^\s+Product Name\s+: /m.test(text))

export function parseNvidiaQuery(text: string): NvidiaQuery {
  const root: Open = { name: 'nvidia_smi_log', text: null, children: [], indent: -1 }
  const gpus: { busId: string; facts: Open }[] = []
  let stack: Open[] = [root]
  for (const full of text.split(/\r?\n/)) {
    const line = full.slice(0, maxLineLength)
    const head = heading.exec(line)
    if (head) {
      const facts: Open = { name: 'gpu', text: null, children: [], indent: -1 }
      gpus.push({ busId: head[1]!, facts })
      stack = [facts]
      continue
    }
    const match = /^( *)(\S.*?)(?:\s+:(?:\s+(.*))?)?\s*$/.exec(line)
    if (!match || /^=+/.test(match[2]!)) continue
    const [, spaces, label, value] = match
    const indent = spaces!.length
    // Text at the margin inside a card is not its: another command's output follows.
    if (indent === 0 && gpus.length > 0) {
      if (value === undefined) continue
      stack = [root]
    }
    while (stack.length > 1 && stack.at(-1)!.indent >= indent) stack.pop()
    const node: Open = { name: factName(label!), text: value?.trim() ?? null, children: [], indent }
    stack.at(-1)!.children.push(node)
    if (stack.length < 32) stack.push(node)
  }
  return { log: root, gpus }
}

/** `nvidia-smi -q -x`. A broken block hides neither the others nor that there is a card. */
export type NvidiaXml = {
  /** Elements before the first card: driver and CUDA versions, card count. */
  readonly log: FactNode
  readonly gpus: readonly { readonly busId: string | null; readonly facts: FactNode; readonly complete: boolean }[]
  readonly truncated: boolean
  /** Entity declarations: no driver writes them, and expanding them can fill memory. Nothing was parsed. */
  readonly unsafe: boolean
}

const maxDepth = 32
const empty = (name: string): FactNode => ({ name, text: null, children: [] })

// Entities are not expanded: the values are plain, and "&amp;" in a process name may stay as it is.
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  parseTagValue: false,
  processEntities: false,
  trimValues: true,
})

type Ordered = Record<string, Ordered[] | string>

function toFacts(name: string, content: readonly Ordered[], depth: number): FactNode {
  const children: FactNode[] = []
  let text = ''
  for (const entry of content)
    for (const [tag, value] of Object.entries(entry)) {
      if (tag === '#text') text += String(value)
      else if (tag !== ':@' && !tag.startsWith('?') && Array.isArray(value) && depth < maxDepth)
        children.push(toFacts(factName(tag), value, depth + 1))
    }
  return { name, text: children.length > 0 || text === '' ? null : text, children }
}

/** Parses one element's text; a cut end is closed at the last whole tag. */
function parseElement(text: string): FactNode | null {
  const whole = text.slice(0, text.lastIndexOf('>') + 1)
  try {
    const parsed = parser.parse(whole) as Ordered[]
    for (const entry of parsed)
      for (const [tag, value] of Object.entries(entry))
        if (tag !== '#text' && !tag.startsWith('?') && Array.isArray(value)) return toFacts(factName(tag), value, 0)
  } catch {
    // Not XML: the caller reports what is left of it.
  }
  return null
}

export const isNvidiaXml = (text: string): boolean => /<nvidia_smi_log\b/.test(text)

export function parseNvidiaXml(text: string): NvidiaXml {
  if (/<!ENTITY/i.test(text)) return { log: empty('nvidia_smi_log'), gpus: [], truncated: false, unsafe: true }
  const start = text.search(/<nvidia_smi_log\b/)
  const body = text.slice(start)
  const starts = [...body.matchAll(/<gpu(?:\s+id\s*=\s*["']([^"'<>]{0,64})["'])?\s*>/g)]
  const header = body.slice(0, starts[0]?.index ?? body.length).replace(/<\/nvidia_smi_log>[\s\S]*$/, '')
  const gpus = starts.map((match, at) => {
    const end = starts[at + 1]?.index ?? body.length
    const block = body.slice(match.index, end)
    const close = block.indexOf('</gpu>')
    const whole = close < 0 ? block.replace(/<\/nvidia_smi_log>[\s\S]*$/, '') : block.slice(0, close + '</gpu>'.length)
    const facts = parseElement(whole)
    return { busId: match[1] ?? null, facts: facts ?? empty('gpu'), complete: close >= 0 && facts !== null }
  })
  return {
    log: parseElement(header) ?? empty('nvidia_smi_log'),
    gpus,
    truncated: !body.includes('</nvidia_smi_log>') || gpus.some(({ complete }) => !complete),
    unsafe: false,
  }
}
