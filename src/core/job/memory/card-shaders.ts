/**
 * What a card does for the memory job besides the products of a fill, as WGSL: Philox, the numbers that a fill begins with, the step, and
 * the plain read that a step is measured against.
 *
 * Why: docs/why/memory-job.md
 */
import { philoxDomain } from '../philox.ts'
import { groupBytes, type MemorySpec } from './memory-spec.ts'

type Shape = Pick<MemorySpec, 'width' | 'layers'>

/** WGSL has no high half of a 32-bit product, so it is put together of 16-bit halves as in `philox.ts`. */
const philoxFunctions = `
fn high(a: u32, m: u32) -> u32 {
  let al = a & 0xffffu;
  let ah = a >> 16u;
  let ml = m & 0xffffu;
  let mh = m >> 16u;
  let u = ah * ml + ((al * ml) >> 16u);
  let v = al * mh + (u & 0xffffu);
  return ah * mh + (u >> 16u) + (v >> 16u);
}
fn philox(counter: vec4u, first: vec2u) -> vec4u {
  var c = counter;
  var key = first;
  for (var round = 0u; round < 10u; round++) {
    c = vec4u(high(c.z, 0xcd9e8d57u) ^ c.y ^ key.x, c.z * 0xcd9e8d57u, high(c.x, 0xd2511f53u) ^ c.w ^ key.y, c.x * 0xd2511f53u);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}
// Of four bytes in [0, 127], each less 64: bit 6 tells the sign, and goes into bits 6 and 7 the other way round.
fn centred(bytes: vec4u) -> vec4u {
  return (bytes ^ vec4u(0x40404040u)) | ((~bytes & vec4u(0x40404040u)) << vec4u(1u));
}
`

/** Invocations along each side of a workgroup that draws. */
export const drawSide = 16

/**
 * A matrix of the epoch's, [K ÷ 4, K] words with four entries of one column in each, as the products read them. An invocation is one block
 * of one column. Entry point `weights`; `draw` is (key, key, matrix, unused).
 */
export const weightsShader = ({ width }: Shape): string => `${philoxFunctions}
@group(0) @binding(0) var<storage, read_write> entries: array<u32>;
@group(0) @binding(1) var<uniform> draw: vec4u;

@compute @workgroup_size(${drawSide}, ${drawSide})
fn weights(@builtin(global_invocation_id) own: vec3u) {
  if (own.x >= ${width}u || own.y >= ${width / 16}u) { return; }
  let low = philox(vec4u(own.y, own.x, draw.z, ${philoxDomain.weights}u), draw.xy) & vec4u(0x7f7f7f7fu);
  // A byte of 0 gives 0 and not -64: of the others, adding 127 sets bit 7.
  let isEntry = ((low + vec4u(0x7f7f7f7fu)) & vec4u(0x80808080u)) >> vec4u(7u);
  let words = centred(low) & (isEntry * 255u);
  for (var word = 0u; word < 4u; word++) { entries[(own.y * 4u + word) * ${width}u + own.x] = words[word]; }
}
`

/**
 * The rows that chains of a group begin with, signed, [lines, K ÷ 4] words; line n is layer n mod d of row ⌊n ÷ d⌋, as groups are stored.
 * An invocation is one block of one line. Entry point `lines`; `draw` is (key, key, group, first line) and `count` the lines.
 */
export const linesShader = ({ width, layers }: Shape): string => `${philoxFunctions}
@group(0) @binding(0) var<storage, read_write> entries: array<vec4u>;
@group(0) @binding(1) var<uniform> draw: array<vec4u, 2>;

@compute @workgroup_size(${drawSide}, ${drawSide})
fn lines(@builtin(global_invocation_id) own: vec3u) {
  if (own.x >= ${width / 16}u || own.y >= draw[1].x) { return; }
  let line = draw[0].w + own.y;
  let counter = vec4u(own.x, line / ${layers}u, draw[0].z, (line % ${layers}u) * 256u + ${philoxDomain.fill}u);
  entries[own.y * ${width / 16}u + own.x] = centred(philox(counter, draw[0].xy) & vec4u(0x7f7f7f7fu));
}
`

/** Invocations of a workgroup that steps. */
const invocations = 256
/** Rows of one invocation: their bytes of the next state are one word. */
const ownRows = 4

/** How a group is divided: so many invocations side by side along a row, so many such rows of them in a workgroup. */
function division({ width, layers }: Shape) {
  const vectors = width / 16
  const lanes = Math.min(invocations, 2 ** Math.ceil(Math.log2(vectors)))
  const slots = invocations / lanes
  // Layers at once: with the rows as many loads as one invocation has under way, and what its sums take of the workgroup's memory.
  const together = [4, 3, 2, 1].find(count => layers % count === 0)!
  return { vectors, lanes, slots, together, workgroups: Math.ceil(width / (slots * ownRows)) }
}

