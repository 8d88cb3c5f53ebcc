/**
 * The inner loop of a step as WebAssembly, put together here for a spec's shape: no compiler, no binary file, and the same bytes
 * everywhere. For the rows `from` to `to` of a group of [K rows, d layers, K bytes] it does
 *
 *     out[i] = XOR over l of (Σ_k B(l)[i, k] · x[k] >> 7) & 127        B signed bytes, x in [0, 127], int32
 *
 * The products are those of `i32x4.relaxed_dot_i8x16_i7x16_add_s` (pmaddubsw and pmaddwd on x86, sdot on ARM). "Relaxed" allows a
 * machine to treat bytes above 127 of the second operand as it likes and to saturate a pair's sum in 16 bits: x has no such bytes, and
 * a pair is at most 2 · 128 · 127 = 32,512 < 2^15, so that every machine gives the same bits.
 *
 * `read` goes over the same bytes and does nothing with them: what a step is measured against.
 *
 * Why: docs/why/memory-job.md
 */
import type { MemorySpec } from './memory-spec.ts'

type StepCode = {
  /** Rows `from` to `to - 1` of the group at byte `group`, of the state at byte `x`, to the bytes from `out` on. */
  readonly rows: (group: number, x: number, out: number, from: number, to: number) => void
  /** Reads `length` bytes from `start` on, a multiple of 128. */
  readonly read: (start: number, length: number) => number
}

/** Vectors of 16 bytes in a pass of the inner loop, each with a sum of its own. */
const lanes = 8
const laneBytes = 16

const type = { i32: 0x7f, v128: 0x7b, none: 0x40, function: 0x60 } as const

/** Unsigned LEB128, in which WebAssembly writes counts, indices and offsets. */
function unsigned(value: number): number[] {
  const low = value & 0x7f
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)]
}
/** Signed LEB128, of constants. */
function signed(value: number): number[] {
  const low = value & 0x7f
  const rest = value >> 7
  return (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40) ? [low] : [low | 0x80, ...signed(rest)]
}
const vector = (...items: readonly number[][]): number[] => [...unsigned(items.length), ...items.flat()]
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes]
const text = (value: string): number[] => sized([...Buffer.from(value)])
const section = (id: number, ...items: readonly number[][]): number[] => [id, ...sized(vector(...items))]

const get = (local: number) => [0x20, ...unsigned(local)]
const set = (local: number) => [0x21, ...unsigned(local)]
const constant = (value: number) => [0x41, ...signed(value)]
const i32 = {
  add: [0x6a],
  mul: [0x6c],
  and: [0x71],
  xor: [0x73],
  shiftRight: [0x75],
  lessUnsigned: [0x49],
} as const
const simd = (opcode: number, ...rest: number[]) => [0xfd, ...unsigned(opcode), ...rest]
/** Aligned to 16 bytes, at this offset from the address. */
const load = (offset: number) => simd(0x00, 4, ...unsigned(offset))
const storeByte = [0x3a, 0, 0]
const zero = simd(0x0c, ...new Array<number>(16).fill(0))
const xor = simd(0x51)
const add = simd(0xae)
const dotAndAdd = simd(0x113)
const lane = (index: number) => simd(0x1b, index)
const increase = (local: number, by: number[]) => [...get(local), ...by, ...i32.add, ...set(local)]
/** Repeats `body` while `local` is below what `bound` leaves: at least once. */
const loop = (local: number, bound: number[], body: number[]) => [
  ...[0x03, type.none, ...body],
  ...[...get(local), ...bound, ...i32.lessUnsigned, 0x0d, 0, 0x0b],
]
const allLanes = (of: (index: number) => number[], count = lanes) =>
  Array.from({ length: count }, (_, index) => of(index)).flat()
/** The sum, by `combine`, of the vectors in the locals from `first` on. */
const folded = (first: number, combine: number[]) => [
  ...get(first),
  ...Array.from({ length: lanes - 1 }, (_, index) => [...get(first + 1 + index), ...combine]).flat(),
]

