import { describe, expect, it } from 'vitest'
import { criticalFaults } from '../../../src/core/devices/probed-device.ts'
import { analyse, type CardOptions, card, codes, log } from './made-up-outputs.ts'

describe('nvidia-smi XML', () => {
  it('reads a schema newer than any seen', () => {
    const result = analyse(
      log(card({ extra: '<new_section><deep><value>1</value></deep></new_section>' }), { driver: '999.1' }),
    )
    expect(result.state).toBe('healthy')
    expect(result.devices[0]).toMatchObject({
      architecture: 'Blackwell',
      computeApi: '13.0',
      deviceClass: 'nvidia-b200',
      record: { model: 'NVIDIA B200', memoryMiB: 183359 },
    })
    expect(result.notes.map(({ code }) => code)).toEqual(['GPU_DRIVER_UNKNOWN'])
  })

  it('reads an eight-card board and knows each by UUID', () => {
    const cards = Array.from({ length: 8 }, (_, at) =>
      card({ uuid: `GPU-b1b1b1b1-0000-4000-8000-00000000000${at}`, bus: `00000000:${(16 + at).toString(16)}:00.0` }),
    )
    const result = analyse(log(cards.join(''), { attached: 8 }))
    expect(result.devices).toHaveLength(8)
    expect(result.faults).toEqual([])
    expect(
      analyse(log(cards.toReversed().join(''), { attached: 8 }))
        .devices.map(({ localId }) => localId)
        .sort(),
    ).toEqual(result.devices.map(({ localId }) => localId).sort())
  })

  it('keeps the cards before a cut, and the one it cuts', () => {
    const whole = log(card() + card({ uuid: 'GPU-b1b1b1b1-0000-4000-8000-00000000000b', bus: '00000000:1C:00.0' }), {
      attached: 2,
    })
    const result = analyse(whole.slice(0, whole.lastIndexOf('<fb_memory_usage>')))
    expect(result.devices.map(({ state }) => state)).toEqual(['healthy', 'unreadable'])
    expect(result.devices[1]!.record.pciBusId).toBe('0000:1c:00.0')
    expect(codes(result)).toEqual(expect.arrayContaining(['GPU_OUTPUT_TRUNCATED', 'GPU_RECORD_INCOMPLETE']))
  })

  it('does not expand entities', () => {
    const bomb = `<!DOCTYPE nvidia_smi_log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><nvidia_smi_log>${card({ name: '&b;' })}</nvidia_smi_log>`
    const result = analyse(bomb)
    expect(result.state).toBe('unreadable')
    expect(codes(result)).toEqual(['GPU_OUTPUT_UNSAFE'])
  })

  it('names a lost card that is missing from the list, and keeps the others', () => {
    for (const spelling of [
      'GPU 0000:1C:00.0: Unknown Error',
      'GPU0000:1C:00.0: Unknown Error',
      'GPU1: 0000:1C:00.0: Unknown Error',
      'GPU 0000:1C:00.0: GPU is lost.  Reboot the system to recover this GPU',
    ]) {
      const result = analyse(`Unable to determine the device handle for ${spelling}\n${log(card(), { attached: 2 })}`)
      expect(result.devices.map(({ state, record }) => [state, record.pciBusId])).toEqual([
        ['healthy', '0000:1b:00.0'],
        ['unreadable', '0000:1c:00.0'],
      ])
      expect(result.faults.find(({ code }) => code === 'GPU_LOST')).toMatchObject({
        critical: true,
        device: result.devices[1]!.record.identity,
      })
    }
  })

  it.each([
    ['reset', '<gpu_recovery_action>Reset</gpu_recovery_action>', 'GPU_RESET_REQUIRED', true],
    [
      'reset, older field',
      '<gpu_reset_status><reset_required>Yes</reset_required></gpu_reset_status>',
      'GPU_RESET_REQUIRED',
      true,
    ],
    [
      'reset, in a cell',
      '<temperature><gpu_temp>GPU requires reset</gpu_temp></temperature>',
      'GPU_RESET_REQUIRED',
      true,
    ],
    ['unreadable cell', '<utilization><gpu_util>[Unknown Error]</gpu_util></utilization>', 'GPU_READING_FAILED', false],
    ['lost, in a cell', '<fan_speed>GPU is lost</fan_speed>', 'GPU_LOST', true],
    [
      'retirement',
      '<retired_pages><pending_retirement>Yes</pending_retirement></retired_pages>',
      'GPU_RETIREMENT_PENDING',
      false,
    ],
    [
      'retirement, older field',
      '<retired_pages><pending_blacklist>Yes</pending_blacklist></retired_pages>',
      'GPU_RETIREMENT_PENDING',
      false,
    ],
    [
      'remapping pending',
      '<remapped_rows><remapped_row_pending>Yes</remapped_row_pending></remapped_rows>',
      'GPU_ROW_REMAP_PENDING',
      false,
    ],
    [
      'remapping failed',
      '<remapped_rows><remapped_row_failure>Yes</remapped_row_failure></remapped_rows>',
      'GPU_ROW_REMAP_FAILED',
      true,
    ],
    [
      'new ECC',
      '<ecc_errors><volatile><sram_uncorrectable_parity>2</sram_uncorrectable_parity></volatile></ecc_errors>',
      'GPU_ECC_UNCORRECTED',
      false,
    ],
    [
      'old ECC',
      '<ecc_errors><volatile><double_bit><device_memory>1</device_memory><total>1</total></double_bit></volatile></ecc_errors>',
      'GPU_ECC_UNCORRECTED',
      false,
    ],
    [
      'thermal',
      '<clocks_event_reasons><clocks_event_reason_hw_thermal_slowdown>Active</clocks_event_reason_hw_thermal_slowdown></clocks_event_reasons>',
      'GPU_THERMAL_THROTTLE',
      false,
    ],
    [
      'thermal, older field',
      '<clocks_throttle_reasons><clocks_throttle_reason_sw_thermal_slowdown>Active</clocks_throttle_reason_sw_thermal_slowdown></clocks_throttle_reasons>',
      'GPU_THERMAL_THROTTLE',
      false,
    ],
    [
      'too hot',
      '<temperature><gpu_temp>97 C</gpu_temp><gpu_temp_slow_threshold>93 C</gpu_temp_slow_threshold></temperature>',
      'GPU_TEMPERATURE_HIGH',
      false,
    ],
    ['prohibited', '<compute_mode>Prohibited</compute_mode>', 'GPU_COMPUTE_PROHIBITED', true],
    ['fabric', '<fabric><state>In Progress</state><status>N/A</status></fabric>', 'GPU_FABRIC_NOT_READY', true],
    [
      'MIG without instances',
      '<mig_mode><current_mig>Enabled</current_mig></mig_mode><mig_devices>None</mig_devices>',
      'GPU_MIG_EMPTY',
      true,
    ],
  ])('finds: %s', (_, extra, code, critical) => {
    const result = analyse(log(card({ extra })))
    expect(result.faults).toEqual([
      expect.objectContaining({ code, critical, device: 'GPU-b1b1b1b1-0000-4000-8000-00000000000a' }),
    ])
    expect(result.devices[0]!.state).toBe(code === 'GPU_LOST' ? 'unreadable' : 'degraded')
    expect(result.devices[0]!.schedulable).toBe(!critical)
  })

  it('makes MIG instances devices, nested as GPU and compute instance', () => {
    const instance = (gi: number, ci: number) =>
      `<mig_device><index>${gi}</index><gpu_instance_id>${gi}</gpu_instance_id><compute_instance_id>${ci}</compute_instance_id><fb_memory_usage><total>22000 MiB</total></fb_memory_usage></mig_device>`
    const xml = log(
      card({
        extra: `<mig_mode><current_mig>Enabled</current_mig></mig_mode><mig_devices>${instance(0, 0)}${instance(1, 0)}${instance(2, 1)}</mig_devices>`,
      }),
    )
    const list =
      'GPU 0: NVIDIA B200 (UUID: GPU-b1b1b1b1-0000-4000-8000-00000000000a)\n' +
      ['1g.23gb', '1c.2g.45gb', '1g.23gb']
        .map(
          (profile, at) => `  MIG ${profile}     Device  ${at}: (UUID: MIG-c0c0c0c0-0000-4000-8000-00000000000${at})`,
        )
        .join('\n')
    const { devices } = analyse(xml, list)
    expect(devices.map(({ record, schedulable }) => [record.kind, record.identity, schedulable])).toEqual([
      ['gpu', 'GPU-b1b1b1b1-0000-4000-8000-00000000000a', false],
      ['mig', 'MIG-c0c0c0c0-0000-4000-8000-000000000000', true],
      ['mig', 'MIG-c0c0c0c0-0000-4000-8000-000000000001', true],
      ['mig', 'MIG-c0c0c0c0-0000-4000-8000-000000000002', true],
    ])
    expect(devices[2]!.record.part).toEqual({
      of: 'GPU-b1b1b1b1-0000-4000-8000-00000000000a',
      profile: '1c.2g.45gb',
      gpuInstance: 1,
      computeInstance: 0,
    })
  })

  it.each(['GRID P4-1Q', 'NVIDIA A100D-4-20C', 'GRID RTX6000-8Q', 'NVIDIA L40S-24Q', 'GRID M60-2B4'])(
    'sees that %s is a vGPU',
    name => {
      expect(
        analyse(log(card({ name, architecture: 'N/A', memory: 'N/A', pciId: 'N/A' }))).devices[0]!.record,
      ).toMatchObject({ kind: 'vgpu', part: { of: null } })
    },
  )
  it.each(['NVIDIA A100-SXM4-80GB', 'NVIDIA A100-PCIE-40GB', 'NVIDIA H100 PCIe', 'Tesla V100-SXM2-16GB'])(
    'sees that %s is not',
    name => {
      expect(
        analyse(log(card({ name, architecture: 'N/A', memory: 'N/A', pciId: 'N/A' }))).devices[0]!.record.kind,
      ).toBe('gpu')
    },
  )
})

