import { expect, it } from 'vitest'
import { peakOf } from '../../bench/card-peaks.ts'

it.each([
  ['NVIDIA H100 80GB HBM3', 'H100 SXM'],
  ['NVIDIA H100 PCIe', 'H100 PCIe'],
  ['NVIDIA H200', 'H200'],
  ['NVIDIA A100-SXM4-80GB', 'A100 80 GB SXM'],
  ['NVIDIA A100 80GB PCIe', 'A100 80 GB PCIe'],
  ['NVIDIA A100-SXM4-40GB', 'A100 40 GB'],
  ['NVIDIA GeForce RTX 4090', 'RTX 4090'],
  ['NVIDIA L4', 'L4'],
  ['NVIDIA L40S', 'L40S'],
  ['NVIDIA GeForce RTX 4090 Laptop GPU', null],
  ['NVIDIA GeForce RTX 4090 D', null],
  ['NVIDIA GeForce RTX 3060 Ti', null],
  ['NVIDIA L40', null],
  ['Some other card', null],
])('%s has the peaks of %s', (name, card) => {
  expect(peakOf(name)?.card ?? null).toBe(card)
})