/** Workgroups of a step over one group. */
export const stepWorkgroups = (shape: Shape): number => division(shape).workgroups

/** Bytes from state to state in a card's memory: bindings begin at multiples of 256. */
export const stateStride = ({ width }: Pick<MemorySpec, 'width'>): number => Math.ceil(width / 256) * 256

/**
 * One step: x of K bytes is where `states` begins, and the next state goes after it. An invocation adds up its part of four rows and of
 * some layers, vectors of 16 bytes that lie side by side along the row; the sums of those along one row are added in the workgroup's
 * memory. Entry point `step`.
 */
export function stepShader(spec: MemorySpec): string {
  const { width, layers } = spec
  const { vectors, lanes, slots, together } = division(spec)
  const rows = Array.from({ length: ownRows }, (_, row) => row)
  const chunk = Array.from({ length: together }, (_, layer) => layer)
  const product = (row: number, layer: number) => `
        { let stored = group[at + ${(row * layers + layer) * vectors}u];
          sum${layer}[${row}] += dot4I8Packed(stored.x, x0) + dot4I8Packed(stored.y, x1) + dot4I8Packed(stored.z, x2) + dot4I8Packed(stored.w, x3); }`
  const words = stateStride(spec) / 4
  return `
@group(0) @binding(0) var<storage, read> group: array<vec4u, ${groupBytes(spec) / 16}>;
@group(0) @binding(1) var<storage, read_write> states: array<u32, ${2 * words}>;
var<workgroup> sums: array<vec4i, ${invocations * together}>;

@compute @workgroup_size(${invocations})
fn step(@builtin(workgroup_id) own: vec3u, @builtin(local_invocation_index) index: u32) {
  let lane = index % ${lanes}u;
  let row = (own.x * ${slots}u + index / ${lanes}u) * ${ownRows}u;
  var bits = vec4i();
  for (var layer = 0u; layer < ${layers}u; layer += ${together}u) {
${chunk.map(layer => `    var sum${layer} = vec4i();`).join('\n')}
    if (row < ${width}u) {
      for (var k = lane; k < ${vectors}u; k += ${lanes}u) {
        let at = (row * ${layers}u + layer) * ${vectors}u + k;
        let x0 = states[4u * k];
        let x1 = states[4u * k + 1u];
        let x2 = states[4u * k + 2u];
        let x3 = states[4u * k + 3u];${rows.flatMap(row => chunk.map(layer => product(row, layer))).join('')}
      }
    }
    // Those of the layers before have been read.
    workgroupBarrier();
${chunk.map(layer => `    sums[${layer * invocations}u + index] = sum${layer};`).join('\n')}
    for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (lane < half) {
${chunk.map(layer => `        sums[${layer * invocations}u + index] += sums[${layer * invocations}u + index + half];`).join('\n')}
      }
    }
${chunk.map(layer => `    bits ^= (sums[${layer * invocations}u + index] >> vec4u(7u)) & vec4i(127);`).join('\n')}
  }
  if (lane == 0u && row < ${width}u) {
    states[${words}u + row / ${ownRows}u] = u32(bits.x | (bits.y << 8u) | (bits.z << 16u) | (bits.w << 24u));
  }
}
`
}

/** Every byte of some groups that lie side by side, read as a step reads them and not used. Entry point `readAll`. */
export function readShader(spec: MemorySpec): string {
  const { width, layers } = spec
  const { vectors, lanes, slots } = division(spec)
  const all = Array.from({ length: ownRows * layers }, (_, line) => `seen ^= groups[at + ${line * vectors}u];`)
  return `
@group(0) @binding(0) var<storage, read> groups: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> said: array<u32, 1>;

@compute @workgroup_size(${invocations})
fn readAll(@builtin(workgroup_id) own: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = (own.x * ${slots}u + index / ${lanes}u) * ${ownRows}u;
  var seen = vec4u();
  if (row < ${width}u) {
    for (var k = index % ${lanes}u; k < ${vectors}u; k += ${lanes}u) {
      let at = own.y * ${groupBytes(spec) / 16}u + row * ${layers * vectors}u + k;
      ${all.join('\n      ')}
    }
  }
  // What hardly ever happens, and no compiler knows that.
  if ((seen.x ^ seen.y ^ seen.z ^ seen.w) == 0x9e3779b9u) { said[0] = index; }
}
`
}
