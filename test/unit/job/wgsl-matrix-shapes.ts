/** What adapters name: NVIDIA's, AMD's and Intel's by their drivers' lists, and the rest that has to be left alone. */
import { isFull } from '../../helpers/full-runs.ts'
import { smallSpec } from './small-spec.ts'

/** Two tiles along the columns, and a rest of K that no stage is full of. */
export const writtenOutSpec = { ...smallSpec, width: 132, layers: 1, weights: 1 }

/** Whose products are written out: two along K, or sides that differ. The software device takes its time to compile each. */
export const writtenOutCards = isFull ? (['amd', 'intel'] as const) : (['intel'] as const)

const config = (componentType: string, resultComponentType: string, M: number, N: number, K: number) => ({
  ...{ componentType, resultComponentType },
  ...{ M, N, K },
})

export const adapters = {
  nvidia: {
    subgroupMaxSize: 32,
    subgroupMatrixConfigs: [
      config('f16', 'f32', 16, 16, 16),
      config('u8', 'u32', 16, 16, 32),
      config('i8', 'i32', 16, 8, 32),
      config('i8', 'i32', 16, 16, 32),
    ],
  },
  amd: { subgroupMaxSize: 64, subgroupMatrixConfigs: [config('i8', 'i32', 16, 16, 16)] },
  intel: { subgroupMaxSize: 32, subgroupMatrixConfigs: [config('i8', 'i32', 8, 16, 32)] },
  apple: {
    subgroupMaxSize: 32,
    subgroupMatrixConfigs: [config('f32', 'f32', 8, 8, 8), config('f16', 'f16', 8, 8, 8)],
  },
  'one that sums in bytes': { subgroupMaxSize: 32, subgroupMatrixConfigs: [config('i8', 'i8', 16, 16, 32)] },
  software: { subgroupMaxSize: 8, subgroupMatrixConfigs: [config('i8', 'i32', 8, 8, 8)] },
  'one of odd sides': { subgroupMaxSize: 32, subgroupMatrixConfigs: [config('i8', 'i32', 16, 24, 32)] },
  'one whose sums find no room': { subgroupMaxSize: 32, subgroupMatrixConfigs: [config('i8', 'i32', 32, 16, 32)] },
  'one of wide subgroups': { subgroupMaxSize: 128, subgroupMatrixConfigs: [config('i8', 'i32', 16, 16, 32)] },
  'one that names none': {},
} as const
