import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anyText } from '../../helpers/arbitraries.ts'
import { runs } from '../../helpers/full-runs.ts'
import { analyse, card, log } from './made-up-outputs.ts'

describe('any input', () => {
  const states = ['healthy', 'degraded', 'unreadable', 'absent', 'unknown']
  const survives = (text: string) => {
    const result = analyse(text)
    expect(states).toContain(result.state)
    expect(new Set(result.devices.map(({ localId }) => localId)).size).toBe(result.devices.length)
    if (result.state === 'unreadable') expect(result.faults.length).toBeGreaterThan(0)
    return result
  }
  const samples = [
    log(
      card({
        extra:
          '<mig_devices><mig_device><index>0</index></mig_device></mig_devices><processes><process_info><pid>1</pid></process_info></processes>',
      }),
    ),
    '==============NVSMI LOG==============\nAttached GPUs : 1\nGPU 00000000:01:00.0\n    Product Name : NVIDIA L4\n    GPU UUID : GPU-b1b1b1b1-0000-4000-8000-00000000000c\n    ECC Errors\n        Volatile\n            DRAM Uncorrectable : 0\n',
    'index, name, uuid, memory.total [MiB]\n0, NVIDIA L40S, GPU-b1b1b1b1-0000-4000-8000-00000000000d, 46068 MiB\n',
    'GPU 0: NVIDIA B200 (UUID: GPU-b1b1b1b1-0000-4000-8000-00000000000a)\n  MIG 1g.23gb     Device  0: (UUID: MIG-c0c0c0c0-0000-4000-8000-000000000000)\n',
    '[1.0] NVRM: GPU at PCI:0000:1b:00: GPU-b1b1b1b1-0000-4000-8000-00000000000a\n[1.1] NVRM: Xid (PCI:0000:1b:00): 79, pid=7, GPU has fallen off the bus.\n',
    JSON.stringify({
      card0: { 'Card series': 'MI100', 'PCI Bus': '0000:83:00.0', '0': '16.0GT/s x16 *' },
      system: { 'Driver version': '6' },
    }),
    JSON.stringify([
      { gpu: 0, asic: { market_name: 'MI300X' }, vram: { size: { value: 196592, unit: 'MB' } }, temperature: [1, [2]] },
    ]),
    JSON.stringify({ device_list: [{ device_id: 0, device_name: 'Max 1100', pci_bdf_address: '0000:29:00.0' }] }),
    'Unable to determine the device handle for GPU0000:07:00.0: Unknown Error\n',
  ]
  const mutated = fc
    .tuple(fc.constantFrom(...samples), fc.nat(), fc.nat(64), fc.string({ maxLength: 24 }), fc.constantFrom(...samples))
    .map(([text, at, length, insert, other]) => {
      const start = at % (text.length + 1)
      return `${text.slice(0, start)}${insert}${at % 7 === 0 ? other.slice(start % other.length) : ''}${text.slice(start + length)}`
    })

  it('gives a named state for mutated output of every tool, and never crashes', () => {
    fc.assert(
      fc.property(mutated, text => void survives(text)),
      { numRuns: Number(process.env.KAISAR_FUZZ_RUNS ?? runs(3_000)) },
    )
  })
  it('gives a named state for arbitrary text', () => {
    fc.assert(fc.property(anyText({ maxLength: 400 }), text => void survives(text)))
  })
  it('never says that there is no card while a whole one is listed', () => {
    fc.assert(
      fc.property(
        anyText({ maxLength: 60 }).filter(noise => !/<nvidia_smi_log|<!ENTITY|<gpu/i.test(noise)),
        noise => {
          const result = survives(`${noise}\n${samples[0]}\n${noise}`)
          expect(result.devices.some(({ record }) => record.model === 'NVIDIA B200')).toBe(true)
        },
      ),
    )
  })
  it.each([
    ['deep nesting', () => log(card({ extra: '<a>'.repeat(50_000) }))],
    ['thousands of cards', () => log(card().repeat(runs(10_000)))],
    ['one very long line', () => `GPU 0: ${'x'.repeat(2_000_000)}`],
    ['many brackets', () => '['.repeat(200_000)],
    ['many documents', () => '{"a":1}\n'.repeat(50_000)],
    ['many spaces', () => `==============NVSMI LOG==============\n${' '.repeat(300_000)}x`],
    ['many commas', () => ','.repeat(300_000)],
  ])('stays quick and bounded on %s', (_, make) => {
    expect(survives(make()).devices.length).toBeLessThanOrEqual(260)
  })
})
