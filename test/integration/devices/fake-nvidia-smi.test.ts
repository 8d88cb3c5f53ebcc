import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { contradictMeasuredWork } from '../../../src/core/devices/cross-check.ts'
import { type Host, nodeHost } from '../../../src/core/devices/host.ts'
import { createHostProbe } from '../../../src/core/devices/host-probe.ts'
import { ownDevices } from '../../../src/core/provider/own-devices.ts'

/** Tools as real processes, on the PATH, that behave as their script says: how one may end. What they say needs no process. */
const claim = fileURLToPath(new URL('../../../fixtures/gpu/nvidia-smi-h100-claim.xml', import.meta.url))
const path = process.env.PATH ?? ''
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kaisar-shim-'))
  process.env.PATH = `${folder}${delimiter}${path}`
})
afterEach(() => {
  process.env.PATH = path
  rmSync(folder, { recursive: true, force: true })
})

const install = (tool: string, script: string) => {
  writeFileSync(join(folder, tool), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, tool), 0o755)
}

/** Tests own the kernel log too. */
beforeEach(() => install('dmesg', 'exit 0'))

/** This host as it would be without any card, whatever the machine that runs the test has. */
const host: Host = {
  ...nodeHost,
  platform: 'linux',
  readText: (file, maxBytes) =>
    file.startsWith('/proc/driver/nvidia') ? Promise.resolve(null) : nodeHost.readText(file, maxBytes),
  list: async file =>
    file === '/sys/bus/pci/devices'
      ? ['0000:00:00.0']
      : file.startsWith('/proc/driver/nvidia')
        ? null
        : nodeHost.list(file),
}
const probe = (limits = {}) =>
  createHostProbe(
    {},
    {
      host: { ...host, run: (command, args, more) => nodeHost.run(command, args, { ...more, ...limits }) },
    },
  ).probe()

/** What each tool says, whatever it is asked, and its exit code; the others are not there. */
type Said = Readonly<Record<string, readonly [text: string, exitCode?: number]>>
const saying =
  (tools: Said): Host['run'] =>
  async command => {
    const said = tools[command] ?? (command === 'dmesg' ? [''] : null)
    if (said === null) return { stdout: '', stderr: '', exitCode: null, failure: 'missing' }
    const [stdout, exitCode = 0] = said
    return { stdout, stderr: '', exitCode, failure: null }
  }
const probeSaying = (tools: Said, more: Partial<Host> = {}) =>
  createHostProbe({}, { host: { ...host, run: saying(tools), ...more } }).probe()
const claimed = readFileSync(claim, 'utf8')

describe('a tool that claims an H100 on a host without a GPU', () => {
  it('is a claim with contradictions: no kernel driver, no PCI device, work far below', async () => {
    install('nvidia-smi', `cat "${claim}"`)
    const result = await probe()
    expect(result.devices).toHaveLength(1)
    const { record, deviceClass, schedulable } = result.devices[0]!
    expect(record).toMatchObject({
      model: 'NVIDIA H100 80GB HBM3',
      identity: 'GPU-5eed5eed-f00d-4bad-8c1a-1ea5ab1ec0de',
    })
    expect({ deviceClass, schedulable }).toEqual({ deviceClass: 'nvidia-h100', schedulable: true })
    expect(
      result.faults.map(({ code, critical, contradiction }) => [
        code,
        critical,
        contradiction?.field,
        contradiction?.source,
      ]),
    ).toEqual([
      ['GPU_CLAIM_NO_KERNEL_DRIVER', false, 'driver', 'procfs'],
      ['GPU_CLAIM_NO_PCI_DEVICE', false, 'pciBusId', 'pci'],
    ])
    // 171 GFLOP/s is what two cores of a server processor do with the same job.
    expect(contradictMeasuredWork(record, 171e9)).toMatchObject({
      code: 'GPU_CLAIM_WORK',
      critical: false,
      contradiction: { field: 'model', claimed: record.model, source: 'measured work' },
    })
    expect(contradictMeasuredWork(record, 30e12)).toBeNull()
    expect(contradictMeasuredWork({ identity: 'x', model: 'A Card Nobody Knows' }, 1)).toBeNull()
  })
})