describe('contradictions', () => {
  const finding = (options: CardOptions, driver?: string) =>
    analyse(log(card(options), driver ? { driver } : {})).faults.map(({ code, contradiction, critical }) => [
      code,
      contradiction?.field,
      critical,
    ])
  it.each([
    ['a memory size the model never had', { memory: '24576 MiB' }, undefined, ['GPU_CLAIM_MEMORY', 'memory']],
    ['the PCI id of another model', { pciId: '268410DE' }, undefined, ['GPU_CLAIM_MODEL', 'model']],
    ['another architecture', { architecture: 'Ampere' }, undefined, ['GPU_CLAIM_ARCHITECTURE', 'architecture']],
    ['a driver older than the card', {}, '535.54.03', ['GPU_CLAIM_DRIVER', 'driver']],
    ['a Windows-only branch on Linux', {}, '576.80', ['GPU_CLAIM_DRIVER', 'driver']],
  ] as const)('reports %s with its field', (_, options, driver, [code, field]) => {
    expect(finding(options, driver)).toEqual([[code, field, false]])
  })
  it('reports two devices with one UUID, and keeps them apart', () => {
    const result = analyse(log(card() + card({ bus: '00000000:1C:00.0' }), { attached: 2 }))
    expect(codes(result)).toEqual(['GPU_UUID_DUPLICATE', 'GPU_UUID_DUPLICATE'])
    expect(new Set(result.devices.map(({ localId }) => localId)).size).toBe(2)
  })
  it('compares with what the same file shows of the host', () => {
    const lspci =
      '1b:00.0 3D controller [0302]: NVIDIA Corporation GB100 [B200] [10de:2901] (rev a1)\n\tKernel driver in use: nvidia'
    const version = 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build'
    expect(codes(analyse(log(card()), lspci, version))).toEqual([])
    expect(codes(analyse(log(card()), lspci.replace('1b:', '2b:'), version))).toEqual([
      'GPU_CLAIM_NO_PCI_DEVICE',
      'GPU_NOT_LISTED',
    ])
    expect(codes(analyse(log(card()), version.replace('580.65.06', '570.1.1')))).toEqual(['GPU_CLAIM_DRIVER'])
  })
})

