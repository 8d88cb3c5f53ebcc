// Which small changes a mistake in the contracts could look like: read from the compiler's own syntax tree, so that none is inside a
// comment and each is one token, one condition, one statement or one argument.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compiled, solidityFiles } from './compile.mjs'

/**
 * @typedef {{ id: string, file: string, line: number, kind: string, start: number, end: number, from: string, to: string }} Mutant
 * `start` and `end` are bytes of the file, `file` is a path below the folder of sources, `id` is short, and stays as long as the
 * line, what is changed and its place among equals on the line do.
 */

const swaps = {
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '==': '!=',
  '!=': '==',
  '&': '|',
  '|': '&',
  '^': '|',
  '<<': '>>',
  '>>': '<<',
  '&&': '||',
  '||': '&&',
  '+=': '-=',
  '-=': '+=',
  '|=': '&=',
  '&=': '|=',
  '^=': '|=',
  '<<=': '>>=',
  '>>=': '<<=',
}
const yulSwaps = {
  add: 'sub',
  sub: 'add',
  mul: 'div',
  div: 'mul',
  sdiv: 'div',
  lt: 'gt',
  gt: 'lt',
  and: 'or',
  or: 'and',
  xor: 'or',
  shl: 'shr',
  shr: 'shl',
}

/** Every mutant of one file. Pure. @param tree - the compiler's syntax tree of it @returns {Mutant[]} */
function mutantsOf(file, source, tree) {
  const bytes = Buffer.from(source)
  const text = (start, end) => bytes.subarray(start, end).toString()
  const found = []
  const change = (kind, start, end, to) => {
    const from = text(start, end)
    if (from !== to) found.push({ kind, start, end, from, to })
  }
  const drop = (kind, node) => {
    const [start, end] = span(node)
    change(kind, start, end + (text(end, end + 1) === ';' ? 1 : 0), '')
  }

  const visitors = {
    BinaryOperation(node) {
      const [start, end] = span(node)
      const [, leftEnd] = span(node.leftExpression)
      const [rightStart] = span(node.rightExpression)
      swapBetween(leftEnd, rightStart, node.operator)
      if (node.operator !== '&&' && node.operator !== '||') return
      change('dropped condition', start, end, text(start, leftEnd))
      change('dropped condition', start, end, text(rightStart, end))
    },
    Assignment(node) {
      if (node.operator !== '=') swapBetween(span(node.leftHandSide)[1], span(node.rightHandSide)[0], node.operator)
    },
    UnaryOperation(node) {
      const [start, end] = span(node)
      if (['!', '~', '-'].includes(node.operator)) change('operator', start, end, text(...span(node.subExpression)))
    },
    Conditional(node) {
      const [start, end] = span(node)
      const [condition, yes, no] = [node.condition, node.trueExpression, node.falseExpression].map(each =>
        text(...span(each)),
      )
      change('operator', start, end, `${condition} ? ${no} : ${yes}`)
    },
    Literal(node) {
      const [start, end] = span(node)
      if (node.kind === 'bool') change('constant', start, end, node.value === 'true' ? 'false' : 'true')
      if (node.kind === 'number') change('constant', start, end, nextNumber(text(start, end)))
    },
    MemberAccess(node) {
      const declared = node.expression.typeDescriptions?.typeString ?? ''
      const members = enums.get(declared.match(/^type\(enum (\w+)\)$/)?.[1])
      if (members === undefined) return
      const [start, end] = span(node)
      const to = members[(members.indexOf(node.memberName) + 1) % members.length]
      change('constant', start, end, `${text(...span(node.expression))}.${to}`)
    },
    IfStatement(node) {
      const body = node.trueBody.statements ?? [node.trueBody]
      if (body.length === 1 && body[0].nodeType === 'RevertStatement') return drop('dropped require', node)
      const [start, end] = span(node.condition)
      change('operator', start, end, `!(${text(start, end)})`)
    },
    EmitStatement(node) {
      drop('dropped event', node)
    },
    ExpressionStatement({ expression }) {
      if (expression.nodeType === 'Assignment' || expression.nodeType === 'UnaryOperation')
        drop('dropped assignment', expression)
      if (expression.nodeType !== 'FunctionCall') return
      const checks = /^(require|_require\w*)$/.test(expression.expression.name ?? '')
      drop(checks ? 'dropped require' : 'dropped call', expression)
    },
    ModifierInvocation(node) {
      if (node.kind === 'modifierInvocation') drop('dropped require', node)
    },
    FunctionCall({ arguments: given, kind }) {
      if (kind === 'typeConversion') return
      const types = given.map(each => each.typeDescriptions?.typeString ?? '')
      given.forEach((each, i) => {
        const [start, end] = span(each)
        if (each.nodeType !== 'Literal' && zeroOf(types[i]) !== undefined)
          change('argument', start, end, zeroOf(types[i]))
        if (i === 0 || types[i] !== types[i - 1]) return
        const [before, beforeEnd] = span(given[i - 1])
        change('swapped arguments', before, end, text(start, end) + text(beforeEnd, start) + text(before, beforeEnd))
      })
    },
    YulFunctionCall({ functionName }) {
      const to = yulSwaps[functionName.name]
      if (to !== undefined) change('operator', ...span(functionName), to)
    },
    YulLiteral(node) {
      if (node.kind === 'number') change('constant', ...span(node), nextNumber(text(...span(node))))
    },
    YulAssignment(node) {
      drop('dropped assignment', node)
    },
    YulExpressionStatement(node) {
      drop('dropped call', node)
    },
  }
  function swapBetween(start, end, operator) {
    const at = start + Buffer.from(text(start, end)).indexOf(operator)
    if (swaps[operator] !== undefined) change('operator', at, at + operator.length, swaps[operator])
  }

  const enums = new Map()
  visit(tree, node => {
    if (node.nodeType === 'EnumDefinition')
      enums.set(
        node.name,
        node.members.map(({ name }) => name),
      )
  })
  visit(tree, node => visitors[node.nodeType]?.(node))
  return named(file, source, found)
}

