/**
 * One product of a chain as a WGSL compute shader, its middle bits taken in the same pass, for every card that WebGPU reaches: a layer of
 * the tensor job's model, or a product of the memory job's fill.
 *
 * Four signed bytes are one word. Activations are [rows, K ÷ 4] words, matrices [K ÷ 4, columns] words with four entries of one column
 * in each, so that a word of either is one `dot4I8Packed`. A workgroup of 16 × 16 computes a tile of 16 · `side` rows and columns, an
 * invocation `side` × `side` of them, from words that the group has read into its own memory once. Sums are int32 and Φ follows in the
 * same pass: between layers only bytes are written.
 */
import { jobErrors } from './errors.ts'
import { type MatrixShape, matrixShader, matrixTile } from './wgsl-matrix-shader.ts'

/** Rows and columns of one invocation; what is fastest depends on the card's registers, and the self-test finds out. */
const wgslSides = { 'wgsl-4': 4, 'wgsl-8': 8 } as const
/** `wgsl-matrix`: by subgroup matrices, where the adapter has them. */
export const wgslForms = ['wgsl-4', 'wgsl-8', 'wgsl-matrix'] as const
export type WgslForm = (typeof wgslForms)[number]
export const isWgslForm = (form: string): form is WgslForm => wgslForms.some(each => each === form)

/** Invocations along each side of a workgroup. */
const groupSide = 16
/** Words of K that are read into the workgroup's memory at once. */
const depth = 8

/** Rows and columns of a workgroup's tile. */
export const tileSide = (form: WgslForm): number => (form === 'wgsl-matrix' ? matrixTile : groupSide * wgslSides[form])

/** Of a product y: Φ(y), signed or as the byte Φ(y) + 64 that is hashed, or Φ8(y), which the memory job stores. */
const middleBitsOf = {
  signed: '(((sum >> 7u) & 127) - 64) & 255',
  bytes: '(sum >> 7u) & 127',
  stored: '(sum >> 7u) & 255',
} as const

/**
 * `fromBytes`: the input is bytes x + 64, as rows are drawn; otherwise it is signed. `matrix`: the shape of the adapter's products. Entry
 * point `layer`; `size` is (rows, words of K, columns, unused).
 *
 * @throws JOB_PROVIDER_UNAVAILABLE for `wgsl-matrix` where there is no such shape
 */
export function layerShader(
  form: WgslForm,
  { fromBytes, to }: { readonly fromBytes: boolean; readonly to: keyof typeof middleBitsOf },
  matrix: MatrixShape | null,
): string {
  // x + 64 is below 128: its bit 6 tells the sign, and goes into bits 6 and 7 the other way round.
  const signed = fromBytes ? '(word ^ 0x40404040u) | ((~word & 0x40404040u) << 1u)' : 'word'
  const functions = `fn signedWord(word: u32) -> u32 { return ${signed}; }
fn middleBits(sum: i32) -> u32 { return u32(${middleBitsOf[to]}); }`
  if (form !== 'wgsl-matrix') return tileShader(form, functions)
  if (matrix !== null) return matrixShader(matrix, functions)
  const reason = 'its adapter names no subgroup matrices of int8 with sums in int32.'
  throw jobErrors.JOB_PROVIDER_UNAVAILABLE({ provider: 'webgpu', reason })
}

function tileShader(form: keyof typeof wgslSides, functions: string): string {
  const side = wgslSides[form]
  const tile = tileSide(form)
  const each = Array.from({ length: side }, (_, i) => i)
  const reads = (tile * depth) / (groupSide * groupSide)
  return `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> matrix: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> size: vec4u;
var<workgroup> tileX: array<u32, ${tile * depth}>;
var<workgroup> tileMatrix: array<u32, ${tile * depth}>;

${functions}

@compute @workgroup_size(${groupSide}, ${groupSide})
fn layer(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) own: vec3u, @builtin(local_invocation_index) index: u32) {
  let firstRow = group.y * ${tile}u;
  let firstColumn = group.x * ${tile}u;
${each.map(r => each.map(c => `  var s${r}_${c} = 0i;`).join('')).join('\n')}
  for (var k = 0u; k < size.y; k += ${depth}u) {
    for (var read = 0u; read < ${reads}u; read++) {
      let at = read * ${groupSide * groupSide}u + index;
      let row = firstRow + at / ${depth}u;
      let kx = k + at % ${depth}u;
      var word = 0u;
      if (row < size.x && kx < size.y) { word = signedWord(x[row * size.y + kx]); }
      tileX[(at % ${depth}u) * ${tile}u + at / ${depth}u] = word;
      let column = firstColumn + at % ${tile}u;
      let km = k + at / ${tile}u;
      word = 0u;
      if (column < size.z && km < size.y) { word = matrix[km * size.z + column]; }
      tileMatrix[at] = word;
    }
    workgroupBarrier();
    for (var d = 0u; d < ${depth}u; d++) {
      let atX = d * ${tile}u + own.y * ${side}u;
      let atMatrix = d * ${tile}u + own.x * ${side}u;
${each.map(r => `      let a${r} = tileX[atX + ${r}u];`).join('\n')}
${each.map(c => `      let b${c} = tileMatrix[atMatrix + ${c}u];`).join('\n')}
${each.map(r => each.map(c => `      s${r}_${c} += dot4I8Packed(a${r}, b${c});`).join('\n')).join('\n')}
    }
    workgroupBarrier();
  }
  let row = firstRow + own.y * ${side}u;
  let column = firstColumn + own.x * ${side}u;
${each.map(r => writeRow(r, side)).join('\n')}
}
`
}

/** Four columns a word. */
function writeRow(row: number, side: number): string {
  const words = Array.from({ length: side / 4 }, (_, i) => 4 * i).map(column => {
    const bytes = [0, 1, 2, 3].map(i => `(middleBits(s${row}_${column + i}) << ${8 * i}u)`)
    return `  if (row + ${row}u < size.x && column + ${column}u < size.z) { y[(row + ${row}u) * (size.z / 4u) + (column + ${column}u) / 4u] = ${bytes.join(' | ')}; }`
  })
  return words.join('\n')
}
