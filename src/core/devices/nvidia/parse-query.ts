import { type FactNode, factName } from './fact-tree.ts'

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