describe('tools that misbehave', () => {
  it.each([
    ['hangs', 'sleep 30.125', 'GPU_TOOL_TIMEOUT'],
    ['prints without end', 'yes "<gpu id=\\"00000000:17:00.0\\">"', 'GPU_OUTPUT_TOO_LARGE'],
    ['is ended by a signal', 'kill -SEGV $$', 'GPU_TOOL_CRASHED'],
    ['says nothing and fails', 'exit 255', 'GPU_TOOL_SILENT'],
    ['says nothing and succeeds', 'exit 0', 'GPU_TOOL_SILENT'],
    ['prints rubbish', "printf 'abc\\377\\376'; exit 0", 'GPU_OUTPUT_UNREADABLE'],
    [
      'fails with a mismatch on stdout',
      'echo "Failed to initialize NVML: Driver/library version mismatch"; echo "NVML library version: 535.161"; exit 18',
      'GPU_DRIVER_MISMATCH',
    ],
    ['fails on stderr', 'echo "Failed to initialize NVML: Unknown Error" >&2; exit 255', 'GPU_ACCESS_LOST'],
  ])('one that %s is a named, critical state, never "no GPU"', async (_what, script, code) => {
    install('nvidia-smi', script)
    const result = await probe({ timeoutMs: 1_000, maxBytes: 100_000 })
    expect(result.state).toBe('unreadable')
    expect(result.devices).toEqual([])
    expect(result.faults.map(fault => [fault.code, fault.critical])).toEqual([[code, true]])
  })

  it('one that finds no card leaves the CPU as the device, with a note', async () => {
    const result = await probeSaying({ 'nvidia-smi': ['No devices were found', 6] })
    expect(result).toMatchObject({ state: 'healthy', faults: [] })
    expect(result.devices[0]!.record.kind).toBe('cpu')
    expect(result.notes[0]).toMatchObject({ code: 'GPU_NONE_FOUND' })
  })

  it('one that detects none where the bus has none is no fault of a host without a card', async () => {
    const said = 'ERROR: Unable to detect any GPU devices, check amdgpu version and module status'
    const result = await probeSaying({ 'amd-smi': [said, 1] })
    expect(result).toMatchObject({ state: 'healthy', faults: [], notes: [{ code: 'GPU_NONE_DETECTED' }] })
    expect(result.devices[0]!.record.kind).toBe('cpu')
  })

  it('explains a card that is gone by the kernel log, and keeps what the log says of one that answers as history', async () => {
    const log =
      '[ 10.0] NVRM: Xid (PCI:0000:17:00): 63, Row Remapper\n[ 11.0] NVRM: Xid (PCI:0000:65:00): 79, GPU has fallen off the bus.\n'
    const result = await probeSaying({ 'nvidia-smi': [claimed], dmesg: [log] })
    expect(result.devices.map(({ record, state }) => [record.pciBusId, state])).toEqual([
      ['0000:17:00.0', 'degraded'],
      ['0000:65:00.0', 'unreadable'],
    ])
    expect(
      result.faults.filter(({ contradiction }) => contradiction === null).map(({ code, critical }) => [code, critical]),
    ).toEqual([
      ['GPU_MEMORY_REPAIRED', false],
      ['GPU_FELL_OFF_BUS', true],
    ])
  })

  it('good output with a bad exit code is good output', async () => {
    const result = await probeSaying({ 'nvidia-smi': [claimed, 1] })
    expect(result.devices[0]!.record.model).toBe('NVIDIA H100 80GB HBM3')
    expect(result.faults.filter(({ critical }) => critical)).toEqual([])
    expect(result.faults.map(({ code }) => code)).toContain('GPU_TOOL_EXIT_CODE')
  })

  it('falls back to -q where the XML lists nothing', async () => {
    install(
      'nvidia-smi',
      `case "$*" in
  "-q -x") echo '<?xml version="1.0" ?><nvidia_smi_log>';;
  "-L") echo 'GPU 0: NVIDIA L4 (UUID: GPU-5eed5eed-f00d-4bad-8c1a-1ea5ab1ec0df)';;
  "-q") printf '==============NVSMI LOG==============\\nDriver Version : 570.1\\nAttached GPUs : 1\\nGPU 00000000:17:00.0\\n    Product Name : NVIDIA L4\\n    GPU UUID : GPU-5eed5eed-f00d-4bad-8c1a-1ea5ab1ec0df\\n    FB Memory Usage\\n        Total : 23034 MiB\\n';;
esac`,
    )
    const result = await probe()
    expect(result.devices.map(({ record }) => [record.model, record.memoryMiB, record.pciBusId])).toEqual([
      ['NVIDIA L4', 23034, '0000:17:00.0'],
    ])
  })

  it('asks amd-smi, else rocm-smi', async () => {
    install(
      'rocm-smi',
      `echo 'WARNING: AMD GPU device(s) is/are in a low-power state'; echo '{"card0": {"Card series": "AMD Instinct MI210", "Unique ID": "0x1234abcd00000001", "PCI Bus": "0000:29:00.0"}}'`,
    )
    expect((await probe()).devices[0]!.record).toMatchObject({ vendor: 'amd', identity: 'AMD-1234abcd00000001' })
    install(
      'amd-smi',
      `case "$1" in static) echo '[{"gpu": 0, "asic": {"market_name": "AMD Instinct MI210", "asic_serial": "0x1234ABCD00000001"}}]';; *) echo '[]';; esac`,
    )
    expect((await probe()).devices.map(({ record }) => record.identity)).toEqual(['AMD-1234abcd00000001'])
  })

  it('reports a card on the PCI bus that no tool lists', async () => {
    const sysfs: Record<string, string> = {
      class: '0x030200\n',
      vendor: '0x10de\n',
      device: '0x2330\n',
      uevent: 'DRIVER=vfio-pci\n',
    }
    const withCard: Host = {
      ...host,
      list: async file => (file === '/sys/bus/pci/devices' ? ['0000:17:00.0'] : null),
      readText: async file =>
        file.startsWith('/sys/bus/pci/devices/') ? (sysfs[file.split('/').at(-1)!] ?? null) : null,
    }
    const result = await createHostProbe({}, { host: { ...withCard, run: saying({}) } }).probe()
    expect(result.state).toBe('unreadable')
    expect(result.faults[0]).toMatchObject({
      code: 'GPU_NOT_LISTED',
      critical: true,
      detail: '10de:2330 at 0000:17:00.0, kernel driver vfio-pci',
    })
  })
})

