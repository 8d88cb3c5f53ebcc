import { describe, expect, it } from 'vitest'
import { analyse, codes } from './made-up-outputs.ts'

describe('AMD and Intel', () => {
  const amdSmi = (wrap: (list: unknown[]) => unknown) =>
    JSON.stringify(
      wrap([
        {
          gpu: 0,
          asic: {
            market_name: 'AMD Instinct MI300X',
            vendor_id: '0x1002',
            device_id: '0x74a1',
            asic_serial: '0xABCD123400000001',
            target_graphics_version: 'gfx942',
          },
          bus: { bdf: '0000:05:00.0', max_pcie_width: 16 },
          vbios: { part_number: '113-M3000100-102' },
          driver: { name: 'amdgpu', version: '6.8.5' },
          vram: { type: 'HBM', size: { value: 196592, unit: 'MB' } },
          limit: { max_power: { value: 750, unit: 'W' } },
        },
      ]),
    )
  const metric = JSON.stringify([
    {
      gpu: 0,
      usage: { gfx_activity: { value: 7, unit: '%' } },
      power: { socket_power: { value: 140, unit: 'W' }, throttle_status: 'THROTTLED' },
      temperature: { edge: 'N/A', hotspot: { value: 44, unit: 'C' } },
      pcie: { width: 8 },
      ecc: { total_uncorrectable_count: 3 },
    },
  ])
  it('reads amd-smi of ROCm 6 and 7, with warnings around it', () => {
    for (const wrap of [(list: unknown[]) => list, (list: unknown[]) => ({ gpu_data: list })]) {
      const result = analyse(
        `WARNING: User is missing the following required groups: render\n${amdSmi(wrap)}\n${metric}\n[{"tool": "AMDSMI Tool", "rocm_version": "6.4.1"}]`,
      )
      expect(result.devices[0]).toMatchObject({
        computeApi: '6.4.1',
        deviceClass: 'amd-mi300x',
        state: 'degraded',
        record: {
          identity: 'AMD-abcd123400000001',
          model: 'AMD Instinct MI300X',
          memoryMiB: 196592,
          pciBusId: '0000:05:00.0',
          driver: '6.8.5',
        },
        readings: { temperatureC: 44, powerDrawWatts: 140, powerLimitWatts: 750, utilisationPercent: 7 },
      })
      expect(codes(result)).toEqual(
        expect.arrayContaining(['GPU_ECC_UNCORRECTED', 'GPU_THERMAL_THROTTLE', 'GPU_LINK_WIDTH_REDUCED']),
      )
    }
  })
  it('reads amd-smi of ROCm 5.7, which has plain numbers', () => {
    const old = JSON.stringify([
      {
        gpu: 0,
        asic: { market_name: 'MI210', device_id: '0x740f', asic_serial: '0x1234ABCD00000002' },
        bus: { bdf: '0000:29:00.0' },
        vram: { vram_type: 'HBM', vram_size_mb: 65520 },
        driver: { driver_version: '6.2.4' },
      },
    ])
    expect(analyse(old).devices[0]).toMatchObject({
      deviceClass: 'amd-mi210',
      record: { memoryMiB: 65520, driver: '6.2.4' },
    })
  })
  it('reads rocm-smi without --json', () => {
    const text =
      '====== ROCm System Management Interface ======\nGPU[0]\t\t: Card Series: \t\tNavi 31 [Radeon RX 7900 XT/7900 XTX/7900M]\nGPU[0]\t\t: Card Model: \t\t0x744c\nGPU[0]\t\t: GFX Version: \t\tgfx1100\nGPU[1]\t\t: Card Series: \t\tRaphael\n'
    expect(analyse(text).devices.map(({ record }) => record.model)).toEqual([
      'Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]',
      'Raphael',
    ])
  })
  it('sees that rocm-smi’s text ends before its last line', () => {
    const text =
      '==== ROCm System Management Interface ====\nGPU[0]\t\t: Card Series: \t\tAMD Instinct MI210\n==== End of ROCm SMI Log ====\n'
    expect(analyse(text)).toMatchObject({ state: 'healthy', faults: [] })
    const cut = analyse(text.slice(0, text.indexOf('==== End')))
    expect(cut).toMatchObject({ state: 'unreadable', faults: [{ code: 'GPU_OUTPUT_TRUNCATED', critical: false }] })
    expect(cut.devices).toHaveLength(1)
  })
  it('does not call a card degraded for what it does not have', () => {
    const text =
      'GPU[0]\t\t: Card Series: \t\tAMD Instinct MI210\nERROR: 2 GPU[0]: od volt: Not supported on the given system\t\n'
    expect(analyse(text)).toMatchObject({ state: 'healthy', faults: [], devices: [{ deviceClass: 'amd-mi210' }] })
  })
  it('knows a partition that stands alone, as a container is given it', () => {
    const { devices } = analyse('[{"gpu": 0, "bdf": "0000:05:00.1", "partition_id": 1}]')
    expect(devices.map(({ record, schedulable }) => [record.kind, schedulable])).toEqual([
      ['gpu', false],
      ['partition', true],
    ])
  })
  it('takes what is listed at one address twice for parts of one card', () => {
    const node = { 'Device Name': 'AMD Instinct MI300X', 'Device ID': '0x74a1', 'PCI Bus': '0000:05:00.0' }
    const { devices } = analyse(JSON.stringify({ card0: node, card1: { ...node, 'Device ID': 'N/A' } }))
    expect(devices.map(({ record, deviceClass }) => [record.kind, deviceClass])).toEqual([
      ['gpu', 'amd-mi300x'],
      ['partition', 'amd-mi300x-partition'],
      ['partition', 'amd-mi300x-partition'],
    ])
  })
  it('reads rocm-smi with the capitals of ROCm 6.1', () => {
    const text = JSON.stringify({
      card0: {
        'Device Name': 'AMD Instinct MI300X OAM',
        'Card Series': 'AMD Instinct MI300X OAM',
        'Device ID': '0x74a1',
        'Unique ID': '0xabcd123400000003',
        'PCI Bus': '0000:0B:00.0',
        'VRAM Total Memory (B)': '206141652992',
        'Current Socket Graphics Package Power (W)': '133.0',
      },
      system: { 'Driver version': '6.7.0' },
    })
    expect(analyse(text).devices[0]).toMatchObject({
      deviceClass: 'amd-mi300x',
      readings: { powerDrawWatts: 133 },
      record: { identity: 'AMD-abcd123400000003', memoryMiB: 196592 },
    })
  })
  it('keeps what is whole of JSON that is cut off', () => {
    const text = amdSmi(list => [...list, ...list.map(entry => ({ ...(entry as object), gpu: 1 }))])
    const result = analyse(text.slice(0, -60))
    expect(result.devices.length).toBeGreaterThanOrEqual(1)
    expect(codes(result)).toContain('GPU_OUTPUT_TRUNCATED')
  })
  it('reads xpu-smi discovery, all devices and one', () => {
    const device = {
      device_id: 0,
      device_name: 'Intel(R) Data Center GPU Max 1100',
      device_function_type: 'physical',
      pci_bdf_address: '0000:29:00.0',
      pci_device_id: '0xbda',
      uuid: '00000000-0000-0029-0000-002f0bda8086',
      memory_physical_size_byte: '51522830336',
      driver_version: 'I915_23.10',
    }
    for (const value of [{ device_list: [device] }, device])
      expect(analyse(JSON.stringify(value)).devices[0]).toMatchObject({
        deviceClass: 'intel-max-1100',
        record: { vendor: 'intel', memoryMiB: 49136, pciDeviceId: '8086:0bda', driver: 'I915_23.10' },
      })
  })
})
