/**
 * A layer by subgroup matrices, the products of tiles that a card has in hardware, in the extension that Dawn names experimental. It is
 * written for whatever shape of int8 × int8 → int32 the adapter names, which is exact; shapes that sum in floating point are left alone.
 *
 * A workgroup computes a tile of 128 × 128. It reads 32 entries of K for its rows and columns into its own memory, and four subgroups
 * multiply a quarter of 64 × 64 each. Nobody knows which lane holds which sum, so for Φ sums go through the workgroup's memory again, the
 * rows of one product at a time. A driver may make subgroups smaller than the largest: those beyond the fourth only read and write.
 *
 * Why: docs/why/work-proof.md
 */
/** What WebGPU lets a device ask for, and what the adapter then says: https://dawn.googlesource.com/dawn/+/HEAD/docs/dawn/features/subgroup_matrix.md */
export const matrixFeatures = ['chromium-experimental-subgroup-matrix', 'subgroups'] as const
type MatrixInfo = {
  readonly subgroupMaxSize?: number
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string
    readonly resultComponentType: string
    readonly M: number
    readonly N: number
    readonly K: number
  }>
}

/** Left [M, K], right [K, N] and sums [M, N] of one product; `lanes`: invocations of the largest subgroup. */
export type MatrixShape = { readonly M: number; readonly N: number; readonly K: number; readonly lanes: number }

const subgroups = 4
/** Rows and columns of a workgroup's tile, and of a subgroup's quarter of it. */
export const matrixTile = 128
const quarter = matrixTile / 2
/** Entries of K that are read at once. */
const depth = 32
/** Words from one line of a tile to the next: 16-byte steps, as products ask for, that fall on different banks. */
const stride = depth / 4 + 4
const tileWords = matrixTile * stride
/** What every adapter gives a workgroup. */
const mostWords = 16_384 / 4

/** Products that the shader names one by one: of smaller shapes they are hundreds, which software takes minutes to compile. */
const mostProducts = 64

/** The largest shape of the adapter that is exact and that the shader is written for; null: there is none. */
export function matrixShape({
  subgroupMaxSize: lanes = 0,
  subgroupMatrixConfigs = [],
}: MatrixInfo): MatrixShape | null {
  if (lanes < 1 || lanes > 64) return null
  const fitting = [...subgroupMatrixConfigs].filter(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === 'i8' &&
      resultComponentType === 'i32' &&
      [M, N, K].every(side => side % 4 === 0) &&
      [quarter % M, quarter % N, depth % K].every(left => left === 0) &&
      (quarter * quarter * depth) / (M * N * K) <= mostProducts &&
      subgroups * M * quarter <= mostWords,
  )
  const [largest] = fitting.sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K)
  return largest === undefined ? null : { M: largest.M, N: largest.N, K: largest.K, lanes }
}

/** @param functions - `signedWord` and `middleBits`, as in the shader of tiles, whose bindings, entry point and size it has, too */
export function matrixShader({ M, N, K, lanes }: MatrixShape, functions: string): string {
  const invocations = subgroups * lanes
  const counted = (count: number) => Array.from({ length: count }, (_, i) => i)
  const [rows, columns, steps] = [counted(quarter / M), counted(quarter / N), counted(depth / K)]
  const sums = rows.flatMap(r => columns.map(c => ({ r, c })))
  const words = matrixTile * (depth / 4)
  return `
enable subgroups;
enable chromium_experimental_subgroup_matrix;
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> matrix: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> size: vec4u;
// Lines of x, then of the matrix; sums once all products are made.
var<workgroup> tile: array<u32, ${Math.max(2 * tileWords, subgroups * M * quarter)}>;

${functions}

@compute @workgroup_size(${invocations})
fn layer(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32, @builtin(subgroup_id) subgroup: u32) {
  let firstRow = group.y * ${matrixTile}u;
  let firstColumn = group.x * ${matrixTile}u;
  let atX = (subgroup / 2u) * ${quarter * stride}u;
  let atMatrix = ${tileWords}u + (subgroup % 2u) * ${quarter * stride}u;
${sums.map(({ r, c }) => `  var s${r}_${c}: subgroup_matrix_result<i32, ${N}, ${M}>;`).join('\n')}
  for (var k = 0u; k < size.y; k += ${depth / 4}u) {
    for (var at = index; at < ${words}u; at += ${invocations}u) {
      let row = firstRow + at / ${depth / 4}u;
      let kx = k + at % ${depth / 4}u;
      var word = 0u;
      if (row < size.x && kx < size.y) { word = signedWord(x[row * size.y + kx]); }
      tile[(at / ${depth / 4}u) * ${stride}u + at % ${depth / 4}u] = word;
      let column = firstColumn + at % ${matrixTile}u;
      let km = k + at / ${matrixTile}u;
      word = 0u;
      if (column < size.z && km < size.y) { word = matrix[km * size.z + column]; }
      tile[${tileWords}u + (at % ${matrixTile}u) * ${stride}u + at / ${matrixTile}u] = word;
    }
    workgroupBarrier();
    if (subgroup < ${subgroups}u) {
${steps.map(step => multiply(step)).join('\n')}
    }
    workgroupBarrier();
  }
${rows.map(r => write(r)).join('\n')}
}
`

  /** Every row's part of the subgroup with every column's, for K entries. */
  function multiply(step: number): string {
    const at = (line: number) => `${line * stride + (step * K) / 4}u`
    return `      {
${rows.map(r => `        let a${r} = subgroupMatrixLoad<subgroup_matrix_left<i8, ${K}, ${M}>, row_major>(&tile, atX + ${at(r * M)}, ${stride}u);`).join('\n')}
${columns.map(c => `        let b${c} = subgroupMatrixLoad<subgroup_matrix_right<i8, ${N}, ${K}>, col_major>(&tile, atMatrix + ${at(c * N)}, ${stride}u);`).join('\n')}
${sums.map(({ r, c }) => `        s${r}_${c} = subgroupMatrixMultiplyAccumulate(a${r}, b${c}, s${r}_${c});`).join('\n')}
      }`
  }

  /** A row of products of all four subgroups, four columns a word. */
  function write(r: number): string {
    const bytes = [0, 1, 2, 3].map(i => `(middleBits(bitcast<i32>(tile[4u * at + ${i}u])) << ${8 * i}u)`)
    const words = (M * quarter) / 4
    return `  if (subgroup < ${subgroups}u) {
${columns.map(c => `    subgroupMatrixStore<row_major>(&tile, subgroup * ${M * quarter}u + ${c * N}u, s${r}_${c}, ${quarter}u);`).join('\n')}
  }
  workgroupBarrier();
  for (var at = index; at < ${subgroups * words}u; at += ${invocations}u) {
    let by = at / ${words}u;
    let row = firstRow + by / 2u * ${quarter}u + ${r * M}u + at % ${words}u / ${quarter / 4}u;
    let column = firstColumn + by % 2u * ${quarter}u + at % ${quarter / 4}u * 4u;
    if (row < size.x && column < size.z) { y[row * (size.z / 4u) + column / 4u] = ${bytes.join(' | ')}; }
  }
  workgroupBarrier();`
  }
}