describe('other forms', () => {
  it('reads -q text with labels it does not know', () => {
    const text = `==============NVSMI LOG==============\n\nDriver Version                 : 570.1\nCUDA Version                   : 12.8\nAttached GPUs                  : 1\nGPU 00000000:01:00.0\n    Product Name               : NVIDIA GeForce RTX 5090\n    Something New\n        Deeper                 : 1\n    GPU UUID                   : GPU-b1b1b1b1-0000-4000-8000-00000000000c\n    FB Memory Usage\n        Total                  : 32607 MiB\n    Clocks Event Reasons\n        HW Slowdown            : Active\n            HW Thermal Slowdown : Active\n    Processes                  : None\n`
    const result = analyse(text)
    expect(result.devices[0]).toMatchObject({
      deviceClass: 'nvidia-rtx-5090',
      record: { memoryMiB: 32607, driver: '570.1' },
    })
    expect(codes(result)).toEqual(['GPU_THERMAL_THROTTLE'])
  })

  it('reads CSV by its header, and sees a gap in the indices', () => {
    const result = analyse(
      'index, name, uuid, memory.total [MiB], pcie.link.width.current, pcie.link.width.max\n0, NVIDIA L40S, GPU-b1b1b1b1-0000-4000-8000-00000000000d, 46068 MiB, 16, 16\n2, NVIDIA L40S, GPU-b1b1b1b1-0000-4000-8000-00000000000e, 46068 MiB, 8, 16\n',
    )
    expect(result.devices.map(({ index, state }) => [index, state])).toEqual([
      [0, 'healthy'],
      [2, 'degraded'],
    ])
    expect(codes(result)).toEqual(['GPU_LINK_WIDTH_REDUCED', 'GPU_INDEX_GAP'])
  })

  it('reads CSV without a header by the command that made it', () => {
    const result = analyse(
      '$ nvidia-smi --query-gpu=name,memory.total,temperature.gpu --format=csv,noheader,nounits\nNVIDIA A40, 46068, [GPU requires reset]\n',
    )
    expect(result.devices[0]!.record).toMatchObject({ model: 'NVIDIA A40', memoryMiB: 46068 })
    expect(codes(result)).toEqual(['GPU_RESET_REQUIRED'])
  })

  it('reads rows that follow a complaint, and counts the card it names by number alone', () => {
    const rows = analyse(
      'Unable to determine the device handle for GPU3: 0000:04:00.0: Unknown Error\n0, 00000000:01:00.0, NVIDIA GeForce RTX 3080\n1, 00000000:02:00.0, NVIDIA GeForce RTX 3080\n',
    )
    expect(rows.devices.map(({ record, state }) => [record.pciBusId, state])).toEqual([
      ['0000:01:00.0', 'healthy'],
      ['0000:02:00.0', 'healthy'],
      ['0000:04:00.0', 'unreadable'],
    ])
    const number = analyse('Unable to determine the device handle for GPU2: Unknown Error')
    expect(number.devices.map(({ index, state }) => [index, state])).toEqual([[2, 'unreadable']])
    expect(codes(number)).toEqual(['GPU_LOST'])
  })

  it('finds cards in a PCI list alone, and none in a kernel log that names none', () => {
    const list =
      '0005:07:00.0 VGA compatible controller: ASPEED Technology, Inc. ASPEED Graphics Family (rev 52)\n0008:01:00.0 3D controller: NVIDIA Corporation Device 2941 (rev a1)\n0009:01:00.0 3D controller: NVIDIA Corporation GA100 [A100 SXM4 40GB] (rev a1)\n'
    const result = analyse(list)
    expect(result.devices.map(({ record, state }) => [record.model, record.pciBusId, state])).toEqual([
      ['10de:2941', '0008:01:00.0', 'unreadable'],
      ['unknown', '0009:01:00.0', 'unreadable'],
    ])
    expect(result.faults.map(({ code, critical }) => [code, critical])).toEqual([
      ['GPU_ONLY_LOGGED', false],
      ['GPU_ONLY_LOGGED', false],
    ])
    expect(analyse('[    0.000000] Linux version 6.1.0\n[    0.100000] ACPI: RSDP\n')).toMatchObject({
      state: 'unknown',
      devices: [],
      faults: [],
      notes: [{ code: 'GPU_LOG_LISTS_NO_CARDS' }],
    })
  })

  it('does not call a card degraded that cannot say how it addresses memory', () => {
    expect(analyse(log(card({ extra: '<addressing_mode>Unknown Error</addressing_mode>' })))).toMatchObject({
      state: 'healthy',
      faults: [],
    })
  })

  it('does not forget a vendor’s cut list beside another vendor’s whole one', () => {
    const result = analyse(log(card()), '{"device_list": [\n {\n  "device_id": 0,\n  "device_na')
    expect(result.state).toBe('unreadable')
    expect(result.faults.filter(({ critical }) => critical)).toEqual([
      expect.objectContaining({ code: 'GPU_NOTHING_READ', vendor: 'intel', device: null }),
    ])
    expect(result.devices.map(({ record, schedulable }) => [record.model, schedulable])).toEqual([
      ['NVIDIA B200', true],
    ])
    expect(criticalFaults(result, result.devices[0]!.record.identity)).toEqual([])
  })

  it('joins what several files of one machine say', () => {
    const kernel = '[1.0] NVRM: Xid (PCI:0000:1b:00): 48, pid=7, DBE'
    const result = analyse(log(card()), kernel)
    expect(result.devices).toHaveLength(1)
    expect(result.faults).toEqual([
      expect.objectContaining({
        code: 'GPU_ECC_UNCORRECTED',
        critical: false,
        device: 'GPU-b1b1b1b1-0000-4000-8000-00000000000a',
      }),
    ])
  })

  it.each([
    [
      'NVIDIA-SMI has failed because it couldn’t communicate with the NVIDIA driver. Make sure…',
      'GPU_DRIVER_NOT_RUNNING',
      'unreadable',
    ],
    [
      'Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54\n',
      'GPU_DRIVER_MISMATCH',
      'unreadable',
    ],
    ['Failed to initialize NVML: Function Not Found', 'GPU_DRIVER_MISMATCH', 'unreadable'],
    ['nvidia-smi: symbol lookup error: nvidia-smi: undefined symbol: nvmlInit_v9', 'GPU_DRIVER_MISMATCH', 'unreadable'],
    ['Error: XPUM Service Status Error.', 'GPU_LIBRARY_FAILED', 'unreadable'],
    ["modprobe: ERROR: could not insert 'nvidia': Key was rejected by service", 'GPU_DRIVER_NOT_RUNNING', 'unreadable'],
    ['Failed to initialize NVML: Unknown Error', 'GPU_ACCESS_LOST', 'unreadable'],
    [
      'Failed to initialize NVML: GPU access blocked by the operating system\nFailed to properly shut down NVML',
      'GPU_ACCESS_BLOCKED',
      'unreadable',
    ],
    ['Failed to initialize NVML: Insufficient Permissions', 'GPU_PERMISSION_DENIED', 'unreadable'],
    ['Failed to initialize NVML: Something Nobody Saw Yet', 'GPU_LIBRARY_FAILED', 'unreadable'],
    ["NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.", 'GPU_LIBRARY_MISSING', 'unreadable'],
    ['No devices were found', 'GPU_NONE_FOUND', 'absent'],
    ['bash: nvidia-smi: command not found', 'GPU_TOOL_MISSING', 'unknown'],
    [
      'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].',
      'GPU_CONTAINER_RUNTIME',
      'unreadable',
    ],
    ['WARNING: No JSON data to report', 'GPU_NO_DATA', 'unreadable'],
    ['ERROR:root:Driver not initialized (amdgpu not found in modules)', 'GPU_DRIVER_NOT_RUNNING', 'unreadable'],
    ['{"error":"Level Zero Initialization Error","errno":4}', 'GPU_DRIVER_NOT_RUNNING', 'unreadable'],
    ['', 'GPU_OUTPUT_UNREADABLE', 'unreadable'],
    ['hello', 'GPU_OUTPUT_UNREADABLE', 'unreadable'],
  ])('names the failure in %j', (text, code, state) => {
    const result = analyse(text)
    expect(codes(result)).toEqual([code])
    expect(result.state).toBe(state)
  })
})