/** A host of its own, by its machine id, with the files and tools that are given. */
const hostOf = (
  machineId: string,
  {
    texts = {},
    lists = {},
    tools = {},
  }: { texts?: Record<string, string>; lists?: Record<string, string[]>; tools?: Said } = {},
) => ({
  ...host,
  run: saying(tools),
  readText: async (file: string) => texts[file] ?? (file === '/etc/machine-id' ? machineId.repeat(32) : null),
  list: async (file: string) => lists[file] ?? (file === '/sys/bus/pci/devices' ? [] : null),
})
const probeOn = (machine: ReturnType<typeof hostOf>) => createHostProbe({}, { host: machine }).probe()

describe('a card that is there', () => {
  const cut =
    '<?xml version="1.0" ?>\n<nvidia_smi_log>\n\t<driver_version>570.1</driver_version>\n\t<attached_gpus>2</attached_gpus>'
  it.each([
    [
      'whose nodes are closed to this user',
      'nvidia-smi',
      'Failed to initialize NVML: Insufficient Permissions',
      4,
      'GPU_PERMISSION_DENIED',
    ],
    ['whose description is cut off before it', 'nvidia-smi', cut, 0, 'GPU_NOTHING_READ'],
    ['that amd-smi may not open', 'amd-smi', 'AMDSMI_STATUS_NO_PERM', 1, 'GPU_PERMISSION_DENIED'],
    ['whose amd-smi ends in the middle', 'amd-smi', '[{"gpu": 0, "asic": {"market', 0, 'GPU_OUTPUT_UNREADABLE'],
    [
      'whose xpu-smi cannot start',
      'xpu-smi',
      '{"error":"Level Zero Initialization Error","errno":4}',
      0,
      'GPU_DRIVER_NOT_RUNNING',
    ],
    ['whose xpu-smi prints a table', 'xpu-smi', '| Device ID | Device Information |', 0, 'GPU_FORM_NOT_READ'],
  ])('%s is never the CPU in its place', async (_, tool, said, exit, code) => {
    const result = await probeSaying({ [tool]: [said, exit] })
    expect(result).toMatchObject({ state: 'unreadable', devices: [] })
    expect(result.faults.filter(({ critical }) => critical).map(fault => fault.code)).toEqual([code])
    expect(() => ownDevices(result, `0x${'11'.repeat(20)}`)).toThrow(code)
  })

  it('is one that only the kernel names: NVIDIA’s procfs, a board’s device tree, a wedged Intel card on the bus', async () => {
    const information =
      'Model: \t\t NVIDIA L4\nGPU UUID: \t GPU-5eed5eed-f00d-4bad-8c1a-1ea5ab1ec0df\nBus Location: \t 0000:17:00.0\n'
    const folder = '/proc/driver/nvidia/gpus'
    const named = await probeOn(
      hostOf('1', {
        texts: { [`${folder}/0000:17:00.0/information`]: information },
        lists: { [folder]: ['0000:17:00.0'] },
      }),
    )
    expect(named).toMatchObject({ state: 'unreadable', faults: [{ code: 'GPU_NOT_LISTED', critical: true }] })
    expect(named.devices.map(({ record, schedulable }) => [record.model, schedulable])).toEqual([['NVIDIA L4', false]])

    const board = {
      '/proc/device-tree/compatible': 'nvidia,p3737\0nvidia,tegra234\0',
      '/proc/device-tree/model': 'Jetson AGX Orin\0',
    }
    expect(await probeOn(hostOf('1', { texts: board }))).toMatchObject({
      state: 'unreadable',
      devices: [{ record: { model: 'Jetson AGX Orin' } }],
      faults: [{ code: 'GPU_NOT_LISTED' }],
    })

    const tools: Said = {
      dmesg: ['[ 10.5] xe 0000:03:00.0: [drm] *ERROR* CRITICAL: Xe has declared device 0000:03:00.0 as wedged.'],
      'xpu-smi': ['No GPU devices found.'],
    }
    expect(await probeOn(hostOf('1', { tools }))).toMatchObject({
      state: 'unreadable',
      devices: [{ record: { vendor: 'intel', pciBusId: '0000:03:00.0' } }],
      faults: [{ code: 'GPU_WEDGED', critical: true, fix: expect.stringContaining('unbind') }],
    })
  })
})