/** Every mutant of every contract below `folder`; interfaces hold nothing that runs. @returns {Mutant[]} */
export function mutantsBelow(folder, remappings) {
  const files = solidityFiles(folder).filter(path => !path.startsWith('interfaces/'))
  const { sources } = compiled(folder, remappings, {}, { '*': { '': ['ast'] } })
  const trees = Object.values(sources).map(({ ast }) => ast)
  return files.flatMap(file =>
    mutantsOf(file, readFileSync(join(folder, file), 'utf8'), withEnums(sources[file].ast, trees)),
  )
}

/**
 * Those that are tried whatever is drawn, by their text. @param list - `{ id, file, from, to }` each
 * @throws where a text does not stand exactly once in its file @returns {Mutant[]}
 */
export function written(folder, list) {
  return list.map(({ id, file, from, to }) => {
    const [before, ...rest] = readFileSync(join(folder, file), 'utf8').split(from)
    if (rest.length !== 1) throw new Error(`${id}: "${from}" stands ${rest.length} times in ${file}`)
    const start = Buffer.byteLength(before)
    const end = start + Buffer.byteLength(from)
    return { id, file, line: before.split('\n').length, kind: 'always tried', start, end, from, to }
  })
}

/** As many as asked for, each equally likely, the same for the same seed; all of them where there are fewer. */
export function draw(mutants, count, seed) {
  const rank = ({ id }) => createHash('sha256').update(`${seed} ${id}`).digest('hex')
  return mutants
    .map(mutant => [rank(mutant), mutant])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, count)
    .map(([, mutant]) => mutant)
}

/** The source with the mutant in place of what it changes. */
export function mutated(source, { start, end, to }) {
  const bytes = Buffer.from(source)
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(to), bytes.subarray(end)]).toString()
}

/** An enumeration may be declared in another file. */
function withEnums(tree, trees) {
  const declared = []
  for (const each of trees)
    visit(each, node => {
      if (node.nodeType === 'EnumDefinition' && each !== tree) declared.push(node)
    })
  return {
    nodeType: 'SourceUnit',
    nodes: [...declared.map(({ name, members, nodeType }) => ({ nodeType, name, members })), tree],
  }
}

function named(file, source, found) {
  const lines = source.split('\n')
  const starts = []
  let offset = 0
  for (const line of lines) {
    starts.push(offset)
    offset += Buffer.byteLength(line) + 1
  }
  const seen = new Map()
  return found.map(each => {
    const line = starts.findLastIndex(start => start <= each.start)
    const key = [file, lines[line].trim(), each.kind, each.from, each.to].join('\0')
    const nth = seen.get(key) ?? 0
    seen.set(key, nth + 1)
    const id = createHash('sha256').update(`${key}\0${nth}`).digest('hex').slice(0, 10)
    return { id, file, line: line + 1, ...each }
  })
}

function visit(node, act) {
  if (node === null || typeof node !== 'object') return
  if (Array.isArray(node)) {
    for (const each of node) visit(each, act)
    return
  }
  if (typeof node.nodeType === 'string') act(node)
  for (const [key, value] of Object.entries(node)) if (key !== 'typeDescriptions') visit(value, act)
}

const span = ({ src }) => {
  const [start, length] = src.split(':').map(Number)
  return [start, start + length]
}

/** One more; of a hexadecimal one the lowest bit the other way. A unit behind it stays. */
function nextNumber(written) {
  const [, digits, rest] = written.match(/^(0x[0-9a-fA-F]+|[\d_]+(?:\.\d+)?(?:e\d+)?)(.*)$/s) ?? []
  if (digits === undefined) return written
  if (!digits.startsWith('0x'))
    return /[.e]/.test(digits)
      ? `${digits.replace(/^\d/, '9')}${rest}`
      : `${BigInt(digits.replaceAll('_', '')) + 1n}${rest}`
  // An address carries a checksum in its letters.
  if (digits.length === 42) return written
  const last = (Number.parseInt(digits.at(-1), 16) ^ 1).toString(16)
  return `${digits.slice(0, -1)}${last}${rest}`
}

function zeroOf(type) {
  if (/^u?int\d+$/.test(type) || /^bytes\d+$/.test(type)) return `${type}(0)`
  if (type === 'address') return 'address(0)'
  if (type === 'bool') return 'false'
}
