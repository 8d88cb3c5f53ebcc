import type { MemorySpec } from '../../../src/core/job/memory/memory-spec.ts'

/** Small enough for BigInt: two layers, two products, three marks. */
export const smallMemorySpec: MemorySpec = {
  width: 64,
  layers: 2,
  products: 2,
  leastGroups: 4,
  windowMs: 300,
  markMs: 100,
  samples: 8,
  leastReadMs: 1,
}