describe('a card that works', () => {
  it.each([
    ['rocm-smi', 'WARNING: No AMD GPUs specified'],
    [
      'amd-smi',
      'ERROR: Unable to detect any GPU devices, check amdgpu version and module status (sudo modprobe amdgpu)',
    ],
    ['rocm-smi', 'ERROR:root:Driver not initialized (amdgpu not found in modules)'],
    ['xpu-smi', 'No GPU devices found.'],
    ['xpu-smi', 'No device discovered'],
    ['xpu-smi', ''],
  ])('is not broken because %s says %j', async (tool, said) => {
    const result = await probeSaying({ 'nvidia-smi': [claimed], [tool]: [`${said}\n`] })
    expect(result.state).toBe('healthy')
    expect(result.faults.filter(({ contradiction }) => contradiction === null)).toEqual([])
    expect(ownDevices(result, `0x${'11'.repeat(20)}`)).toHaveLength(1)
  })

  it('goes on beside another vendor’s card that cannot be read', async () => {
    const tools: Said = {
      'nvidia-smi': ['Failed to initialize NVML: Driver/library version mismatch', 18],
      'rocm-smi': ['{"card0": {"Card series": "AMD Instinct MI210", "Unique ID": "0x1234abcd00000001"}}'],
    }
    const result = await probeSaying(tools, { list: async () => null })
    expect(result.state).toBe('unreadable')
    expect(result.faults).toEqual([
      expect.objectContaining({ code: 'GPU_DRIVER_MISMATCH', critical: true, vendor: 'nvidia' }),
    ])
    expect(ownDevices(result, `0x${'11'.repeat(20)}`).map(({ probed }) => probed.record.vendor)).toEqual(['amd'])
  })

  it('is not looked for in a processor’s display, nor in an NPU', async () => {
    const places: [string, string, string, string][] = [
      ['0000:00:02.0', '0x030000', '0x8086', '0x4680'],
      ['0000:00:0b.0', '0x120000', '0x8086', '0x7d1d'],
      ['0000:c1:00.0', '0x030000', '0x1002', '0x164e'],
    ]
    const sysfs = Object.fromEntries(
      places.flatMap(([at, kind, vendor, device]) => [
        [`/sys/bus/pci/devices/${at}/class`, kind],
        [`/sys/bus/pci/devices/${at}/vendor`, vendor],
        [`/sys/bus/pci/devices/${at}/device`, device],
      ]),
    )
    const tools: Said = { dmesg: ['[ 10.5] i915 0000:00:02.0: [drm] GPU HANG: ecode 12:1:85dffffb'] }
    const lists = { '/sys/bus/pci/devices': places.map(([at]) => at) }
    const result = await probeOn(hostOf('1', { texts: sysfs, lists, tools }))
    expect(result.devices.map(({ record }) => record.kind)).toEqual(['cpu'])
    expect(result).toMatchObject({ state: 'healthy', faults: [] })
  })
})

