import { describe, expect, it } from 'vitest'
import { classOfModel, classOfPciDevice, memoryFits } from '../../../src/core/devices/class-table.ts'

describe('the class of a card', () => {
  it.each([
    ['NVIDIA GB10', 'nvidia-gb10', null],
    ['NVIDIA GH200 480GB', 'nvidia-gh200', 97871],
    ['NVIDIA GB200', 'nvidia-gb200', 189471],
    ['NVIDIA B200', 'nvidia-b200', 183359],
    ['NVIDIA RTX PRO 6000 Blackwell Server Edition', 'nvidia-rtx-pro-6000-blackwell', 97887],
    ['NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition', 'nvidia-rtx-pro-6000-blackwell', 97887],
    ['NVIDIA GeForce RTX 5090', 'nvidia-rtx-5090', 32607],
    ['NVIDIA GeForce RTX 5090 D', 'nvidia-rtx-5090-d', 32607],
    ['NVIDIA GeForce RTX 5090 Laptop GPU', 'nvidia-rtx-5090-laptop', 24463],
    ['NVIDIA GeForce RTX 5070 Ti', 'nvidia-rtx-5070-ti', 16303],
    ['NVIDIA GeForce RTX 5060', 'nvidia-rtx-5060', 8151],
    ['NVIDIA GeForce RTX 5050', 'nvidia-rtx-5050', 8151],
    ['Orin (nvgpu)', 'nvidia-orin', null],
    ['NVIDIA Thor', 'nvidia-thor', null],
    ['AMD Instinct MI325X', 'amd-mi325x', 262128],
    ['AMD Instinct MI355X', 'amd-mi355x', 294896],
    ['AMD Radeon RX 9070 XT', 'amd-rx-9070', 16304],
    ['AMD Radeon RX 9060 XT', 'amd-rx-9060', 16304],
    ['AMD Radeon AI PRO R9700', 'amd-ai-pro-r9700', 32624],
    ['AMD Radeon(TM) 8060S Graphics', 'amd-strix-halo', null],
    ['Intel(R) Arc(TM) B580 Graphics', 'intel-arc-b580', 12216],
    ['Intel(R) Arc(TM) Pro B60 Graphics', 'intel-arc-pro-b60', 24480],
    ['Intel(R) Arc(TM) Pro B70 Graphics', 'intel-arc-pro-b70', 32656],
  ])('%s is %s', (name, id, memoryMiB) => {
    expect(classOfModel(name)?.id).toBe(id)
    expect(classOfModel(name)?.provenance).toMatch(/\S/)
    // Cards that share the host's memory have no size of their own.
    if (memoryMiB === null) expect(classOfModel(name)?.memoryGB).toEqual([])
    else expect(memoryFits(name, memoryMiB)).toBe(true)
  })

  it('is told by the PCI id too', () => {
    for (const [device, id] of [
      ['10de:2b85', 'nvidia-rtx-5090'],
      ['1002:74a5', 'amd-mi325x'],
      ['1002:75a3', 'amd-mi355x'],
      ['1002:1586', 'amd-strix-halo'],
      ['8086:e20b', 'intel-arc-b580'],
      ['8086:e223', 'intel-arc-pro-b70'],
    ])
      expect(classOfPciDevice(device!)?.id).toBe(id)
  })
})
