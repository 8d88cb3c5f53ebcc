import { expect, it } from 'vitest'
import { seededRandom } from '../../helpers/seeded-random.ts'

type Matrix = readonly (readonly number[])[]

const size = 16
const half = size / 2

const add = (a: Matrix, b: Matrix, sign = 1): Matrix =>
  a.map((row, i) => row.map((value, j) => value + sign * b[i]![j]!))
const subtract = (a: Matrix, b: Matrix): Matrix => add(a, b, -1)
const multiply = (a: Matrix, b: Matrix): Matrix =>
  a.map(row => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)))
const quarters = (matrix: Matrix): Matrix[] =>
  [0, half].flatMap(row =>
    [0, half].map(column => matrix.slice(row, row + half).map(each => each.slice(column, column + half))),
  )

/** https://en.wikipedia.org/wiki/Strassen_algorithm: seven products of halves in place of eight. `onProduct` sees what is multiplied. */
function strassen(a: Matrix, b: Matrix, onProduct: (left: Matrix, right: Matrix) => void): Matrix {
  const product = (left: Matrix, right: Matrix) => {
    onProduct(left, right)
    return multiply(left, right)
  }
  const [a11, a12, a21, a22] = quarters(a) as [Matrix, Matrix, Matrix, Matrix]
  const [b11, b12, b21, b22] = quarters(b) as [Matrix, Matrix, Matrix, Matrix]
  const m1 = product(add(a11, a22), add(b11, b22))
  const m2 = product(add(a21, a22), b11)
  const m3 = product(a11, subtract(b12, b22))
  const m4 = product(a22, subtract(b21, b11))
  const m5 = product(add(a11, a12), b22)
  const m6 = product(subtract(a21, a11), add(b11, b12))
  const m7 = product(subtract(a12, a22), add(b21, b22))
  const beside = (left: Matrix, right: Matrix) => left.map((row, i) => [...row, ...right[i]!])
  return [
    ...beside(add(subtract(add(m1, m4), m5), m7), add(m3, m5)),
    ...beside(add(m2, m4), add(add(subtract(m1, m2), m3), m6)),
  ]
}

it('one level of Strassen gives the same integers for seven eighths of the products, of operands that fit a signed byte', () => {
  const random = seededRandom(1)
  const matrix = (draw: () => number): Matrix => Array.from({ length: size }, () => Array.from({ length: size }, draw))
  const between = (least: number, most: number) => () => least + Math.floor(random() * (most - least + 1))
  const oneOf = (least: number, most: number) => () => (random() < 0.5 ? least : most)
  let products = 0
  let least = 0
  let most = 0
  const draws = [
    [between(-64, 63), between(-63, 63)],
    [oneOf(-64, 63), oneOf(-63, 63)],
  ] as const
  for (const [entries, weights] of draws) {
    const [x, w] = [matrix(entries), matrix(weights)]
    const found = strassen(x, w, (left, right) => {
      products++
      const all = [...left.flat(), ...right.flat()]
      least = Math.min(least, ...all)
      most = Math.max(most, ...all)
    })
    expect(found).toEqual(multiply(x, w))
  }
  expect(products).toBe(7 * draws.length)
  expect(least).toBeGreaterThanOrEqual(-128)
  expect(most).toBeLessThanOrEqual(127)
})