function rowsFunction({ width, layers }: Pick<MemorySpec, 'width' | 'layers'>): number[] {
  // Parameters, then locals.
  const [group, x, out, row, to, at, layerEnd, rowEnd, k, bits, sum, sums] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
  // A row is a multiple of 64 bytes; whole passes of 128 leave nothing over in most.
  const used = width % (lanes * laneBytes) === 0 ? lanes : lanes / 2
  const oneLayer = [
    ...allLanes(index => [...zero, ...set(sums + index)]),
    ...[...get(x), ...set(k), ...get(at), ...constant(width), ...i32.add, ...set(layerEnd)],
    ...loop(at, get(layerEnd), [
      ...allLanes(
        index => [
          ...[...get(at), ...load(index * laneBytes), ...get(k), ...load(index * laneBytes)],
          ...[...get(sums + index), ...dotAndAdd, ...set(sums + index)],
        ],
        used,
      ),
      ...increase(at, constant(used * laneBytes)),
      ...increase(k, constant(used * laneBytes)),
    ]),
    ...[...folded(sums, add), ...set(sums)],
    ...[0, 1, 2, 3].flatMap(index => [...get(sums), ...lane(index), ...(index === 0 ? [] : i32.add)]),
    ...[...constant(7), ...i32.shiftRight, ...constant(127), ...i32.and, ...set(sum)],
    ...[...get(bits), ...get(sum), ...i32.xor, ...set(bits)],
  ]
  const rowBytes = width * layers
  const body = [
    ...[...get(row), ...constant(rowBytes), ...i32.mul, ...get(group), ...i32.add, ...set(at)],
    ...loop(row, get(to), [
      ...[...constant(0), ...set(bits), ...get(at), ...constant(rowBytes), ...i32.add, ...set(rowEnd)],
      ...loop(at, get(rowEnd), oneLayer),
      ...[...get(out), ...get(row), ...i32.add, ...get(bits), ...storeByte],
      ...increase(row, constant(1)),
    ]),
  ]
  return functionBody([6, type.i32], [lanes, type.v128], body)
}

function readFunction(): number[] {
  const [at, length, end, sums] = [0, 1, 2, 3]
  const body = [
    ...[...get(at), ...get(length), ...i32.add, ...set(end)],
    ...loop(at, get(end), [
      ...allLanes(index => [
        ...get(sums + index),
        ...get(at),
        ...load(index * laneBytes),
        ...xor,
        ...set(sums + index),
      ]),
      ...increase(at, constant(lanes * laneBytes)),
    ]),
    ...[...folded(sums, xor), ...lane(0)],
  ]
  return functionBody([1, type.i32], [lanes, type.v128], body)
}

const functionBody = (integers: number[], vectors: number[], code: number[]): number[] =>
  sized([...vector(integers, vectors), ...code, 0x0b])

/** The module: imports its memory, which threads may share, as `bank.memory`. */
export function stepModuleBytes(shape: Pick<MemorySpec, 'width' | 'layers'>): Uint8Array<ArrayBuffer> {
  const parameters = (count: number) => vector(...new Array<number[]>(count).fill([type.i32]))
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [type.function, ...parameters(5), 0], [type.function, ...parameters(2), 1, type.i32]),
    // A shared memory says the most it may have: all that can be addressed.
    ...section(2, [...text('bank'), ...text('memory'), 2, 3, 0, ...unsigned(65_536)]),
    ...section(3, [0], [1]),
    ...section(7, [...text('rows'), 0, 0], [...text('read'), 0, 1]),
    ...section(10, rowsFunction(shape), readFunction()),
  ])
}

/** What is used of WebAssembly, which TypeScript knows with a browser's types only. */
type Engine = {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Memory: new (size: {
    initial: number
    maximum: number
    shared: true
  }) => { readonly buffer: SharedArrayBuffer }
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown }
}
const { Module, Memory, Instance } = (globalThis as unknown as { readonly WebAssembly: Engine }).WebAssembly

const pageBytes = 65_536

export type StepMemory = { readonly bytes: Uint8Array; readonly code: StepCode }

/** Memory of at least so many bytes with the functions over it, each time it is called. @throws RangeError where there is no room */
export function stepMemories(shape: Pick<MemorySpec, 'width' | 'layers'>): (bytes: number) => StepMemory {
  const module = new Module(stepModuleBytes(shape))
  return bytes => {
    const pages = Math.ceil(bytes / pageBytes)
    const memory = new Memory({ initial: pages, maximum: pages, shared: true })
    const { exports } = new Instance(module, { bank: { memory } })
    return { bytes: new Uint8Array(memory.buffer), code: exports as StepCode }
  }
}
