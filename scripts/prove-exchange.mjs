#!/usr/bin/env node
// Proves the packed compare-exchange of contracts/src/libraries/PackedMedian.sol for all inputs, by SMT over bit vectors (binary `z3`).
// Three queries, each of which must be unsatisfiable: some lane of `low` is not the minimum, some lane of `high` is not the maximum
// (both over whole 256-bit words, so carries between lanes are covered), and, over one lane, that the half steps of `median`
// do not pick the third of five.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const source = readFileSync(new URL('../contracts/src/libraries/PackedMedian.sol', import.meta.url), 'utf8')
// The proof is about these lines; if they change, change the formulas below with them.
for (const line of ['let g := and(sub(or(x, top), y), top)', 't := and(xor(x, y), sub(g, shr(15, g)))'])
  if (!source.includes(line)) throw new Error(`PackedMedian.sol no longer holds "${line}".`)

const lanes = width => `#x${'8000'.repeat(width / 16)}`
const swap = width => `
(define-fun top () (_ BitVec ${width}) ${lanes(width)})
(define-fun g ((x (_ BitVec ${width})) (y (_ BitVec ${width}))) (_ BitVec ${width}) (bvand (bvsub (bvor x top) y) top))
(define-fun swap ((x (_ BitVec ${width})) (y (_ BitVec ${width}))) (_ BitVec ${width})
  (bvand (bvxor x y) (bvsub (g x y) (bvlshr (g x y) ((_ int2bv ${width}) 15)))))`
const low = '(bvxor a (swap a b))'
const high = '(bvxor b (swap a b))'
const lane = (word, i) => `((_ extract ${16 * i + 15} ${16 * i}) ${word})`
const exchangeQuery =
  width => `(set-logic QF_BV)${swap(width).replaceAll(`((_ int2bv ${width}) 15)`, `(_ bv15 ${width})`)}
(declare-const a (_ BitVec ${width}))
(declare-const b (_ BitVec ${width}))
(assert (= (bvand a top) (_ bv0 ${width})))
(assert (= (bvand b top) (_ bv0 ${width})))`
const wrongLane = (result, order, width) =>
  Array.from({ length: width / 16 }, (_, i) => {
    const [x, y] = [lane('a', i), lane('b', i)]
    return `(not (= ${lane(result, i)} (ite (${order} ${x} ${y}) ${x} ${y})))`
  }).join(' ')

// The seven steps of `median`, on one lane of 16 bits; the third of five has at least three at or below it and three at or above.
const steps = [
  ['a', 'b', 'ab'],
  ['d', 'e', 'ab'],
  ['a', 'd', 'b'],
  ['b', 'e', 'a'],
  ['b', 'c', 'ab'],
  ['c', 'd', 'a'],
  ['b', 'c', 'b'],
]
function medianQuery() {
  const names = Object.fromEntries([...'abcde'].map(name => [name, name]))
  let body = ''
  steps.forEach(([x, y, kept], i) => {
    const t = `(swap ${names[x]} ${names[y]})`
    const [nextX, nextY] = [`${x}${i}`, `${y}${i}`]
    body += `(define-fun ${nextX} () (_ BitVec 16) (bvxor ${names[x]} ${t}))\n(define-fun ${nextY} () (_ BitVec 16) (bvxor ${names[y]} ${t}))\n`
    if (kept.includes('a')) names[x] = nextX
    if (kept.includes('b')) names[y] = nextY
  })
  const count = order =>
    `(bvadd ${[...'abcde'].map(v => `(ite (${order} ${v} ${names.c}) (_ bv1 4) (_ bv0 4))`).join(' ')})`
  const inputs = [...'abcde'].map(v => `(declare-const ${v} (_ BitVec 16))\n(assert (= (bvand ${v} top) (_ bv0 16)))`)
  const isInput = [...'abcde'].map(v => `(= ${v} ${names.c})`).join(' ')
  return `(set-logic QF_BV)${swap(16).replaceAll('((_ int2bv 16) 15)', '(_ bv15 16)')}\n${inputs.join('\n')}\n${body}
(assert (not (and (or ${isInput}) (bvuge ${count('bvule')} (_ bv3 4)) (bvuge ${count('bvuge')} (_ bv3 4)))))`
}

const queries = {
  'low is the minimum in each of 16 lanes': `${exchangeQuery(256)}\n(assert (or ${wrongLane(low, 'bvule', 256)}))`,
  'high is the maximum in each of 16 lanes': `${exchangeQuery(256)}\n(assert (or ${wrongLane(high, 'bvuge', 256)}))`,
  'the seven steps pick the third of five': medianQuery(),
}
// A contradiction among the assumptions would prove anything: what is false must have a counterexample under the same ones.
const falseQueries = {
  'low is the maximum': `${exchangeQuery(256)}\n(assert (or ${wrongLane(low, 'bvuge', 256)}))`,
  'nothing is the third of five': medianQuery().replace('(assert (not ', '(assert (and '),
}

function solve(query) {
  const { stdout, error } = spawnSync('z3', ['-in', '-T:300'], { input: `${query}\n(check-sat)\n`, encoding: 'utf8' })
  if (error) throw new Error('The binary "z3" is needed: apt-get install z3.', { cause: error })
  return stdout.trim()
}

let failed = 0
const expect = (queries, wanted, word) => {
  for (const [claim, query] of Object.entries(queries)) {
    const answer = solve(query)
    process.stdout.write(`${answer === wanted ? word : `NOT ${word.toUpperCase()} (${answer})`}  ${claim}\n`)
    if (answer !== wanted) failed += 1
  }
}
expect(queries, 'unsat', 'proven')
expect(falseQueries, 'sat', 'refuted')
if (failed > 0) process.exitCode = 1
