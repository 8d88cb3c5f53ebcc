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
