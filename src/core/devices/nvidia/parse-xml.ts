import { XMLParser } from 'fast-xml-parser'
import { type FactNode, factName } from './fact-tree.ts'

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