describe('two hosts of one operator', () => {
  it.each([
    [
      'an Intel UUID that is made of the PCI address',
      'xpu-smi',
      '{"device_list":[{"device_id":0,"device_name":"Intel(R) Arc(TM) B580 Graphics","pci_bdf_address":"0000:03:00.0","pci_device_id":"0xe20b","uuid":"00000000-0000-0003-0000-0000e20b8086"}]}',
    ],
    [
      'an Intel UUID that begins with the ids',
      'xpu-smi',
      '{"device_list":[{"device_id":0,"device_name":"Intel(R) Arc(TM) A770 Graphics","pci_bdf_address":"0000:03:00.0","uuid":"8680a056-0800-0000-0300-000000000000"}]}',
    ],
    [
      'an AMD UUID without a serial number',
      'amd-smi',
      '[{"gpu":0,"bdf":"0000:c4:00.0","uuid":"00ff1586-0000-1000-8000-000000000000"}]',
    ],
    [
      'an AMD unique id of zero',
      'rocm-smi',
      '{"card0":{"Card Series":"Radeon","Unique ID":"0x0","Serial Number":"N/A","PCI Bus":"0000:03:00.0"}}',
    ],
    [
      'two partitions of a card without a serial number',
      'amd-smi',
      '[{"gpu":0,"bdf":"0000:05:00.0","partition_id":0},{"gpu":1,"bdf":"0000:05:00.1","partition_id":1}]',
    ],
    [
      'a masked NVIDIA UUID',
      'nvidia-smi',
      'index, name, uuid, serial\n0, NVIDIA L4, GPU-00000000-0000-0000-0000-000000000000, 0',
    ],
    ['no UUID at all, as on a Jetson', 'nvidia-smi', 'index, name, uuid\n0, Orin (nvgpu), [N/A]'],
    ['a serial number that nobody set', 'nvidia-smi', 'index, name, serial\n0, NVIDIA L4, Default string'],
  ])('never have one device with %s', async (_, tool, said) => {
    const tools: Said = { [tool]: [said] }
    const ids = await Promise.all(
      ['1', '2'].map(async machine =>
        (await probeOn(hostOf(machine, { tools }))).devices.map(({ localId }) => localId),
      ),
    )
    expect(ids[0]!.length).toBeGreaterThan(0)
    expect(ids[0]).toHaveLength(ids[1]!.length)
    expect(new Set(ids.flat()).size).toBe(ids.flat().length)
    // Where a card sits does not change who it is on its own host.
    expect((await probeOn(hostOf('1', { tools }))).devices.map(({ localId }) => localId)).toEqual(ids[0])
  })
})
